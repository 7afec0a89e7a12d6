"""Ruling: the lines of forms and of ruled paper, which run through the feet of digits."""

from typing import NamedTuple

import numpy as np

from tinydigits.ink import Mask
from tinydigits.pieces import Piece, pieces_of, thick
from tinydigits.resampling import Grey

LEVEL = (1, 6)  # the most that a line rises, of its length: ruled lines in a slanted photograph
COVERED = (45, 80)  # of 100 columns of a level line, of 100 rows of an upright one, hold it alone
INKED = 85  # of 100 columns of a line hold ink
SEED = (13, 16)  # tenths of the height of a digit: one stretch of a line is that long, or it spans
ACROSS = 95  # of 100 columns of the picture
SPAN = (20, 18)  # tenths of the height of a digit: a line is at least that long


class _Stretch(NamedTuple):
    """A thin, straight piece that may be part of a line."""

    piece: Piece
    middle: float
    """The column half way."""

    row: float
    """Its row there."""

    rise: float
    """Rows for each column."""


def without_lines(levels: Grey, pieces: list[Piece], tall: int) -> Grey:
    """Remove ruled lines, level ones and upright ones, thinner than a quarter of a digit. Strokes
    that cross a line stay whole: only what is thin across the line is removed.

    tall: the height of a digit in px, or, where it is not known, a low estimate.
    """
    mask = np.zeros(levels.shape, np.bool_)
    for piece in pieces:
        if 10 * piece.width >= SEED[0] * tall or 10 * piece.height >= SEED[1] * tall:
            for row, first, last in piece.runs:
                mask[row, first:last] = True
    if not mask.any():
        return levels
    lines = _lines(mask, tall, 0)
    lines |= _lines(mask.T, tall, 1).T
    return np.where(lines, np.uint8(0), levels) if lines.any() else levels


def _lines(mask: Mask, tall: int, upright: int) -> Mask:
    """Mark the lines that lead from left to right."""
    thickest = max(3, tall // 6)
    thin = mask & ~thick(mask, thickest + 1)
    rows_ = np.arange(len(mask))[:, np.newaxis]
    found = np.zeros_like(mask)
    stretches = [
        _stretch(piece)
        for piece in pieces_of(thin)
        if piece.width >= max(6, 2 * thickest) and piece.width * 3 >= piece.height * 8
    ]
    stretches.sort(key=lambda each: -each.piece.width)
    while stretches and stretches[0].piece.width * 30 >= SEED[upright] * tall:
        middle, row, rise = stretches[0][1:]
        members: list[_Stretch] = []
        for _ in range(3):  # each time with a better slope
            members = [
                each
                for each in stretches
                if abs(row + rise * (each.middle - middle) - each.row) <= thickest
            ] or stretches[:1]
            left = min(each.piece.left for each in members)
            right = max(each.piece.right for each in members)
            if len(members) > 1:
                columns = np.array([each.middle for each in members])
                rows = np.array([each.row for each in members])
                weights = np.array([float(each.piece.width) for each in members])
                middle, row = (
                    np.average(columns, weights=weights),
                    np.average(rows, weights=weights),
                )
                spread = float((weights * (columns - middle) ** 2).sum())
                within = sum(each.piece.width**3 / 12 for each in members)
                along = float((weights * (columns - middle) * (rows - row)).sum())
                along += sum(each.rise * each.piece.width**3 / 12 for each in members)
                rise = along / (spread + within)
        covered = sum(each.piece.width for each in members)
        at = (row + rise * (np.arange(mask.shape[1]) - middle))[np.newaxis]
        inked: Mask = np.logical_or.reduce(mask & (abs(rows_ - at) <= 2), axis=0)
        left, right = _extended(inked, left, right)
        at = at[:, left:right]
        alone_enough = covered * 100 >= COVERED[upright] * (right - left)
        long = stretches[0].piece.width * 10 >= SEED[upright] * tall
        if (
            (right - left) * 10 >= SPAN[upright] * tall
            and int(inked[left:right].sum()) * 100 >= INKED * (right - left)
            and ((long and alone_enough) or (right - left) * 100 >= ACROSS * mask.shape[1])
            and abs(rise) * LEVEL[1] <= LEVEL[0]
        ):
            # The line's own thickness: the median over the columns that hold nothing else.
            alone = (thin[:, left:right] & (abs(rows_ - at) <= thickest)).sum(axis=0)
            own = int(np.median(alone[alone > 0]))
            slim = mask[:, left:right] & ~thick(mask[:, left:right], own + 2)
            line = slim & (abs(rows_ - at) <= own / 2 + 1.5)
            # Shorter gaps would cut the foot of a digit that stands on the line.
            gaps: Mask = np.logical_or.reduce(line, axis=0, keepdims=True)
            found[:, left:right] |= line & thick(gaps.T, thickest + 1).T
        stretches = [each for each in stretches if each not in members]
    return found


def _extended(inked: Mask, left: int, right: int) -> tuple[int, int]:
    """Extend a line to both sides as far as there is ink, over gaps of one px."""
    while left > 0 and inked[max(0, left - 2) : left].any():
        left -= 1
    while right < len(inked) and inked[right : right + 2].any():
        right += 1
    return left, right


def _stretch(piece: Piece) -> _Stretch:
    runs = np.array(piece.runs, np.float64)
    weights = runs[:, 2] - runs[:, 1]
    middles = (runs[:, 1] + runs[:, 2] - 1) / 2
    middle, row = np.average(middles, weights=weights), np.average(runs[:, 0], weights=weights)
    spread = (weights * ((middles - middle) ** 2 + (weights**2 - 1) / 12)).sum()
    together = (weights * (middles - middle) * (runs[:, 0] - row)).sum()
    return _Stretch(piece, float(middle), float(row), float(together / max(spread, 1)))
