"""Augmenting changes every digit in its own way, keeps it a digit, and keeps nothing nothing."""

import numpy as np
import pytest

from tinydigits_train.augment import augment, augment_picture
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.tensorflow import load_tensorflow

pytestmark = pytest.mark.tensorflow


def test_each_is_changed_within_the_range_of_pixels(mnist_test: Digits) -> None:
    tensorflow = load_tensorflow("a test", "train")
    tensorflow.random.set_seed(1)
    before = mnist_test.images[:200, ..., np.newaxis].astype(np.float32) / 255
    after = augment(tensorflow, tensorflow.constant(before)).numpy()
    assert after.shape == before.shape
    assert after.min() >= 0
    assert after.max() <= 1
    assert (np.abs(after - before).max(axis=(1, 2, 3)) > 0.1).all()
    assert np.allclose(after * 255, np.round(after * 255), atol=1e-3)  # as a file would hold it
    ratio = after.sum(axis=(1, 2, 3)) / before.sum(axis=(1, 2, 3))
    assert ((ratio > 0.15) & (ratio < 5)).all()
    assert 0.6 < np.median(ratio) < 1.5


def test_an_unchanged_axis_stays_in_the_middle() -> None:
    tensorflow = load_tensorflow("a test", "train")
    dot = np.zeros((2000, 28, 28, 1), np.float32)
    dot[:, 12:16, 12:16] = 1
    after = augment(tensorflow, tensorflow.constant(dot)).numpy().mean(axis=0)[..., 0]
    rows, columns = np.indices((28, 28))
    assert abs((rows * after).sum() / after.sum() - 13.5) < 0.2
    assert abs((columns * after).sum() / after.sum() - 13.5) < 0.2


def test_no_strength_changes_nothing(mnist_test: Digits) -> None:
    tensorflow = load_tensorflow("a test", "train")
    before = mnist_test.images[:50, ..., np.newaxis].astype(np.float32) / 255
    after = augment(tensorflow, tensorflow.constant(before), strength=0.0).numpy()
    assert np.abs(after - before).max() < 1.5 / 255


def test_a_blank_stays_dark() -> None:
    tensorflow = load_tensorflow("a test", "train")
    after = augment(tensorflow, tensorflow.zeros([100, 28, 28, 1])).numpy()
    assert np.median(after.max(axis=(1, 2, 3))) == 0


def test_a_resized_picture_keeps_its_ground_and_is_shown_in_both_polarities() -> None:
    tensorflow = load_tensorflow("a test", "train")
    tensorflow.random.set_seed(1)
    before = np.full((400, 28, 28, 1), 0.2, np.float32)
    before[:, 8:20, 12:16] = 0.8
    after = augment_picture(tensorflow, tensorflow.constant(before)).numpy()
    assert after.min() >= 0
    assert after.max() <= 1
    middle, border = after[:, 12:16, 12:16].mean(axis=(1, 2, 3)), after[:, 0].mean(axis=(1, 2))
    exchanged = middle < border
    assert 0.4 < exchanged.mean() < 0.6
    # No black enters from beyond the border: it is as bright as the ground.
    assert np.abs(after[:, 0].mean(axis=(1, 2)) - after[:, 2].mean(axis=(1, 2))).max() < 0.05
