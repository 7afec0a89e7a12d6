"""Ink: from a picture to a map of how much ink each pixel holds.

    grey (the mix of channels that shows the ink) → polarity → paper → ink

Everything is counted in whole numbers, so that each step gives the same bytes in every language.
"""

from itertools import product
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.resampling import Grey, block_means, closed, dilated

Mask = NDArray[np.bool_]

MIN_CONTRAST = 14  # of 255: what stands out less than this is not ink
NOISE_FACTOR = 5  # ink stands out by at least this many standard deviations of the paper
FAINTEST = 36  # of 255, full ink: weaker levels are paper grain or JPEG artefacts
STRONGEST = 24  # pixels that reach the level of full ink; specks have fewer
STRONGEST_REDUCED = 6  # the same in a picture that was reduced, whose digit may be small
SAMPLE = 64  # px: the longer side of the samples that colours and polarity are judged by
SURE = 16  # times: how much more one polarity must explain for the border alone to decide
WIDEST = (10, 64)  # of the longer side, to both sides: no stroke holds a square that large
REACH = (5, 32)  # of the longer side, to both sides: the same square, at the full size
LEAST_REACH = 3  # px: of both squares, since a bold stroke is 5 px wide in a digit of 16 px


class Ink(NamedTuple):
    """The ink of one picture."""

    levels: Grey
    """uint8 [H, W]: 0 where there is no ink, 255 where it is strongest."""

    faintest: int
    """The lowest level above 0 that can occur."""


def find_ink(grey: Grey, dark: bool, reduced: bool, reach: int | None = None) -> Ink | None:
    """Find the ink in `grey`, uint8 [H, W]; return None where there is none.

    dark: whether the ink is darker than the paper. reduced: whether the picture was made smaller.
    reach: half the side in px of a square that no stroke fills; None: that of a picture that shows
    one digit.

    The paper is the picture closed by a square that no stroke fills: it follows shadows and sheet
    edges exactly. It is an upper envelope of the paper's grain, and so it lies above the paper by
    an offset, which is measured together with the grain, about the paper's own level.
    """
    if not dark:
        grey = 255 - grey
    grey = _levelled(grey)
    if reach is None:
        reach = max(grey.shape) * REACH[0] // REACH[1]
    reach = max(LEAST_REACH, reach)
    depth = closed(grey, reach) - grey  # never negative
    counts = np.bincount(depth.ravel(), minlength=256)
    offset, spread = _paper(counts)
    noise = spread * 800 // 86  # in eighths: a third of a normal distribution spreads over 0.86 σ
    enough = max(1, min(STRONGEST_REDUCED if reduced else STRONGEST, depth.size // 64))
    strongest = 255 - int(np.searchsorted(np.cumsum(counts[::-1]), enough)) - offset
    if strongest * 8 < max(MIN_CONTRAST * 8, NOISE_FACTOR * noise):
        return None
    faintest = max(FAINTEST, 3 * noise * 255 // (8 * strongest))
    table = np.clip((np.arange(256) - offset) * 255 // strongest, 0, 255)
    table[table < faintest] = 0
    return Ink(table.astype(np.uint8)[depth], faintest)


def _levelled(grey: Grey) -> Grey:
    """Subtract an even slope of the light: at the border, a closing would take it for ink.

    Along each axis, the slope is that of the medians of the first and the last line, if that of the
    middle line lies between them. Elsewhere (a shadow's or a sheet's edge) nothing is subtracted.
    """
    plane = np.zeros((1, 1), np.int16)
    for axis, lines in enumerate((grey, grey.T)):
        first, middle, last = (_median(lines[at]) for at in (0, len(lines) // 2, -1))
        rise = last - first
        if len(lines) > 2 and abs(2 * middle - first - last) * 2 <= abs(rise):
            length = len(lines) - 1
            slope = (2 * np.arange(len(lines)) - length) * rise // (2 * length)
            plane = plane + np.expand_dims(slope.astype(np.int16), 1 - axis)
    return np.clip(grey - plane, 0, 255).astype(np.uint8) if plane.any() else grey


def _median(levels: Grey) -> int:
    """Return the upper median."""
    return int(np.sort(levels)[levels.size // 2])


def _paper(counts: NDArray[np.intp]) -> tuple[int, int]:
    """Return the middle and the width of the shortest interval of levels that holds a third of the
    pixels: the shorth (Andrews et al., "Robust Estimates of Location", 1972), of a third because at
    least that much of a picture is paper. counts: [256], the pixels of each level.
    """
    below = np.concatenate([[0], np.cumsum(counts)])
    wanted = -(-int(below[-1]) // 3)
    ends = np.searchsorted(below, below[:256] + wanted)  # past the last level of the interval
    widths = np.where(ends <= 256, ends - np.arange(256), 257)
    first = int(widths.argmin())
    last = int(ends[first]) - 1
    return (first + last) // 2, last - first


def grey_of(picture: Grey) -> Grey:
    """Mix the channels, uint8 [H, W, 3] → [H, W], so that ink and paper differ most.

    Of the 49 mixes with weights of -2 to 2, that one is taken along which colours differ most from
    those around them: the nearest to the first principal component (Pearson, 1901). Blue on yellow
    and green on beige then count fully, and a soft shadow does not count. Equal channels give
    themselves.
    """
    if picture.ndim == 2:
        return picture
    if (picture == picture[..., :1]).all():
        return picture[..., 0]
    step = max(1, max(picture.shape[:2]) // SAMPLE)
    sample = picture[::step, ::step]
    height, width = sample.shape[:2]
    side = max(1, max(height, width) // 4)
    around = block_means(sample, side).repeat(side, axis=0).repeat(side, axis=1)
    departure = (sample.astype(np.int64) - around[:height, :width]).reshape(-1, 3)
    moments = departure.T @ departure
    energy = ((_MIXES @ moments) * _MIXES).sum(axis=1) * _SHARES
    red, green, blue = _MIXES[energy.argmax()].tolist()
    total = abs(red) + abs(green) + abs(blue)
    lowest = 255 * (min(red, 0) + min(green, 0) + min(blue, 0))
    levels = picture.astype(np.int16)
    mixed = levels[..., 0] * red + levels[..., 1] * green + levels[..., 2] * blue - lowest
    grey: Grey = ((mixed + total // 2) // total).astype(np.uint8)
    return grey


def _mixes() -> NDArray[np.int64]:
    """Return the weights of the mixes, int64 [49, 3], each direction once. Equal weights come
    first, and the sum of the weights is never negative: grey keeps its polarity.
    """
    mixes = [(1, 1, 1)]
    for mix in product(range(-2, 3), repeat=3):
        opposite = (-mix[0], -mix[1], -mix[2])
        if gcd(*mix) == 1 and (sum(mix), mix) > (sum(opposite), opposite) and mix != (1, 1, 1):
            mixes.append((mix[0], mix[1], mix[2]))
    return np.array(mixes)


_MIXES = _mixes()
_SHARES = 90 // (_MIXES**2).sum(axis=1)  # 90 ÷ length²: a whole number for each of the mixes


def ink_is_dark(grey: Grey) -> bool:
    """Decide whether the ink is darker than the paper.

    Most often the border shows paper, and ink is what differs most from it. The median of the
    border and of a ring further in is taken, since the border may be a sheet's edge. If this is
    not clear, or if the ink would be wider than a stroke can be (a sheet on a table, a shadow),
    thin marks decide: those darker than their surroundings, or those brighter.
    """
    small = block_means(grey, -(-max(grey.shape) // SAMPLE))
    height, width = small.shape
    ring = max(1, (6 * min(height, width) + 50) // 100)
    inner = small[ring:-ring, ring:-ring]
    around = [border(small), border(inner)] if min(inner.shape, default=0) > 1 else [border(small)]
    departure = small.astype(np.int64) - _median(np.concatenate(around))
    darker, brighter = np.maximum(-departure, 0), np.maximum(departure, 0)
    below, above = int((darker**2).sum()), int((brighter**2).sum())
    dark = below > above
    ink = darker if dark else brighter
    full = int(np.sort(ink, axis=None)[-max(1, ink.size // 20)])
    if max(below, above) >= SURE * min(below, above) and not _has_square(2 * ink > full):
        return dark
    reach = max(1, max(small.shape) // 32)
    marks = [(closed(each, reach).astype(np.int64) - each) ** 2 for each in (small, 255 - small)]
    return bool(marks[0].sum() > marks[1].sum())


def _has_square(mask: Mask) -> bool:
    """Return whether a square of the width of WIDEST lies in the mask."""
    reach = max(LEAST_REACH, max(mask.shape) * WIDEST[0] // WIDEST[1])
    height, width = mask.shape
    outside = dilated((~mask).astype(np.uint8), reach)
    inside = outside[reach : height - reach, reach : width - reach]
    return bool((inside == 0).any())


def ink_box(levels: Grey | Mask) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of all ink, right and bottom exclusive."""
    rows, columns = np.flatnonzero(levels.any(axis=1)), np.flatnonzero(levels.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def border(levels: Grey) -> Grey:
    """Return the outermost ring of pixels."""
    return np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])
