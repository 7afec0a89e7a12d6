"""Resampling of small grey pictures, in integers: the same bytes on every machine.

All pictures are uint8 [H, W] or [H, W, C], and no result depends on the order of a sum.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def block_means(picture: Grey, side: int) -> Grey:
    """Return the mean of each block of side × side pixels, rounded to the nearest level, halves up:
    uint8 [ceil(H / side), ceil(W / side)] or the same with channels. Blocks at the right and at the
    bottom hold the pixels that are left.
    """
    if side == 1:
        return picture
    height, width = picture.shape[:2]
    sums = _by_blocks(np.add, picture, side, np.uint32)
    rows = np.minimum(height - np.arange(0, height, side), side)
    columns = np.minimum(width - np.arange(0, width, side), side)
    count = np.multiply.outer(rows, columns).astype(np.uint32)
    if picture.ndim == 3:
        count = count[..., np.newaxis]
    means: Grey = ((sums + count // 2) // count).astype(np.uint8)
    return means


def block_maxima(picture: Grey, side: int) -> Grey:
    """Return the highest level of each block of side × side pixels, as `block_means` does."""
    return picture if side == 1 else _by_blocks(np.maximum, picture, side)


def _by_blocks(combine: np.ufunc, picture: Grey, side: int, dtype: type = np.uint8) -> Any:
    """Combine the pixels of each block, as if the picture went on in 0."""
    missing = [(0, -length % side) for length in picture.shape[:2]] + [(0, 0)] * (picture.ndim - 2)
    picture = np.pad(picture, missing)
    rows = combine.reduce([picture[row::side] for row in range(side)], dtype=dtype)
    return combine.reduce([rows[:, column::side] for column in range(side)], dtype=dtype)


def area_means(picture: Grey, height: int, width: int) -> Grey:
    """Scale to uint8 [height, width], larger or smaller: each pixel is the mean of the area that it
    covers, and a pixel that is partly covered counts by that part. The weights are whole numbers.
    """
    sums = area_sums(area_sums(picture.T, width).T, height)
    means: Grey = ((sums + picture.size // 2) // picture.size).astype(np.uint8)
    return means


def area_sums(levels: NDArray[np.integer[Any]], parts: int) -> NDArray[np.int64]:
    """Return, for each of `parts` equal strips of rows, `parts` times the sum of the levels in it:
    int64 [parts, W]. The weight of a whole row is `parts`, that of a cut row what lies in it.
    """
    length = len(levels)
    whole, rest = np.divmod(np.arange(parts + 1) * length, parts)
    before = np.zeros((length + 1, levels.shape[1]), np.int64)
    np.cumsum(levels, axis=0, out=before[1:])
    cut = levels[np.minimum(whole, length - 1)] * rest[:, np.newaxis]
    return np.diff(before[whole] * parts + cut, axis=0)


def dilated(picture: Grey, reach: int) -> Grey:
    """Return the highest level within `reach` pixels of each, in a square; nothing lies outside.

    The windows double in width, so that log2(2 · reach + 1) maxima along each axis are enough.
    """
    window = 2 * reach + 1
    for _ in range(2):  # along the rows, then along the columns
        highest = np.zeros((picture.shape[0] + 2 * reach, picture.shape[1]), np.uint8)
        highest[reach : reach + len(picture)] = picture
        width = 1
        while 2 * width <= window:
            highest = np.maximum(highest[:-width], highest[width:])
            width *= 2
        if width < window:
            rest = window - width
            highest = np.maximum(highest[:-rest], highest[rest:])
        picture = highest.T
    return picture


def closed(picture: Grey, reach: int) -> Grey:
    """Return the picture without what is darker than its surroundings and narrower than
    2 · reach + 1 pixels. Slopes and edges stay, however steep.

    This is a grey-level closing by a square (Serra, "Image Analysis and Mathematical Morphology",
    1982).
    """
    closing: Grey = 255 - dilated(255 - dilated(picture, reach), reach)
    return closing
