"""Large arrays are answered by all CPUs, with the scores that one gives, also in a process that was
forked, and small ones by one.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from tinydigits import sharing as sharing_module
from tinydigits.model import BUNDLED, OnnxBackend, load_model
from tinydigits.sharing import FROM, FROM_OF_CONVOLUTIONS, sharing

IMAGES = np.random.default_rng(0).integers(0, 256, (4200, 28, 28), np.uint8)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads of each network that is opened from now on."""
    threads: list[int] = []

    class Counted(OnnxBackend):
        def __init__(self, data: bytes, origin: str, count: int = 1) -> None:
            threads.append(count)
            super().__init__(data, origin, count)

    monkeypatch.setattr(sharing_module, "OnnxBackend", Counted)
    return threads


@pytest.mark.parametrize("name", BUNDLED)
def test_they_are_answered_in_order_however_many_share_the_work(
    name: str, monkeypatch: pytest.MonkeyPatch, opened: list[int]
) -> None:
    backend, _ = load_model(name)
    alone = backend.scores(IMAGES)
    one_by_one = [backend.scores(IMAGES[place : place + 1]) for place in range(0, 4200, 70)]
    assert np.allclose(alone[::70], np.concatenate(one_by_one), atol=1e-5)
    for cpus in (1, 2, 3, 7):
        monkeypatch.setattr(sharing_module, "usable_cpus", lambda cpus=cpus: cpus)
        shared = sharing_module.Sharing(backend)  # type: ignore[arg-type]
        assert shared.scores(IMAGES).tobytes() == alone.tobytes()
    assert opened == [2, 3, 7]


@pytest.mark.parametrize(("name", "first"), [("dense", FROM), ("conv", FROM_OF_CONVOLUTIONS)])
def test_threads_are_started_once_by_the_first_array_that_gains(
    name: str, first: int, monkeypatch: pytest.MonkeyPatch, opened: list[int]
) -> None:
    monkeypatch.setattr(sharing_module, "usable_cpus", lambda: 2)
    backend, _ = load_model(name)
    shared = sharing_module.Sharing(backend)  # type: ignore[arg-type]
    shared.scores(IMAGES[: first - 1])
    assert opened == []
    shared.scores(IMAGES[:first])
    assert opened == [2]
    shared.scores(IMAGES)
    assert opened == [2]


FORKED = """
import os, sys
import numpy as np
from tinydigits import Classifier, sharing
sharing.usable_cpus = lambda: 2
images = np.zeros((2048, 28, 28), np.uint8)
classifier = Classifier("dense")
expected = classifier.scores(images)
child = os.fork()
if child == 0:
    same = np.array_equal(classifier.scores(images), expected)
    del classifier
    sys.exit(0 if same else 3)  # not os._exit: everything is let go
_, status = os.waitpid(child, 0)
assert np.array_equal(classifier.scores(images), expected)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_that_is_forked_then_answers_and_ends() -> None:
    assert subprocess.run([sys.executable, "-c", FORKED], timeout=60).returncode == 0


def test_what_is_not_onnx_answers_by_itself() -> None:
    class Other:
        pass

    other = Other()
    assert sharing(other) is other  # type: ignore[arg-type, comparison-overlap]
