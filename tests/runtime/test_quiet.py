"""In a process of tinydigits' own, what libraries write to stdout and stderr is held back, and both
are what they were afterwards, whatever happens. In an application's process nothing is changed.
"""

import os
import threading
from pathlib import Path

import pytest

from tinydigits import quiet
from tinydigits.quiet import quiet_native_code, stderr_descriptor


@pytest.fixture
def _own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_is_own", True)


def test_an_application_keeps_its_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_native_code():
        os.write(2, b"the application's log")
    assert capfd.readouterr().err == "the application's log"


def stderr() -> tuple[int, int]:
    """What descriptor 2 leads to."""
    status = os.fstat(2)
    return status.st_dev, status.st_ino


def failing() -> None:
    os.write(2, b"what went wrong")
    raise KeyError


@pytest.mark.usefixtures("_own_process")
def test_it_is_shown_only_if_the_block_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_native_code():
        os.write(2, b"all is well")
    assert capfd.readouterr().err == ""
    for shows in (True, False):
        with pytest.raises(KeyError), quiet_native_code(shows):
            failing()
        assert capfd.readouterr().err == ("what went wrong" if shows else "")


@pytest.mark.usefixtures("_own_process")
def test_nothing_gets_between_rows(capfd: pytest.CaptureFixture[str]) -> None:
    print("a row")
    with quiet_native_code():
        os.write(1, b"native code")
        os.write(stderr_descriptor(), b"what must be said")
    print("another row")
    assert capfd.readouterr() == ("a row\nanother row\n", "what must be said")


@pytest.mark.usefixtures("_own_process")
def test_two_threads_leave_stderr_as_it_was() -> None:
    before = stderr()
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    def first() -> None:
        with quiet_native_code():
            first_is_in.set()
            second_is_in.wait(0.2)  # it must not be let in
        first_is_out.set()

    def second() -> None:
        first_is_in.wait(10)
        with quiet_native_code():
            second_is_in.set()
            first_is_out.wait(10)

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert stderr() == before


@pytest.mark.usefixtures("_own_process")
def test_blocks_can_be_nested(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_native_code():
        with quiet_native_code():
            os.write(2, b"inner")
        os.write(2, b"outer")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


@pytest.mark.linux
@pytest.mark.usefixtures("_own_process")
def test_where_nothing_can_be_held_the_block_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_file() -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(quiet, "memory_file", no_file)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with quiet_native_code():
        os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
    assert len(list(Path("/proc/self/fd").iterdir())) == before
