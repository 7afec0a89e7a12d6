"""Extra images: digits, as many of each class, and things that are none, of training digits."""

import math

import numpy as np

from tinydigits_train.labelled_folder import Digits
from tinydigits_train.strokes import digit
from tinydigits_train.synthetic import KINDS, drawn_digits, no_digits

RANDOM = np.random.default_rng(0)
LABELS = np.arange(30, dtype=np.uint8) % 10
TRAINING = Digits(np.full((30, 28, 28), 77, np.uint8), LABELS)
DRAWINGS = [np.asarray(digit(label, RANDOM).resize((28, 28))) for label in LABELS.tolist()]
DRAWN = Digits(np.stack(DRAWINGS), LABELS)


def test_drawn_digits_have_every_class_alike() -> None:
    digits = drawn_digits(0, count=50)
    assert np.bincount(digits.labels).tolist() == [5] * 10
    assert digits.images.shape == (50, 28, 28)
    assert (digits.images.reshape(50, -1).max(axis=1) > 100).all()


def test_no_digits_are_of_every_kind() -> None:
    share = 0.003
    images = no_digits(0, DRAWN, share)
    counts = [math.ceil(kind.count * share) for kind in KINDS]
    assert images.dtype == np.uint8
    assert images.shape == (sum(counts), 28, 28)
    *kinds, blanks = np.split(images, np.cumsum(counts)[:-1])
    assert not blanks.any()
    for kind in kinds:
        assert len({image.tobytes() for image in kind}) > len(kind) // 2
        assert (kind.reshape(len(kind), -1).max(axis=1) > 100).mean() > 0.7


def test_digits_of_no_digits_are_the_given_ones() -> None:
    rows = no_digits(0, TRAINING, 0.002)[-10:-1]  # several in a row; then a blank
    assert set(np.unique(rows)) == {0, 255}  # flat, as those are; and with the ink of a picture


def test_of_the_fewest_digits_there_is_one_of_every_kind() -> None:
    images = no_digits(0, TRAINING, 8 / 54_000, letters=False)
    assert images.shape == (4, 28, 28)
    assert [bool(image.any()) for image in images] == [True, True, True, False]


def test_the_seed_decides() -> None:
    same, again, other = (no_digits(seed, DRAWN, 0.002) for seed in (3, 3, 4))
    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)
