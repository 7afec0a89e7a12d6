"""A lesson shows what it should, and never what is set aside."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits.fitting import Fit
from tinydigits_train import batches as lesson_module
from tinydigits_train.batches import (
    MOST_REPEATS,
    Lesson,
    augmented_lesson,
    balanced,
    calibrated,
    eased_lesson,
    nudged_lesson,
    picture_lesson,
    plain_lesson,
    remembered,
    softened,
    split,
)
from tinydigits_train.labelled_folder import Dataset, Digits
from tinydigits_train.synthetic import drawn_digits, no_digits
from tinydigits_train.tensorflow import load_tensorflow


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few extra images."""

    def few(seed: int, digits: Digits, share: float, letters: bool) -> NDArray[np.uint8]:
        assert share == pytest.approx(len(digits.labels) / lesson_module.OTHERS_FOR)
        return no_digits(seed, digits, 0.01, letters=letters)

    monkeypatch.setattr(lesson_module, "drawn_digits", lambda seed, _: drawn_digits(seed, 20))
    monkeypatch.setattr(lesson_module, "no_digits", few)
    monkeypatch.setattr(lesson_module, "FEWEST_SHOWN", 1)


def dataset(digits: Digits, labels: str = "0123456789") -> Dataset:
    return Dataset(digits, digits, "digits", "a test", tuple(labels))


def test_the_plain_lesson_is_the_digits(mnist_test: Digits) -> None:
    digits = Digits(mnist_test.images[:100], np.arange(100, dtype=np.uint8) % 10)
    lesson = plain_lesson(None, dataset(digits), 32, 0)
    assert lesson.images.shape == (100, 784)
    assert lesson.images.max() == 1
    assert (lesson.steps, lesson.validation) == (4, None)


@pytest.mark.tensorflow
def test_the_nudged_lesson_is_the_digits_a_changed_copy_of_each_and_drawn_ones(
    mnist_test: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is drawn where the classes are others, since a drawn 7 would be a wrong letter."""
    monkeypatch.setattr(lesson_module, "OTHERS_FOR", 100_000)
    tensorflow = load_tensorflow("a test", "train")
    digits = Digits(mnist_test.images[:100], np.arange(100, dtype=np.uint8) % 10)
    lesson = nudged_lesson(tensorflow, dataset(digits), 32, 0)
    assert (lesson.images.shape, lesson.images.dtype) == ((210, 784), np.float32)
    assert lesson.labels is not None
    assert lesson.labels.tolist() == [*digits.labels, *digits.labels, *range(10)]
    assert lesson.steps == 7
    own, changed = lesson.images[:100], lesson.images[100:200]
    assert np.array_equal(own, plain_lesson(None, dataset(digits), 32, 0).images)
    moved = np.abs(own - changed).mean(axis=1)
    apart = np.abs(own - np.roll(own, 1, axis=0)).mean(axis=1)
    assert (moved > 0).all()
    assert moved.mean() < 0.5 * apart.mean()
    assert len(nudged_lesson(tensorflow, dataset(digits, "ABCDEFGHIJ"), 32, 0).images) == 200


@pytest.mark.tensorflow
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("make", "without"), [(augmented_lesson, 503 / (450 + 20 + 503)), (eased_lesson, 0)]
)
def test_what_is_set_aside_is_not_shown(
    make: Callable[..., Lesson],
    without: float,
    mnist_test: Digits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """without: the share of images without a digit."""
    monkeypatch.setattr(lesson_module, "augment", lambda _, images, strength: images)  # noqa: ARG005
    digits = Digits(mnist_test.images[:500], np.arange(500, dtype=np.uint8) % 10)
    lesson = make(load_tensorflow("a test", "train"), dataset(digits), 16, seed=5)
    assert lesson.validation is not None
    aside = {image.tobytes() for image in lesson.validation.images}
    assert len(aside) == 50
    shown, targets = [], []
    for images, wanted in lesson.images:
        shown += [(image * 255).astype(np.uint8).tobytes() for image in images.numpy()]
        targets.append(wanted.numpy())
    assert len(shown) == lesson.steps * 16
    assert not aside & set(shown)
    sums = np.concatenate(targets).sum(axis=1)
    assert set(sums) == ({0, 1} if without else {1})
    assert (sums == 0).mean() == pytest.approx(without, abs=0.05)


@pytest.mark.tensorflow
def test_the_scores_of_a_teacher_are_a_part_of_the_targets() -> None:
    tensorflow = load_tensorflow("a test", "train")
    layer = tensorflow.keras.layers.Dense(3, "sigmoid", bias_initializer="ones")
    teacher = tensorflow.keras.Sequential([tensorflow.keras.Input((4,)), layer])
    images, targets = np.eye(4, dtype=np.float32), np.eye(4, 3, dtype=np.float32)
    batches = tensorflow.data.Dataset.from_tensor_slices((images, targets)).batch(2)
    mixed = np.concatenate([wanted.numpy() for _, wanted in softened(teacher, batches)])
    part = lesson_module.TAUGHT
    scores = np.asarray(teacher(images))
    assert mixed == pytest.approx((1 - part) * targets + part * scores)
    # A network that is trained further keeps the scores that are right, and learns the others.
    right = np.round(scores)
    targets[:2], targets[2:] = right[:2], 1 - right[2:]
    batches = tensorflow.data.Dataset.from_tensor_slices((images, targets)).batch(2)
    mixed = np.concatenate(
        [wanted.numpy() for _, wanted in remembered(tensorflow, teacher, batches)]
    )
    assert mixed == pytest.approx(np.concatenate([scores[:2], targets[2:]]))


@pytest.mark.tensorflow
def test_of_the_fewest_digits_one_is_set_aside() -> None:
    tensorflow = load_tensorflow("a test", "train")
    lesson = augmented_lesson(tensorflow, dataset(labelled(4, 4), "ab"), 128, seed=0)
    assert lesson.validation is not None
    assert len(lesson.validation.labels) == 1
    assert lesson.steps * 128 >= lesson_module.FEWEST_SHOWN - 128


def test_a_single_correction_is_learnt_and_validates() -> None:
    sides = split(Digits(np.ones((1, 28, 28), np.uint8), np.array([7], np.uint8)), seed=0)
    assert [side.labels.tolist() for side in sides] == [[7], [7]]


def test_thresholds_refuse_the_share_they_should() -> None:
    scores = np.zeros((1001, 10), np.float32)
    scores[:, 3] = np.linspace(0, 1, 1001)
    scores[:, 4] = scores[:, 3] * np.linspace(0, 1, 1001)
    for shares in ((), (0.01, 0.1)):
        thresholds = calibrated(scores, *shares)
        low, ambiguous = shares or (
            lesson_module.REFUSED_LOW,
            lesson_module.REFUSED_AMBIGUOUS,
        )
        assert thresholds.min_score == pytest.approx(low)
        assert thresholds.max_ratio == pytest.approx(1 - ambiguous)


def labelled(*counts: int) -> Digits:
    """As many images of each class, each with its own level."""
    labels = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(len(labels))
    return Digits(images, labels)


def test_classes_of_about_one_size_are_left_alone() -> None:
    digits = labelled(10, 14)
    assert balanced(digits, 2, seed=0) is digits


def test_small_classes_are_shown_as_often_as_large_ones() -> None:
    digits = labelled(60, 20, 2)
    shown = balanced(digits, 3, seed=0)
    assert np.bincount(shown.labels).tolist() == [60, 60, 2 * MOST_REPEATS]
    pairs = set(zip(shown.images[:, 0, 0].tolist(), shown.labels.tolist(), strict=True))
    assert pairs == set(zip(digits.images[:, 0, 0].tolist(), digits.labels.tolist(), strict=True))


@pytest.mark.tensorflow
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("shown", "fit"),
    [(picture_lesson, "auto"), (picture_lesson, "resize"), (eased_lesson, "auto")],
)
def test_pictures_of_none_of_the_classes_are_shown_with_no_score(
    shown: Callable[..., Lesson], fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesson_module, "FEWEST_PICTURES_SHOWN", 1)
    monkeypatch.setattr(lesson_module, "FEWEST_SHOWN", 1)
    monkeypatch.setattr(lesson_module, "augment", lambda _, images, strength: images)  # noqa: ARG005
    monkeypatch.setattr(lesson_module, "augment_picture", lambda _, images: images)
    others = np.full((3, 28, 28), 77, np.uint8)
    data = replace(dataset(labelled(*[3] * 10)), fit=fit, others=others)
    lesson = shown(load_tensorflow("a test", "train"), data, 1, seed=0)
    sums = [
        float(targets.numpy().sum())
        for images, targets in lesson.images
        if (np.round(images.numpy() * 255) == 77).all()
    ]
    assert sums == [0, 0, 0]


@pytest.mark.tensorflow
def test_other_classes_get_no_drawn_digits_and_no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_letters(seed: int, digits: Digits, share: float, letters: bool) -> NDArray[np.uint8]:
        assert not letters
        return no_digits(seed, digits, share, letters=letters)

    monkeypatch.setattr(lesson_module, "no_digits", no_letters)
    monkeypatch.setattr(lesson_module, "drawn_digits", None)
    tensorflow = load_tensorflow("a test", "train")
    lesson = augmented_lesson(tensorflow, dataset(labelled(40, 40), "ab"), 32, seed=0)
    assert lesson.steps * 32 >= lesson_module.FEWEST_SHOWN - 32
    _, targets = next(iter(lesson.images))
    assert targets.shape == (32, 2)
