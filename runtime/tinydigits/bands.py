"""Bands: the pixels of a decoded picture, a few rows at a time, so that a large one is not copied.

Transparency is laid over black or white, whichever the visible pixels stand out from. The hidden
colour of transparent pixels, often black, must not become strokes.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from tinydigits.modes import STRIP
from tinydigits.resampling import Grey, block_means


def bands(image: Image.Image, ground: int, side: int = 1) -> Iterator[Grey]:
    """Yield uint8 [h, W] or [h, W, 3], from top to bottom, of a picture of mode L, RGB or RGBA.

    ground: what transparent pixels show, 0 or 255. side: all bands but the last have a multiple of
    so many rows.
    """
    for band in cut(image, side):
        if band.ndim == 3 and band.shape[2] == 4:
            alpha = band[..., 3:].astype(np.uint16)
            shown = band[..., :3] * alpha + (255 - alpha) * ground
            yield ((shown + 127) // 255).astype(np.uint8)
        else:
            yield band


def reduced(image: Image.Image, ground: int, side: int) -> Grey:
    """Return the means of blocks of side × side pixels: uint8 [H, W] or [H, W, 3]."""
    means = [block_means(band, side) for band in bands(image, ground, side)]
    return means[0] if len(means) == 1 else np.concatenate(means)


def ground_of(image: Image.Image) -> int:
    """Return 255 where the visible pixels of an RGBA picture are dark on average, else 0."""
    if image.mode != "RGBA":
        return 0
    visible = colour = 0
    for band in cut(image):
        alpha = band[..., 3:].astype(np.uint32)
        visible += 3 * int(alpha.sum())
        colour += int((band[..., :3] * alpha).sum(dtype=np.int64))
    return 255 if colour < 128 * visible else 0


def cut(image: Image.Image, side: int = 1) -> Iterator[Grey]:
    """Yield the rows as they are, uint8 [h, W] or [h, W, C]."""
    rows = max(1, STRIP // (image.width * side)) * side
    if rows >= image.height:
        yield np.asarray(image)
        return
    for top in range(0, image.height, rows):
        yield np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
