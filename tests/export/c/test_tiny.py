"""The reader for the smallest parts answers the same in NumPy, in C and on an ATtiny13A, whose
flash and RAM hold the whole program: for all test digits.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits.errors import TinydigitsError
from tinydigits_export.c import tiny as to_tiny
from tinydigits_export.c.tiny import (
    HEAD_HIGH,
    HEAD_LOW,
    HIGH,
    LOW,
    REGIONS,
    UNITS,
    TinyBackend,
    TinyNetwork,
    TinySource,
    packed,
    region_counts,
    written,
)
from tinydigits_export.devices.simulation import ATTINY13A, Firmware, Run, build
from tinydigits_export.devices.table import CALL_OF_MAIN, MAIN_BY_PIXEL
from tinydigits_train.data import Dataset
from tinydigits_train.labelled_folder import Digits

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.fixture(scope="module")
def source(mnist: Dataset) -> TinySource:
    return to_tiny.to_tiny(mnist.train, info_of(10))


def info_of(classes: int) -> ModelInfo:
    labels = tuple(str(k) for k in range(classes))
    return ModelInfo("digits", "dense", labels, 0, "0" * 64, "a test")


def random_network(classes: int) -> TinyNetwork:
    random = np.random.default_rng(classes)
    regions = random.integers(LOW, HIGH + 1, (REGIONS, UNITS))
    regions[:, 0] = HIGH  # reaches the ceiling
    return TinyNetwork(regions, random.integers(HEAD_LOW, HEAD_HIGH + 1, (UNITS, classes)), 0.0)


def extreme_images() -> NDArray[np.uint8]:
    """uint8 [102, 28, 28]: paper, ink everywhere, and noise from sparse to dense."""
    random = np.random.default_rng(0)
    dense = np.linspace(0, 1, 100)[:, None, None]
    noise = np.where(random.random((100, 28, 28)) < dense, random.integers(90, 102, (28, 28)), 0)
    every = [np.zeros((1, 28, 28)), np.full((1, 28, 28), 255), noise]
    return np.concatenate(every).astype(np.uint8)


def simulated(source: TinySource, images: NDArray[np.uint8], folder: Path) -> tuple[Firmware, Run]:
    """Skips the test where the compiler or the simulator is missing."""
    files = {"tiny.c": source.c, "tiny.h": source.h}
    try:
        firmware = build(files, ATTINY13A, MAIN_BY_PIXEL.format(name="tiny"), folder, "-Os")
        return firmware, firmware.run(images.reshape(-1, 784))
    except ModelError:
        raise
    except TinydigitsError as error:
        pytest.skip(str(error))


def test_it_reads_most_digits(source: TinySource, mnist: Dataset, has_all_of_mnist: bool) -> None:
    right = (source.network.answers(mnist.test.images) == mnist.test.labels).mean()
    assert right >= (0.945 if has_all_of_mnist else 0.85)


def test_c_answers_as_numpy_does(source: TinySource, mnist: Dataset) -> None:
    images = np.concatenate([mnist.test.images, extreme_images()])
    assert (TinyBackend(source.c, source.h).answers(images) == source.network.answers(images)).all()


def test_an_attiny13a_holds_the_program_and_answers_as_numpy_does(
    source: TinySource, mnist: Dataset, tmp_path: Path
) -> None:
    images = mnist.test.images
    firmware, run = simulated(source, images, tmp_path)
    assert (run.outputs[:, 0] == source.network.answers(images)).all()
    assert firmware.program.flash <= ATTINY13A.flash
    assert firmware.model.ram <= 48
    assert firmware.program.ram + CALL_OF_MAIN + run.stack <= ATTINY13A.ram
    assert run.cycles.mean() <= 150_000


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_any_weights_come_out_the_same_everywhere(classes: int, tmp_path: Path) -> None:
    network = random_network(classes)
    source, images = written(network, info_of(classes)), extreme_images()
    expected = network.answers(images)
    assert (TinyBackend(source.c, source.h).answers(images) == expected).all()
    assert (simulated(source, images, tmp_path)[1].outputs[:, 0] == expected).all()


def test_no_total_can_overflow_its_16_bits() -> None:
    regions = np.full((REGIONS, UNITS), HIGH)
    network = TinyNetwork(regions, np.full((UNITS, 1), HEAD_HIGH), 0.0)
    assert network.totals(np.full((1, 28, 28), 255, np.uint8)) == 20 * 127 * 15 < 2**16


def test_regions_are_two_pixels_wide_but_at_the_border() -> None:
    counts = region_counts(np.full((1, 28, 28), 255, np.uint8)).reshape(10, 10)
    assert counts[0].tolist() == [36, *[12] * 8, 36]
    assert counts[1].tolist() == [12, *[4] * 8, 12]
    assert region_counts(np.full((1, 28, 28), to_tiny.INK - 1, np.uint8)).sum() == 0


def test_scores_are_the_class(source: TinySource, mnist: Dataset) -> None:
    backend, images = TinyBackend(source.c, source.h), mnist.test.images[:50]
    scores = backend.scores(images)
    assert (scores.argmax(axis=1) == backend.answers(images)).all()
    assert (np.sort(scores, axis=1)[:, -2:] == [0, 1]).all()


def test_other_files_are_refused(source: TinySource) -> None:
    with pytest.raises(ModelError, match=r"tiny\.h: not as"):
        TinyBackend(source.c, "")


def test_the_first_of_packed_values_is_the_lowest() -> None:
    assert packed(np.array([1, 0, 3, 2]), bits=2) == [0b10110001]
    assert packed(np.array([[1, 15], [0, 9]]), bits=4) == [0xF1, 0x90]


def test_the_same_seed_gives_the_same_weights(
    mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_tiny, "EPOCHS", 2)
    some = Digits(mnist.train.images[:2000], mnist.train.labels[:2000])
    texts = [to_tiny.to_tiny(some, info_of(10)).c for _ in range(2)]
    assert texts[0] == texts[1]


def test_more_classes_than_flash_has_room_for_are_refused(mnist: Dataset) -> None:
    with pytest.raises(ModelError, match="13 classes, where 1 kB"):
        to_tiny.to_tiny(mnist.train, info_of(13))
