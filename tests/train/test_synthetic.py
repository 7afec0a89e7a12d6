"""Extra images: digits, as many of each class, and things that are none, of training digits."""

import math

import numpy as np

from tinydigits_train.labelled_folder import Digits
from tinydigits_train.synthetic import (
    BLANKS,
    LETTERS,
    PAIRS,
    SCRIBBLES,
    TEXTURES,
    drawn_digits,
    no_digits,
)

TRAINING = Digits(np.full((30, 28, 28), 77, np.uint8), np.zeros(30, np.uint8))


def test_drawn_digits_have_every_class_alike() -> None:
    digits = drawn_digits(0, count=50)
    assert np.bincount(digits.labels).tolist() == [5] * 10
    assert digits.images.shape == (50, 28, 28)
    assert (digits.images.reshape(50, -1).max(axis=1) > 100).all()


def test_no_digits_are_of_every_kind() -> None:
    share = 0.01
    images = no_digits(0, TRAINING, share)
    counts = [math.ceil(n * share) for n in (LETTERS, SCRIBBLES, TEXTURES, PAIRS, BLANKS)]
    assert images.shape == (sum(counts), 28, 28)
    assert not images[-counts[-1] :].any()
    pairs = images[-counts[-1] - counts[-2] : -counts[-1]]
    assert set(np.unique(pairs)) == {0, 77}  # of the given digits, and of no others


def test_of_the_fewest_digits_there_is_one_of_every_kind() -> None:
    images = no_digits(0, TRAINING, 8 / 54_000, letters=False)
    assert images.shape == (4, 28, 28)
    assert [bool(image.any()) for image in images] == [True, True, True, False]


def test_the_seed_decides() -> None:
    same, again, other = (no_digits(seed, TRAINING, 0.002) for seed in (3, 3, 4))
    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)
