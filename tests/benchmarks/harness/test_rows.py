"""Drawn rows hold the digits that their text says, in pieces or touching."""

import numpy as np
import pytest

from benchmarks.harness.rows import KINDS, Writing, picture, pictures
from tinydigits.segmentation import page_of
from tinydigits_train.labelled_folder import Digits

BARS = np.zeros((1, 28, 28), np.uint8)
BARS[0, 4:24, 12:15] = 255
ONES = Digits(BARS, np.array([1], np.uint8))


@pytest.mark.parametrize(("touching", "pieces"), [(0, 5), (1, 4), (2, 3)])
def test_as_many_pairs_touch_as_asked(touching: int, pieces: int) -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        image, text = picture(ONES, Writing(touching=touching), random)
        page = page_of(image, None)
        assert text == "11111"
        assert page is not None
        assert sum(piece.height > 15 for piece in page.pieces) == pieces


def test_rows_are_parted_by_newlines_and_the_seed_decides() -> None:
    for kind in KINDS:
        (image, text), (other, _) = pictures(ONES, kind, 2, seed=5)
        again, _ = next(pictures(ONES, kind, 1, seed=5))
        assert text == "\n".join(["11111"] * KINDS[kind].rows)
        assert np.array_equal(np.asarray(image), np.asarray(again))
        assert image.size != other.size or image.tobytes() != other.tobytes()
