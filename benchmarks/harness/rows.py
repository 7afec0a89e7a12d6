"""Draw rows of digits on paper, as people write numbers: with gaps or touching, slanted, on ruled
or squared paper, in boxes.

Reading numbers is tuned and measured on such rows, by the thousand.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tinydigits_train.labelled_folder import Digits

INK = 100  # of 255: the level from which the ink of two digits can touch
Pixels = NDArray[np.uint8]
Random = np.random.Generator
Lines = list[tuple[float, float, float, float]]  # from column, row to column, row


@dataclass(frozen=True, slots=True)
class Writing:
    """How rows are written."""

    digits: int = 5
    """In each row."""

    touching: int = 0
    """How many pairs touch, in each row."""

    slant: float = 0.0
    """The most by which a row rises or falls, in degrees."""

    ruled: float = 0.0
    """The share of the pictures that have a ruled line below each row."""

    rows: int = 1
    """In each picture."""

    printed: Callable[[Pixels, int, Random], Lines] | None = None
    """Returns the lines of a form, for the ink of the row and the height of its digits."""


def _box(ink: Pixels, tall: int, random: Random) -> Lines:
    """Return the sides of a box around all digits."""
    rows, columns = (np.flatnonzero((ink > INK // 2).any(axis=axis)) for axis in (1, 0))
    above, beside = random.uniform(0.05, 0.3, 2) * tall
    left, right = columns[0] - beside, columns[-1] + beside
    top, bottom = rows[0] - above, rows[-1] + above
    level = [(left, row, right, row) for row in (top, bottom)]
    return [*level, *((column, top, column, bottom) for column in (left, right))]


def _cells(ink: Pixels, tall: int, random: Random) -> Lines:
    """Return a box with an upright line between the digits."""
    (left, top, right, _), (*_, bottom), *sides = _box(ink, tall, random)
    return [
        (left, top, right, top),
        (left, bottom, right, bottom),
        *sides,
        *((column, top, column, bottom) for column in _gaps(ink)),
    ]


def _own_boxes(ink: Pixels, tall: int, random: Random) -> Lines:
    """Return a box for each digit."""
    (left, top, right, _), (*_, bottom), *_ = _box(ink, tall, random)
    apart = 0.03 * tall
    lines: Lines = []
    for start, end in pairwise([left, *_gaps(ink), right]):
        first, last = start + apart, end - apart
        lines += [(first, row, last, row) for row in (top, bottom)]
        lines += [(column, top, column, bottom) for column in (first, last)]
    return lines


def _comb(ink: Pixels, tall: int, random: Random) -> Lines:
    """Return a line below the digits, and short upright ones on it between them."""
    (left, *_), (*_, right, bottom), *_ = _box(ink, tall, random)
    ticks = (left, *_gaps(ink), right)
    short = 0.35 * tall
    return [(left, bottom, right, bottom), *((at, bottom - short, at, bottom) for at in ticks)]


def _squares(ink: Pixels, tall: int, random: Random) -> Lines:
    """Return the lines of squared paper."""
    (height, width), step = ink.shape, tall * random.uniform(0.35, 0.8)
    level = [(0.0, row, width, row) for row in np.arange(random.uniform(0, step), height, step)]
    across = np.arange(random.uniform(0, step), width, step)
    return [*level, *((column, 0.0, column, height) for column in across)]


def _gaps(ink: Pixels) -> list[float]:
    """Return the columns half way between the digits."""
    columns = np.flatnonzero((ink > INK // 2).any(axis=0)).tolist()
    return [(one + other) / 2 for one, other in pairwise(columns) if other - one > 2]


KINDS = {
    "apart": Writing(),
    "one pair touches": Writing(touching=1),
    "two pairs touch": Writing(touching=2),
    "ruled": Writing(ruled=1.0),
    "slanted": Writing(slant=15.0),
    "three rows": Writing(rows=3, slant=8.0),
    "in a box": Writing(printed=_box),
    "in cells": Writing(printed=_cells),
    "in a box each": Writing(printed=_own_boxes),
    "on a comb": Writing(printed=_comb),
    "on squared paper": Writing(printed=_squares),
    "in cells, slanted": Writing(printed=_cells, slant=6.0),
    "in a box each, slanted": Writing(printed=_own_boxes, slant=6.0),
}


@dataclass(frozen=True, slots=True)
class Row:
    """The ink of one row."""

    ink: Pixels
    """uint8 [H, W], bright on black."""

    text: str


def pictures(digits: Digits, kind: str, count: int, seed: int) -> Iterator[tuple[Image.Image, str]]:
    """Yield `count` pictures of a kind of KINDS, each with its number."""
    random = np.random.default_rng([seed, *kind.encode()])
    for _ in range(count):
        yield picture(digits, KINDS[kind], random)


def picture(digits: Digits, writing: Writing, random: Random) -> tuple[Image.Image, str]:
    """Return a grey picture and its number, with a newline between rows."""
    tall = int(random.integers(26, 64))
    written = [_row(digits, writing, tall, random) for _ in range(writing.rows)]
    ruled = random.random() < writing.ruled
    width = max(row.ink.shape[1] for row in written)
    lined = []
    for row in written:
        ink = np.pad(row.ink, ((0, 0), (0, width - row.ink.shape[1])))
        lined.append(np.pad(ink, ((0, int(tall * random.uniform(0.25, 0.9))), (0, 0))))
        if ruled:
            _rule(lined[-1], row.ink.shape[0] - int(0.2 * tall), random)
    ink = np.concatenate(lined)
    if not writing.printed:
        ink = _turned(ink, writing.slant, random)
    margins = (random.uniform(0.2, 1.5, 4) * tall).astype(int)
    ink = np.pad(ink, (margins[:2], margins[2:]))
    if writing.printed:
        thick = max(1, round(tall * random.uniform(0.02, 0.05)))
        _draw(ink, writing.printed(ink, tall, random), thick, random)
        ink = _turned(ink, writing.slant, random)
    return _on_paper(ink, random), "\n".join(row.text for row in written)


def _turned(ink: Pixels, most: float, random: Random) -> Pixels:
    """Turn the ink by up to `most` degrees."""
    if not most:
        return ink
    angle = random.uniform(-most, most)
    return np.asarray(Image.fromarray(ink).rotate(angle, Image.Resampling.BICUBIC, expand=True))


def _row(digits: Digits, writing: Writing, tall: int, random: Random) -> Row:
    chosen = random.integers(len(digits.images), size=writing.digits)
    signs = [_sign(digits.images[one], tall * random.normal(1, 0.05), random) for one in chosen]
    pairs = random.permutation(writing.digits - 1)[: writing.touching]
    height = int(1.4 * tall)
    gap = random.uniform(0.1, 0.5)  # of the height
    ink = np.zeros((height, 0), np.uint8)
    for place, sign in enumerate(signs):
        drop = int(random.normal(0, 0.04) * tall)
        top = min(max(0, int(1.2 * tall) - len(sign) + drop), height - len(sign))
        column = np.zeros((height, sign.shape[1]), np.uint8)
        column[top : top + len(sign)] = sign
        if place == 0:
            ink = column
            continue
        if place - 1 in pairs:
            between = -int(_distance(ink, column) + random.uniform(0, 0.06) * tall)
        else:
            between = int(max(2, random.normal(gap, 0.06) * tall))
        ink = _joined(ink, column, between)
    return Row(ink, "".join(str(digits.labels[one]) for one in chosen))


def _sign(image: Pixels, tall: float, random: Random) -> Pixels:
    """Return the digit, cropped to its ink, with the longer side of its 20×20 at `tall`."""
    side = max(8, round(28 / 20 * tall))
    large = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    large = large.rotate(random.normal(0, 2), Image.Resampling.BICUBIC)
    pixels = np.asarray(large)
    rows, columns = (np.flatnonzero((pixels > INK // 2).any(axis=axis)) for axis in (1, 0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _distance(left: Pixels, right: Pixels) -> int:
    """Return how far `right` can move to the left until the ink of the two meets."""
    gaps = []
    for row in range(len(left)):
        near = left[max(0, row - 1) : row + 2]
        ends = np.flatnonzero((near > INK).any(axis=0))
        starts = np.flatnonzero(right[row] > INK)
        if len(ends) and len(starts):
            gaps.append(left.shape[1] - 1 - int(ends[-1]) + int(starts[0]))
    return min(gaps, default=0)


def _joined(left: Pixels, right: Pixels, between: int) -> Pixels:
    """Lay `right` at `between` px after the end of `left`; ink over ink stays ink."""
    start = max(0, left.shape[1] + between)
    width = max(left.shape[1], start + right.shape[1])
    joined = np.zeros((len(left), width), np.uint8)
    joined[:, : left.shape[1]] = left
    part = joined[:, start : start + right.shape[1]]
    np.maximum(part, right, out=part)
    return joined


def _rule(ink: Pixels, at: int, random: Random) -> None:
    """Draw a line across the row, near the feet of the digits."""
    thick = max(1, round(len(ink) * random.uniform(0.01, 0.03)))
    row = at + random.normal(0, 0.06) * len(ink)
    line = (0.0, row, ink.shape[1], row + random.normal(0, 0.01) * ink.shape[1])
    _draw(ink, [line], thick, random)


def _draw(ink: Pixels, lines: Lines, thick: int, random: Random) -> None:
    """Draw printed lines, whose ink is paler than that of digits or as strong."""
    drawing = Image.fromarray(ink)
    level = int(random.integers(90, 230))
    for line in lines:
        ImageDraw.Draw(drawing).line(line, fill=level, width=thick)
    np.maximum(ink, np.asarray(drawing), out=ink)


def _on_paper(pixels: Pixels, random: Random) -> Image.Image:
    """Lay the ink on paper in uneven light with grain; one picture in five is bright on dark."""
    ink = pixels / 255
    rows, columns = (np.linspace(-1, 1, length) for length in ink.shape)
    light = 1 + random.normal(0, 0.06) * rows[:, np.newaxis] + random.normal(0, 0.06) * columns
    paper, colour = random.uniform(170, 245), random.uniform(15, 100)
    levels = (paper * (1 - ink) + colour * ink) * light
    levels += random.normal(0, random.uniform(0, 4), ink.shape)
    if random.random() < 0.2:
        levels = 255 - levels
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))
