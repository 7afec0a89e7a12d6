"""Ruling: the lines of forms and of ruled paper, which run through digits or around them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.ink import Mask
from tinydigits.pieces import Piece, has_walls, pieces_of, thick
from tinydigits.resampling import Grey

Floats = NDArray[np.floating[Any]]

# Pairs are for level lines and for upright ones.
LEVEL = (1, 6)  # the most that a line rises, of its length: ruled lines in a slanted photograph
COVERED = (45, 80)  # of 100 columns of a level line, of 100 rows of an upright one, hold it alone
INKED = 85  # of 100 columns of a line hold ink
SEED = 16  # of 100 of the height of a digit: one stretch of a line is as long at least
LONG = (13, 16)  # tenths of that height: one stretch is as long, or one of the next two holds
WHOLE = (30, 20)  # likewise: so long is a line of short stretches, and
FULL = 90  # of 100 of its columns hold ink
# If so many of 100 of its columns hold ink, fewer must hold it alone: of 100 columns of a line of
# short stretches, of 100 rows of the side of a box. Of 60 drawn photographs of squared paper, 62 %
# are then read exactly, and otherwise 45 %; of 70 of boxes for a digit each, 76 % and 71 %.
UNBROKEN, FEWER = 98, (25, 65)
ACROSS = 95  # of 100 columns of the picture: a line of short stretches leads from border to border
SPAN = (20, 18)  # tenths of the height of a digit: a line is at least that long
SIDE = 7  # likewise: an upright one that leads from a level line to another, as a box has them
BOX = 8  # likewise: a box for one digit is at least that tall
MEETS = 4  # px: the distance of lines that meet
FITS = 8  # times that a line is fitted to the stretches near it, at most


def without_lines(levels: Grey, pieces: list[Piece], tall: int, thickest: int = 0) -> Grey:
    """Remove ruled lines, level ones and upright ones. Strokes that cross a line stay whole: only
    what is thin across the line is removed.

    tall: the height of a digit in px, or, where it is not known, a low estimate. thickest: how
    thick lines may be, in px; 0: a sixth of a digit.
    """
    thickest = max(3, thickest or tall // 6)
    mask = np.zeros(levels.shape, np.bool_)
    for piece in pieces:
        long = 10 * piece.width >= LONG[0] * tall or 10 * piece.height >= LONG[1] * tall
        if long or (10 * piece.height >= BOX * tall and has_walls(piece, 8)):
            for row, first, last in piece.runs:
                mask[row, first:last] = True
    if not mask.any():
        return levels
    lines, courses = _lines(mask, tall, 0, np.zeros_like(mask), thickest)
    lines |= _lines((mask & ~lines).T, tall, 1, courses.T, thickest)[0].T
    return np.where(lines, np.uint8(0), levels) if lines.any() else levels


def _lines(mask: Mask, tall: int, upright: int, ends: Mask, thickest: int) -> tuple[Mask, Mask]:
    """Mark the ink of the lines that lead from left to right, and the courses of these lines.
    ends: the courses of lines that cross them.

    Thick lines are looked for first. If the strokes that stand on a line are thin too, only the
    search for thinner lines tells the line from them.
    """
    found, courses = np.zeros_like(mask), np.zeros_like(mask)
    while thickest > 1:
        found |= _lines_of(mask & ~found, tall, upright, ends, thickest, courses)
        thickest //= 2
    return found, courses


def _lines_of(
    mask: Mask, tall: int, upright: int, ends: Mask, thickest: int, courses: Mask
) -> Mask:
    """Mark lines of at most `thickest` px, and their courses in `courses`."""
    thin = mask & ~thick(mask, thickest + 1)
    found = np.zeros_like(mask)
    stretches = _stretches(
        [
            piece
            for piece in pieces_of(thin)
            if piece.width >= max(6, 2 * thickest) and piece.width * 3 >= piece.height * 8
        ]
    )
    while len(stretches) and _width(stretches)[0] * 100 >= SEED * tall:
        members, (middle, row, rise) = _fitted(stretches, thickest)
        own, stretches = stretches[members], stretches[~members]
        at: Floats = row + rise * (np.arange(mask.shape[1]) - middle)
        inked = _inked(mask, at)
        left, right = _extended(inked, int(own[:, 0].min()), int(own[:, 1].max()))
        at, length, holds = at[left:right], right - left, int(inked[left:right].sum())
        if holds * 100 < INKED * length or abs(rise) * LEVEL[1] > LEVEL[0]:
            continue
        alone, enough, fewer = _width(own).sum() * 100, COVERED[upright], COVERED
        if holds * 100 >= UNBROKEN * length:
            fewer = FEWER
        is_long = _width(own)[0] * 10 >= LONG[upright] * tall and alone >= enough * length
        is_whole = length * 10 >= WHOLE[upright] * tall and holds * 100 >= FULL * length
        is_whole &= alone >= fewer[0] * length
        is_across = length * 100 >= ACROSS * mask.shape[1]
        is_line = length * 10 >= SPAN[upright] * tall and (is_long or is_whole or is_across)
        is_side = length * 10 >= SIDE * tall and alone >= fewer[upright] * length
        is_side &= _meets(ends, at, left, right)
        if is_line or is_side:
            around = slice(
                max(0, int(at.min()) - 2 * thickest - 4), int(at.max()) + 2 * thickest + 5
            )
            near = around, slice(left, right)
            courses[at.round().astype(np.intp).clip(0, len(mask) - 1), np.arange(left, right)] = (
                True
            )
            found[near] |= _line(mask[near], thin[near], at - around.start, thickest)
    return found


def _line(mask: Mask, thin: Mask, at: Floats, thickest: int) -> Mask:
    """Mark the ink of a line. at: its row in each column of the mask."""
    away = abs(np.arange(len(mask))[:, np.newaxis] - at)
    # The line's own thickness: the median over the columns that hold nothing else. The sides of two
    # boxes, if hardly apart, are found as one line, with a gap along most of it.
    alone = thin & (away <= thickest)
    counts, held = alone.sum(axis=0), alone.any(axis=0)
    spans = len(mask) - alone.argmax(axis=0) - alone[::-1].argmax(axis=0)
    if 2 * (held & (spans > counts)).sum() > held.sum():
        counts = spans
    own = int(np.median(counts[held])) if held.any() else thickest
    line: Mask = mask & ~thick(mask, own + 2) & (away <= own / 2 + 1.5)
    # Shorter gaps would cut the foot of a digit that stands on the line.
    gaps: Mask = np.logical_or.reduce(line, axis=0, keepdims=True)
    return line & thick(gaps.T, thickest + 1).T


def _inked(mask: Mask, at: Floats) -> Mask:
    """Tell in which columns there is ink within 2 px of a line. at: its row in each column."""
    first, columns = np.ceil(at - 2).astype(np.intp), np.arange(len(at))
    inked = np.zeros(len(at), np.bool_)
    for row in range(5):
        rows = first + row
        held = (rows >= 0) & (rows < len(mask)) & (rows <= at + 2)
        inked[held] |= mask[rows[held], columns[held]]
    return inked


def _fitted(stretches: Floats, thickest: int) -> tuple[Mask, tuple[float, float, float]]:
    """Fit a line to the first stretch and to those that it leads through. Return which those are,
    and a column, the row of the line there, and its rise.
    """
    _, _, middles, rows, rises = stretches.T
    widths = _width(stretches)
    middle, row, rise = float(middles[0]), float(rows[0]), float(rises[0])
    members = np.zeros(len(stretches), np.bool_)
    for _ in range(FITS):
        near = abs(row + rise * (middles - middle) - rows) <= thickest
        if not near.any():
            near[0] = True
        if (near == members).all():
            break
        members = near
        weights = widths * members
        middle, row = (float(np.average(each, weights=weights)) for each in (middles, rows))
        spread = (weights * ((middles - middle) ** 2 + widths**2 / 12)).sum()
        along = (weights * ((middles - middle) * (rows - row) + rises * widths**2 / 12)).sum()
        rise = float(along / spread)
    return members, (middle, row, rise)


def _width(stretches: Floats) -> Floats:
    width: Floats = stretches[:, 1] - stretches[:, 0]
    return width


def _extended(inked: Mask, left: int, right: int) -> tuple[int, int]:
    """Extend a line to both sides as far as there is ink, over gaps of one px."""
    while left > 0 and inked[max(0, left - 2) : left].any():
        left -= 1
    while right < len(inked) and inked[right : right + 2].any():
        right += 1
    return left, right


def _meets(ends: Mask, at: Floats, left: int, right: int) -> bool:
    """Tell whether a line meets others at both ends. at: its row in each column."""
    for column, row in ((left, round(at[0])), (right - 1, round(at[-1]))):
        rows, columns = (slice(max(0, place - MEETS), place + MEETS + 1) for place in (row, column))
        around = ends[rows, columns]
        if not around.any():
            return False
    return True


def _stretches(pieces: list[Piece]) -> Floats:
    """Return float64 [N, 5], longest first: of each piece the first column, the last + 1, the
    column half way, the row there, and how many rows it rises for each column.
    """
    pieces = sorted(pieces, key=lambda piece: -piece.width)
    if not pieces:
        return np.empty((0, 5))
    rows, firsts, lasts = np.array([run for piece in pieces for run in piece.runs], np.float64).T
    counts = np.array([len(piece.runs) for piece in pieces])
    starts = np.cumsum(counts) - counts

    def summed(values: Floats) -> Floats:
        return np.add.reduceat(values, starts)

    lengths, columns = lasts - firsts, (firsts + lasts - 1) / 2
    cells = summed(lengths)
    middles, levels = summed(lengths * columns) / cells, summed(lengths * rows) / cells
    across = columns - middles.repeat(counts)
    spreads = summed(lengths * (across**2 + (lengths**2 - 1) / 12))
    rises = summed(lengths * across * (rows - levels.repeat(counts))) / np.maximum(spreads, 1)
    ends = [(piece.left, piece.right) for piece in pieces]
    return np.column_stack([np.array(ends, np.float64), middles, levels, rises])
