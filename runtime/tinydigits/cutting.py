"""Cutting: where digits that touch may be parted.

A cut leads from the top of a piece to its bottom through as little ink as possible, and bends
where that saves ink (the shortest path through the grey levels: Lee, Lee and Park, "A new
methodology for gray-scale character segmentation and recognition", 1996).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.ink import Mask
from tinydigits.resampling import Grey

STEP = 14  # cuts begin at every 14th of the height
BAND = 5  # of the height: how far a cut may bend to each side
BEND = 0.08  # of full ink: what one px to the side costs, so that cuts do not wander
MARGIN = 7  # of the height: no digit is narrower, save for 1, which has about this width
MOST = 5  # cuts of one piece for each height of its width
APART = 9  # of the height: two cuts are at least that far apart, on average
LIGHTEST = 8  # of 100 of the ink of a piece: no part holds less
DEAREST = 0.75  # of the height: a cut through more ink is none


class Cut(NamedTuple):
    """One way to part a piece."""

    columns: NDArray[np.intp]
    """[H]: what is left of it in each row is the left part."""

    ink: float
    """How much ink it crosses, in px of full ink."""


def parts_of(levels: Grey, tall: int) -> list[tuple[Mask, float]]:
    """Cut a piece, uint8 [H, W], wherever it may be parted. Return the mask of each part, bool
    [H, W], from left to right, and how much ink the cut at its left crosses, in px of full ink.
    """
    columns = np.arange(levels.shape[1])
    rest, crossed = levels > 0, 0.0
    parts = []
    for cut in cuts_of(levels, tall):
        before = rest & (columns < cut.columns[:, np.newaxis])
        if before.any():
            parts.append((before, crossed))
            rest, crossed = rest & ~before, cut.ink
    if rest.any():
        parts.append((rest, crossed))
    return parts


def cuts_of(levels: Grey, tall: int) -> list[Cut]:
    """Return the likely cuts of a piece, uint8 [H, W], from left to right."""
    height, width = levels.shape
    margin = max(2, tall // MARGIN)
    starts = np.arange(margin, width - margin + 1, max(1, tall // STEP))
    if not len(starts):
        return []
    band = max(2, tall // BAND)
    ink = np.pad(levels.astype(np.float32) / 255, ((0, 0), (band, band + 1)), constant_values=1.0)
    lanes = starts[:, np.newaxis] + np.arange(2 * band + 1)  # columns in the padded picture
    bends = np.empty((height, *lanes.shape), np.int8)
    total = ink[0][lanes]
    choice = np.full((3, *lanes.shape), np.inf, np.float32)  # straight on, from the left, right
    for row in range(height):
        choice[0] = total
        choice[1, :, 1:] = total[:, :-1] + BEND
        choice[2, :, :-1] = total[:, 1:] + BEND
        bends[row] = choice.argmin(axis=0)
        total = choice.min(axis=0) + ink[row][lanes]
    ends = total.argmin(axis=1)
    cuts: list[Cut] = []
    cells = int((levels > 0).sum())
    order = np.argsort(total.min(axis=1), kind="stable")
    for start in order.tolist():
        cost = float(total[start, ends[start]])
        if cost > DEAREST * tall or len(cuts) >= max(2, MOST * width // tall):
            break
        at, columns = int(ends[start]), np.empty(height, np.intp)
        for row in range(height - 1, -1, -1):
            columns[row] = at
            at += (0, -1, 1)[bends[row, start, at]]
        columns += int(starts[start]) - band
        before = int((levels > 0)[np.arange(width) < columns[:, np.newaxis]].sum())
        if not LIGHTEST * cells <= 100 * before <= (100 - LIGHTEST) * cells:
            continue
        if all(abs(columns - other.columns).mean() * APART >= tall for other in cuts):
            crossed = float(ink[np.arange(height), np.clip(columns, 0, width - 1) + band].sum())
            cuts.append(Cut(columns, crossed))
    return sorted(cuts, key=lambda cut: float(cut.columns.mean()))
