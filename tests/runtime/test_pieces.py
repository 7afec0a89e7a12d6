"""What makes the digit is kept whole, and what lies about it is dropped."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits.ink import Ink
from tinydigits.pieces import digit_of, pieces_of
from tinydigits.resampling import Grey

SIDE = 64


def blank() -> Grey:
    return np.zeros((SIDE, SIDE), np.uint8)


def digit_only(levels: Grey) -> Grey:
    return digit_of(Ink(levels, 36)).levels


def five() -> Grey:
    """A digit of two pieces: the bar of a 5 apart from its body."""
    ink = blank()
    ink[14:17, 26:44] = 255
    ink[20:34, 24:28] = ink[32:36, 24:42] = ink[34:50, 40:44] = ink[48:52, 24:44] = 255
    return ink


def test_all_pieces_of_a_digit_stay() -> None:
    assert np.array_equal(digit_only(five()), five())


@pytest.mark.parametrize(
    "place",
    [
        np.s_[2:4, 2:4],  # dust in a corner
        np.s_[42:44, 46:48],  # dust beside the digit
        np.s_[20:44, 0:3],  # a neighbour's stroke, cut by the border
        np.s_[58:64, 50:64],  # a finger in the corner
        np.s_[6, :],  # a ruled line
        np.s_[:, 60:62],  # a paper edge
        np.s_[60:63, :],  # the lower one
    ],
)
def test_debris_goes(place: tuple[slice, slice]) -> None:
    ink = five()
    ink[place] = 255
    assert np.array_equal(digit_only(ink), five())


def test_a_ruled_line_through_the_digit_leaves_it_whole() -> None:
    ink = five()
    ink[42:44, :] = 255
    cleaned = digit_only(ink)
    assert np.array_equal(cleaned[42:44, 40:44], five()[42:44, 40:44])
    assert cleaned[42:44, :20].max() == 0
    assert cleaned[42:44, 50:].max() == 0


def test_a_digit_cut_by_the_border_stays() -> None:
    ink = blank()
    ink[0:40, 30:35] = 255
    assert np.array_equal(digit_only(ink), ink)


def test_a_larger_picture_is_cleaned_on_the_same_grid() -> None:
    large = five().repeat(3, axis=0).repeat(3, axis=1)[:190, :187]
    dusty = large.copy()
    dusty[3:8, 3:8] = 255
    assert np.array_equal(digit_only(dusty), large)


def test_faint_squares_that_cross_the_digit_go_and_strokes_stay_closed() -> None:
    ink = five()
    for line in (8, 24, 41, 58):
        ink[line][ink[line] == 0] = ink[:, line][ink[:, line] == 0] = 60
    cleaned = digit_only(ink)
    assert np.array_equal(cleaned >= 128, five() >= 128)


def test_dark_leaning_lines_that_cross_the_digit_go_by_their_shape() -> None:
    ink = five()
    for column in range(SIDE):
        ink[24 + column // 12, column] = 255
    cleaned = digit_only(ink)
    assert cleaned[:, :20].max() == 0
    assert cleaned[:, 48:].max() == 0
    assert np.array_equal(cleaned[32:], five()[32:])


def test_a_box_around_the_digit_goes() -> None:
    ink = five()
    ink[5:7, 8:56] = ink[56:58, 8:56] = ink[5:58, 8:10] = ink[5:58, 54:56] = 255
    assert np.array_equal(digit_only(ink), five())


def test_a_ring_around_a_dot_is_a_digit() -> None:
    ink = blank()
    ink[10:50, 20:44] = 255
    ink[15:45, 25:39] = 0
    ink[28:31, 30:33] = 255
    assert digit_only(ink)[10:50, 20:24].min() == 255


def test_a_stray_line_is_no_part_of_the_digit_nor_another_one() -> None:
    ink = five()
    for step in range(30):
        ink[56 - step, 47 + step // 2 : 49 + step // 2] = 255
    digit = digit_of(Ink(ink, 36))
    assert not digit.several
    assert digit.levels[:, 48:].max() == 0


def test_two_signs_are_several_and_broken_digits_are_not() -> None:
    pair = np.roll(five(), -20, axis=1) | np.roll(five(), 14, axis=1)
    assert digit_of(Ink(pair, 36)).several
    assert not digit_of(Ink(five(), 36)).several
    four = blank()
    four[12:32, 20:23] = four[30:33, 20:38] = four[12:52, 41:44] = 255
    assert not digit_of(Ink(four, 36)).several
    assert np.array_equal(digit_only(four), four)


def reference(mask: NDArray[np.bool_]) -> list[int]:
    """Sizes of the pieces, by flooding: slow and plain."""
    left = {(int(r), int(c)) for r, c in zip(*np.nonzero(mask), strict=True)}
    sizes = []
    while left:
        edge, size = [left.pop()], 0
        while edge:
            row, column = edge.pop()
            size += 1
            around = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= around
            edge += around
        sizes.append(size)
    return sorted(sizes)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4, 0.6, 0.9])
def test_pieces_are_those_that_flooding_finds(share: float) -> None:
    for seed in range(30):
        mask = np.random.default_rng(seed).random((23, 31)) < share
        pieces = pieces_of(mask)
        assert sorted(piece.cells for piece in pieces) == reference(mask)
        for piece in pieces:
            cells = [(row, c) for row, first, last in piece.runs for c in range(first, last)]
            assert all(mask[cell] for cell in cells)
            rows, columns = zip(*cells, strict=True)
            box = (min(rows), min(columns), max(rows) + 1, max(columns) + 1)
            assert box == (piece.top, piece.left, piece.bottom, piece.right)
