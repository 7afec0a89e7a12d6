"""A lesson shows what it should, and never what is set aside."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tinydigits_train import lesson as lesson_module
from tinydigits_train.data import Digits
from tinydigits_train.extra import drawn_digits, no_digits
from tinydigits_train.lesson import augmented_lesson, calibrated, plain_lesson
from tinydigits_train.tensorflow import load_tensorflow


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few extra images."""

    def few(seed: int, digits: Digits, share: float = 1.0) -> NDArray[np.uint8]:
        return no_digits(seed, digits, share / 100)

    monkeypatch.setattr(lesson_module, "drawn_digits", lambda seed: drawn_digits(seed, 20))
    monkeypatch.setattr(lesson_module, "no_digits", few)


def test_the_plain_lesson_is_the_digits(mnist_test: Digits) -> None:
    lesson = plain_lesson(None, Digits(mnist_test.images[:100], mnist_test.labels[:100]), 32, 0)
    assert lesson.images.shape == (100, 784)
    assert lesson.images.max() == 1
    assert (lesson.steps, lesson.validation) == (4, None)


@pytest.mark.usefixtures("small")
def test_what_is_set_aside_is_not_shown(
    mnist_test: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesson_module, "augment", lambda _, images: images)
    digits = Digits(mnist_test.images[:500], mnist_test.labels[:500])
    lesson = augmented_lesson(load_tensorflow("a test", "train"), digits, 16, seed=5)
    assert lesson.validation is not None
    aside = {image.tobytes() for image in lesson.validation.digits.images}
    assert len(aside) == 50
    shown, targets = [], []
    for images, wanted in lesson.images:
        shown += [(image * 255).astype(np.uint8).tobytes() for image in images.numpy()]
        targets.append(wanted.numpy())
    assert len(shown) == lesson.steps * 16
    assert not aside & set(shown)
    sums = np.concatenate(targets).sum(axis=1)
    assert set(sums) == {0, 1}
    assert (sums == 0).mean() == pytest.approx(238 / (450 + 20 + 238), abs=0.05)


class Known:
    """A model whose best score rises evenly from 0 to 1 over the images, the second at half."""

    input_shape = (None, 784)

    def predict(self, pixels: NDArray[np.float32], **_: object) -> NDArray[np.float32]:
        scores = np.zeros((len(pixels), 10), np.float32)
        scores[:, 3] = np.linspace(0, 1, len(pixels))
        scores[:, 4] = scores[:, 3] / 2
        return scores


def test_thresholds_refuse_the_share_they_should() -> None:
    digits = Digits(np.zeros((1001, 28, 28), np.uint8), np.zeros(1001, np.uint8))
    validation = lesson_module.Validation(digits, digits.images)
    thresholds = calibrated(Known(), validation)
    assert thresholds.min_score == pytest.approx(lesson_module.REFUSED_LOW)
    assert thresholds.max_ratio == pytest.approx(0.5)
