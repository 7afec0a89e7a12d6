"""The 4-bit C reads digits as well as Keras does, gives the same logits in NumPy, in C and in AVR
assembly, and stays within flash, RAM and cycles that are held here.

On the ATmega328P for all test digits, on the Cortex-M0+ for 300: for all there too, which takes a
minute or two, with TINYDIGITS_DEVICE_IMAGES=10000.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits.errors import TinydigitsError
from tinydigits_export.c import c4 as to_c4
from tinydigits_export.c.backend import CBackend
from tinydigits_export.c.c4 import HIGH, LOW, FourBit, fine_tuned, written
from tinydigits_export.c.dense import CSource
from tinydigits_export.devices.simulation import (
    ATMEGA328P,
    CORTEX_M0PLUS,
    Firmware,
    Run,
    Target,
    build,
)
from tinydigits_export.devices.table import MAIN
from tinydigits_export.keras_model import Original
from tinydigits_train.data import Dataset
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.tensorflow import load_tensorflow

pytestmark = pytest.mark.usefixtures("compiler")
ARM_IMAGES = int(os.environ.get("TINYDIGITS_DEVICE_IMAGES", "300"))


@pytest.fixture(scope="module")
def model(original: Original, mnist: Dataset) -> FourBit:
    return fine_tuned(original, mnist.train)


@pytest.fixture(scope="module")
def source(model: FourBit) -> CSource:
    return written(info_of(10), model)


def info_of(classes: int) -> ModelInfo:
    labels = tuple(str(k) for k in range(classes))
    return ModelInfo("my_digits", "dense", labels, 0, "0" * 64, "a test")


def random_model(classes: int, taken: NDArray[np.bool_]) -> FourBit:
    """Weights of every size for the pairs of pixels that are `taken`."""
    random = np.random.default_rng(classes)
    weights = random.integers(LOW, HIGH + 1, (784, classes)) * np.repeat(taken, 2)[:, None]
    scales, biases = random.integers(1, 2**15, classes), random.integers(-(2**20), 2**20, classes)
    return FourBit(weights, scales, biases, taken)


def random_original(classes: int) -> Original:
    """`classes` sigmoids over 784 pixels, never trained."""
    keras = load_tensorflow("export", "export").keras
    layers = [keras.Input((784,)), keras.layers.Dense(classes, activation="sigmoid")]
    labels = tuple(str(k) for k in range(classes))
    return Original(Path("own.keras"), keras.Sequential(layers), "0" * 64, labels, {})


def extreme_images(model: FourBit) -> NDArray[np.uint8]:
    """Paper, ink everywhere, what makes the sums largest and least, and noise: uint8, 784 each."""
    extreme = [255 * (sign * model.weights.T > 0) for sign in (1, -1)]
    noise = np.random.default_rng(0).integers(0, 256, (10, 784))
    every = [np.zeros((1, 784)), np.full((1, 784), 255), *extreme, noise]
    return np.concatenate(every).astype(np.uint8)


def simulated(
    source: CSource, images: NDArray[np.uint8], target: Target, folder: Path
) -> tuple[Firmware, Run]:
    """Skips the test where a compiler or simulator is missing."""
    files = {f"{source.name}.c": source.c, f"{source.name}.h": source.h}
    main = MAIN.format(name=source.name, classes=source.classes)
    try:
        firmware = build(files, target, main, folder, "-O2")
        return firmware, firmware.run(images.reshape(-1, 784))
    except ModelError:
        raise
    except TinydigitsError as error:
        pytest.skip(str(error))


def test_it_reads_digits_as_well_as_keras(
    original: Original, model: FourBit, mnist: Dataset, has_all_of_mnist: bool
) -> None:
    digits = mnist.test
    answers = model.logits(digits.images).argmax(axis=1)
    by_keras = original.scores(digits.images).argmax(axis=1)
    accuracy = float((answers == digits.labels).mean())
    if has_all_of_mnist:
        assert accuracy >= 0.926
        assert (answers == by_keras).mean() >= 0.965
    else:
        assert accuracy >= (by_keras == digits.labels).mean() - 0.03


def test_the_best_scores_are_about_those_of_keras(
    original: Original, source: CSource, mnist: Dataset
) -> None:
    by_keras, found = (
        np.median(backend.scores(mnist.test.images).max(axis=1))
        for backend in (original, CBackend(source))
    )
    assert abs(by_keras - found) < 0.02


def test_c_gives_the_logits_of_numpy(model: FourBit, source: CSource, mnist: Dataset) -> None:
    images = np.concatenate([mnist.test.images.reshape(-1, 784), extreme_images(model)])
    assert (CBackend(source).logits(images) == model.logits(images)).all()


def test_classify_gives_the_best_score_as_a_byte(source: CSource, mnist: Dataset) -> None:
    images = mnist.test.images[:500]
    backend = CBackend(source)
    answers, scores = backend.classify(images), backend.scores(images)
    assert (answers[:, 0] == scores.argmax(axis=1)).all()
    assert np.abs(answers[:, 1] - 255 * scores.max(axis=1)).max() < 2.5


@pytest.mark.parametrize("target", [ATMEGA328P, CORTEX_M0PLUS], ids=lambda target: target.name)
def test_devices_give_the_logits_of_numpy_within_their_limits(
    model: FourBit, source: CSource, mnist: Dataset, tmp_path: Path, target: Target
) -> None:
    images = mnist.test.images[: None if target is ATMEGA328P else ARM_IMAGES]
    firmware, run = simulated(source, images, target, tmp_path)
    assert run.outputs[:, 2:].tobytes() == model.logits(images).astype("<i4").tobytes()
    assert run.outputs[:, :2].tobytes() == CBackend(source).classify(images).tobytes()
    assert firmware.model.flash <= 4800
    assert firmware.model.ram == 0
    assert run.stack <= (80 if target is ATMEGA328P else 128)
    assert run.cycles.mean() <= (16_000 if target is ATMEGA328P else 25_000)


@pytest.mark.parametrize("classes", [2, 3, 9, 10])
def test_any_weights_come_out_the_same_everywhere(classes: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, taken in (
        ("all", np.ones(392, np.bool_)),
        ("some", random.random(392) < 0.3),
        ("last", np.arange(392) == 391),  # behind the longest gap
    ):
        model = random_model(classes, taken)
        source, images = written(info_of(classes), model), extreme_images(model)
        expected = model.logits(images)
        assert (CBackend(source).logits(images) == expected).all()
        folder = tmp_path / name
        folder.mkdir()
        outputs = simulated(source, images, ATMEGA328P, folder)[1].outputs
        assert outputs[:, 2:].tobytes() == expected.astype("<i4").tobytes()


def test_nothing_is_undefined_for_any_image(model: FourBit, source: CSource) -> None:
    trap = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
    images = extreme_images(model)
    assert (CBackend(source, trap).logits(images) == model.logits(images)).all()


def test_the_same_seed_gives_the_same_weights(
    mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_c4, "EPOCHS", 1)
    original = random_original(10)
    some = Digits(mnist.train.images[:2000], mnist.train.labels[:2000])
    texts = [to_c4.to_c4(original, info_of(10), some).c for _ in range(2)]
    assert texts[0] == texts[1]


def test_more_classes_than_an_avr_has_registers_for_are_refused(mnist: Dataset) -> None:
    with pytest.raises(ModelError, match="11 classes, where 4-bit C"):
        fine_tuned(random_original(11), mnist.train)
