"""A picture of several digits becomes pieces: lines and edges go, lines of writing are found, and
pieces are cut where they are thin.
"""

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tinydigits.baselines import lines_of
from tinydigits.cutting import cuts_of, parts_of
from tinydigits.pieces import Piece, pieces_of
from tinydigits.ruling import without_lines
from tinydigits.segmentation import page_of

Levels = NDArray[np.uint8]


def ring(levels: Levels, left: int, top: int, side: int = 40, stroke: int = 5) -> None:
    """Draw a square ring."""
    levels[top : top + side, left : left + side] = 255
    inner = slice(top + stroke, top + side - stroke), slice(left + stroke, left + side - stroke)
    levels[inner] = 0


def boxes(pieces: list[Piece]) -> list[tuple[int, int]]:
    return [(piece.left, piece.top) for piece in pieces]


def test_a_ruled_line_is_removed_and_what_crosses_it_stays() -> None:
    levels = np.zeros((100, 400), np.uint8)
    for left in (40, 120, 250):
        ring(levels, left, 40)
    plain = levels.copy()
    levels[76:79, 5:395] = 255
    found = without_lines(levels, pieces_of(levels > 0), 40)
    assert len(pieces_of(found > 0)) == 3
    assert (found > 0).sum() < (plain > 0).sum() * 1.05
    assert ((found > 0) & (plain > 0)).sum() > (plain > 0).sum() * 0.9


def test_a_foot_on_a_ruled_line_is_not_cut_where_it_is_thin() -> None:
    levels = np.zeros((100, 400), np.uint8)
    levels[40:79, 100:105] = levels[72:79, 100:130] = 255
    levels[:76, 114:116] = 0
    levels[76:79, 5:395] = 255
    found = without_lines(levels, pieces_of(levels > 0), 40)
    assert boxes(pieces_of(found > 0)) == [(100, 40)]


def test_the_feet_of_digits_are_no_ruled_line() -> None:
    levels = np.zeros((100, 200), np.uint8)
    for left in (20, 80, 140):
        ring(levels, left, 40)
    assert without_lines(levels, pieces_of(levels > 0), 40) is levels


def test_the_sides_of_a_box_are_removed_and_a_one_within_it_stays() -> None:
    """Without its level lines, each side would be a piece that looks like a 1."""
    levels = np.zeros((100, 400), np.uint8)
    levels[30:90, 50:350] = 255
    levels[32:88, 52:348] = 0
    ring(levels, 120, 40)
    levels[40:80, 200:203] = 255  # no thicker than the box
    found = without_lines(levels, pieces_of(levels > 0), 40)
    assert boxes(pieces_of(found > 0)) == [(120, 40), (200, 40)]


def test_a_line_is_found_where_strokes_are_as_thin_as_lines_may_be() -> None:
    """All of these crosses is thin enough to be a part of a line, which may have 10 px."""
    levels = np.zeros((200, 500), np.uint8)
    for left in range(20, 450, 90):
        for row in range(60):
            for column in (left + row, left + 59 - row):
                levels[50 + row, column : column + 5] = 255
    plain = levels.copy()
    levels[104:106, 5:495] = 255
    found = without_lines(levels, pieces_of(levels > 0), 60)
    assert len(pieces_of(found > 0)) == 5
    assert ((found > 0) & (plain > 0)).sum() > (plain > 0).sum() * 0.95


def slanted(levels: Levels, degrees: float) -> Levels:
    turned = Image.fromarray(levels).rotate(degrees, Image.Resampling.BICUBIC)
    return np.where(np.asarray(turned) > 60, 255, 0).astype(np.uint8)


def boxes_in_a_row(levels: Levels, width: int, apart: int, line: int) -> None:
    """Draw four boxes, each with a digit in it."""
    for left in range(30, 30 + 4 * (width + apart), width + apart):
        ring(levels, left + 13, 50)
        box = levels[30:110, left : left + width]
        box[:line] = box[-line:] = box[:, :line] = box[:, -line:] = 255


@pytest.mark.parametrize(("apart", "line", "degrees", "tall"), [(2, 4, 4, 50), (1, 3, 5, 64)])
def test_sides_of_two_boxes_that_are_hardly_apart_are_removed(
    apart: int, line: int, degrees: int, tall: int
) -> None:
    """Level lines are not removed between them, and sides that meet here and there are thick."""
    levels = np.zeros((140, 400), np.uint8)
    boxes_in_a_row(levels, 66, apart, line)
    levels = slanted(levels, degrees)
    found = without_lines(levels, pieces_of(levels > 0), tall)
    assert len([each for each in pieces_of(found > 0) if each.height > 15]) == 4


def test_slanted_boxes_are_removed_far_from_the_borders_where_digits_touch_them() -> None:
    levels = np.zeros((400, 400), np.uint8)
    for left in range(60, 310, 50):
        ring(levels, left + 7, 182, 36)
        box = levels[172:228, left : left + 52]
        box[:2] = box[-2:] = box[:, :2] = box[:, -2:] = 255
        levels[196:200, left : left + 12] = 255
    page = page_of(Image.fromarray(255 - slanted(levels, 8)), None)
    assert page is not None
    assert [piece.height // 10 for piece in page.pieces] == [4] * 5


def test_a_thick_line_is_removed_where_the_picture_is_little_taller_than_the_digits() -> None:
    levels = np.zeros((100, 240), np.uint8)
    for left in (12, 56, 100):
        ring(levels, left, 38)
    levels[75:80] = 255
    page = page_of(Image.fromarray(255 - levels), None)
    assert page is not None
    assert len([piece for piece in page.pieces if piece.height > 30]) == 3


def test_an_unbroken_line_is_found_through_many_strokes() -> None:
    levels = np.zeros((100, 400), np.uint8)
    for left in range(20, 380, 20):
        levels[40:80, left : left + 13] = 255
    levels[60:63, 5:395] = 255
    found = without_lines(levels, pieces_of(levels > 0), 40)
    assert len(pieces_of(found > 0)) == 18


def test_the_side_of_a_box_is_removed_where_a_digit_touches_it() -> None:
    levels = np.zeros((100, 400), np.uint8)
    levels[30:90, 50:350] = 255
    levels[32:88, 52:348] = 0
    ring(levels, 120, 40)
    levels[50:68, 52:70] = 255
    found = without_lines(levels, pieces_of(levels > 0), 40)
    assert [each.height for each in pieces_of(found > 0)] == [40, 18]


def test_a_slanted_box_around_a_digit_is_no_digit() -> None:
    levels = np.zeros((160, 160), np.uint8)
    ring(levels, 40, 40, 80, 14)  # too thick for a line
    ring(levels, 65, 62, 35, 6)
    for degrees in (0, 7):
        page = page_of(Image.fromarray(255 - slanted(levels, degrees)), None)
        assert page is not None
        assert len(page.pieces) == 1


def test_slanted_lines_are_told_apart_and_read_from_left_to_right() -> None:
    """The rows fall by 10 degrees, so that the end of one is lower than the start of the next."""
    levels = np.zeros((400, 620), np.uint8)
    wanted = []
    for top in (20, 100, 180):
        row = [(left, top + round(left * 0.176)) for left in range(20, 560, 70)]
        for place in row:
            ring(levels, *place)
        wanted.append(row)
    lines = lines_of(pieces_of(levels > 0), 40, many=True)
    assert [boxes(line) for line in lines] == wanted
    one = lines_of(pieces_of(levels > 0), 40, many=False)
    assert len(one) == 1


def test_a_column_is_read_from_top_to_bottom() -> None:
    levels = np.zeros((300, 80), np.uint8)
    for top in (10, 90, 170):
        ring(levels, 20, top)
    lines = lines_of(pieces_of(levels > 0), 40, many=True)
    assert [boxes(line) for line in lines] == [[(20, 10)], [(20, 90)], [(20, 170)]]


def test_the_halves_of_a_broken_digit_are_in_one_line() -> None:
    levels = np.zeros((80, 200), np.uint8)
    ring(levels, 20, 20)
    levels[20:36, 100:125] = levels[40:60, 105:130] = 255
    lines = lines_of(pieces_of(levels > 0), 40, many=True)
    assert [sorted(boxes(line)) for line in lines] == [[(20, 20), (100, 20), (105, 40)]]


def test_the_lines_of_a_texture_are_found_in_little_time() -> None:
    random = np.random.default_rng(0)
    places = random.integers(0, 1500, (4000, 2)).tolist()
    pieces = [Piece([], 100, top, left, top + 25, left + 8) for top, left in places]
    began = time.process_time()
    lines = lines_of(pieces, 40, many=True)
    assert time.process_time() - began < 5  # of which every pair of pieces would take more
    assert sum(map(len, lines)) == len(pieces)


def test_two_rings_that_touch_are_cut_between_them() -> None:
    levels = np.zeros((40, 80), np.uint8)
    ring(levels, 0, 0, 38)
    ring(levels, 41, 0, 38)
    levels[18:21, 36:43] = 255
    cuts = cuts_of(levels, 40)
    best = min(cuts, key=lambda cut: cut.ink)
    assert 36 <= best.columns.mean() <= 43
    assert best.ink <= 4
    parts = parts_of(levels, 40)
    assert len(parts) == len(cuts) + 1
    together = np.sum([mask for mask, _ in parts], axis=0)
    assert np.array_equal(together == 1, levels > 0)


def test_the_ink_of_pencil_in_a_shadow_is_found_dark_on_bright_and_bright_on_dark() -> None:
    rows, columns = np.indices((300, 500))
    light = 200 - 0.2 * columns + 0.05 * rows + np.random.default_rng(0).normal(0, 2, (300, 500))
    ink = np.zeros((300, 500), np.uint8)
    for left in (60, 160, 300):
        ring(ink, left, 120, 50, 4)
    grey = (light - 50 * (ink > 0)).astype(np.uint8)
    for picture in (grey, 255 - grey):
        page = page_of(Image.fromarray(picture), None)
        assert page is not None
        boxes_ = [(each.left, each.top, each.right, each.bottom) for each in page.pieces]
        lefts = sorted(page.in_picture(box)[0] for box in boxes_)
        assert np.abs(np.array(lefts) - (60, 160, 300)).max() <= 3
        assert 40 <= page.tall * page.scale <= 60


def test_a_blank_page_has_no_ink() -> None:
    assert page_of(Image.new("L", (100, 60), 240), None) is None
