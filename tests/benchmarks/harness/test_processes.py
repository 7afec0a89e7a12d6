"""Whole processes are measured as they are: their own time and memory, and their own errors."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.children import Child, check_agreement, children
from benchmarks.harness.processes import ContestantError, run

pytestmark = pytest.mark.slow

MB = 1_000_000


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_time_output_and_memory_are_those_of_the_process() -> None:
    large = np.ones(400 * MB, np.uint8)  # which this process holds, and no other
    plain = run(python("print('one'); print('two')"))
    assert plain.lines == ["one", "two"]
    assert plain.peak < 60 * MB
    slow = run(python("import time; time.sleep(0.5); kept = b'x' * 200_000_000"))
    assert slow.peak >= 200 * MB
    assert slow.seconds >= plain.seconds + 0.4
    assert large.all()


def test_the_largest_of_several_processes_counts() -> None:
    inner = "kept = b'x' * 150_000_000"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert run(python(code)).peak >= 150 * MB


def test_stdin_is_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a line\n")
    echo = python("import sys; print(sys.stdin.read())")
    assert run(echo, tmp_path / "in").lines[0] == "a line"
    assert run(echo).lines == [""]


def test_a_process_that_fails_is_an_error_in_its_own_words() -> None:
    with pytest.raises(ContestantError, match="ended with 3: it is broken"):
        run(python("import sys; print('it is broken', file=sys.stderr); sys.exit(3)"))


def test_a_contestant_that_cannot_start_is_an_error_in_its_own_words(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((100, 28, 28), np.uint8))
    asked = {"raw": ("onnxruntime", 1)}
    with (
        pytest.raises(ContestantError, match=r"missing\.onnx"),
        children(asked, tmp_path, "missing", tmp_path / "images.npy"),
    ):
        pass


def test_contestants_that_read_otherwise_are_refused() -> None:
    def child(name: str, classes: list[int]) -> Child:
        return Child(name, "", tuple(classes), None)  # type: ignore[arg-type]

    first = child("first", [1] * 100)
    check_agreement({"first": first, "int8": child("int8", [1] * 90 + [2] * 10)})
    with pytest.raises(ContestantError, match="other agrees with first on 50% of the images"):
        check_agreement({"first": first, "other": child("other", [1] * 50 + [2] * 50)})
