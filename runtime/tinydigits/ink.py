"""Ink: from a picture to a map of how much ink each pixel holds.

    grey (the mix of channels that shows the ink) → polarity → ground → ink

The ground is the paper without its strokes. Each function is one step, on small arrays.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

MIN_CONTRAST = 14  # of 255: what stands out less than this is not ink
NOISE_FACTOR = 5  # ink stands out by at least this many times the paper's noise
INK_LEVEL = 0.14  # of the strongest ink: weaker levels are paper grain or JPEG artefacts
STRONGEST = 24  # pixels that reach the level of full ink; specks have fewer
GROUND_SIDE = 48  # px, about: the resolution at which the ground is estimated
GROUND_HALF = 7  # px at that resolution: dark areas wider than twice this are shadow


class Ink(NamedTuple):
    """The ink of one picture."""

    levels: Floats
    """float32 [H, W]: 0 where there is no ink, 1 where it is strongest."""

    dark: bool
    """Whether the ink is darker than its ground."""


def find_ink(levels: Floats, dark: bool | None) -> Ink | None:
    """Find the ink in `levels`, float32 [H, W] or [H, W, 3], 0..255; return None where there is
    none. `dark`: whether the ink is darker than its ground; None detects it.
    """
    grey = levels if levels.ndim == 2 else _separated(levels)
    if dark is None:
        dark = _ink_is_dark(grey)
    if not dark:
        grey = -grey
    ink = _ground(grey) - grey
    strongest = _strongest(ink)
    # At least a third of the pixels are paper, so this quantile of |ink| measures the paper's noise
    # alone. For normal noise it lies at 0.32 standard deviations.
    some = np.abs(ink[::2, ::2])
    noise = _quantile(some, some.size // 4, finest=1 / 8) / 0.3186
    if strongest < max(MIN_CONTRAST, NOISE_FACTOR * noise):
        return None
    ink *= 1 / strongest
    np.clip(ink, 0, 1, out=ink)
    ink[ink < max(INK_LEVEL, 3 * noise / strongest)] = 0
    return Ink(ink, dark)


def _separated(rgb: Floats) -> Floats:
    """Mix the channels, [H, W, 3] → float32 [H, W], so that ink and paper differ most.

    The mix is the first principal component (Pearson, 1901) of how colours differ from those around
    them, so that blue on yellow and green on beige count fully, and a soft shadow does not count.
    """
    small = rgb[:: max(1, rgb.shape[0] // 64), :: max(1, rgb.shape[1] // 64)]
    around = _shrunk_blur(small)
    departure = (small - around).reshape(-1, 3)
    directions = np.linalg.eigh(departure.T @ departure)[1]
    mix = directions[:, -1]
    if mix.sum() < 0:
        mix = -mix
    # Scaled so that grey stays as it is.
    result: Floats = rgb @ (mix / max(float(np.abs(mix).sum()), 1e-6)).astype(np.float32)
    return result


def _shrunk_blur(rgb: Floats) -> Floats:
    """Average each channel over about a quarter of the picture."""
    height, width = rgb.shape[:2]
    image = Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
    tiny = image.resize((4, 4), Image.Resampling.BOX)
    return np.asarray(tiny.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def _ink_is_dark(grey: Floats) -> bool:
    """Decide whether the ink, which differs most from the ground, is darker than it. The ground is
    the median of the border and of a ring further in, since the border may be a paper edge.
    """
    step = max(1, min(grey.shape) // 64)  # a sample of a large picture shows it as well
    grey = grey[::step, ::step]
    depth = max(1, round(0.06 * min(grey.shape)))
    inner = grey[depth:-depth, depth:-depth]
    rings = [border(grey), border(inner)] if min(inner.shape, default=0) > 1 else [border(grey)]
    departure = grey - np.float32(_median(np.concatenate(rings)))
    return bool((np.minimum(departure, 0) ** 2).sum() > (np.maximum(departure, 0) ** 2).sum())


def border(levels: Floats) -> Floats:
    """Return the outermost ring of pixels."""
    return np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])


def _ground(grey: Floats) -> Floats:
    """Estimate the paper's level without the dark strokes on it: float32 [H, W], or [1, 1] where it
    is even.

    The method is a grey-level closing (Serra, "Image Analysis and Mathematical Morphology", 1982)
    with a square wider than any stroke, at low resolution. It follows shadow and uneven light,
    which are wide, and ignores strokes, which are narrow. An even slope is subtracted first, since
    a closing would flatten it at the border.
    """
    height, width = grey.shape
    factor = max(1, round(max(height, width) / GROUND_SIDE))
    small = np.asarray(Image.fromarray(grey).reduce(factor))
    slope = _slope(small)
    closed = slope - _widest(-_widest(small - slope, GROUND_HALF), GROUND_HALF)
    if float(np.ptp(closed)) < 1:  # even paper, as in drawing programs
        return np.full((1, 1), closed.mean(), np.float32)
    return np.asarray(Image.fromarray(closed).resize((width, height), Image.Resampling.BILINEAR))


def _slope(levels: Floats) -> Floats:
    """Return the plane, float32 [H, W], that rises as the levels do from border to border."""
    height, width = levels.shape
    fall = (_median(levels[-1]) - _median(levels[0])) / max(height - 1, 1)
    tilt = (_median(levels[:, -1]) - _median(levels[:, 0])) / max(width - 1, 1)
    down = (np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2)) * np.float32(fall)
    across = (np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)) * np.float32(tilt)
    return down[:, np.newaxis] + across


def _median(levels: Floats) -> float:
    """Return the median of a few levels, in a tenth of the time that numpy's own takes."""
    return float(np.sort(levels, axis=None)[levels.size // 2])


def _widest(levels: Floats, half: int) -> Floats:
    """Return the largest value within `half` px of each pixel, in a square, in log2(half) steps.
    `half` + 1 must be a power of two.
    """
    for _ in range(2):  # along one axis, then along the other
        height, width = levels.shape
        widest = np.full((height + 2 * half, width), -np.inf, np.float32)
        widest[half:-half] = levels
        step = 1
        while step <= half:  # the maximum of `step` neighbours, then of twice as many
            widest = np.maximum(widest[:-step], widest[step:])
            step *= 2
        levels = np.maximum(widest[:-half], widest[half:]).T
    return levels


def _strongest(ink: Floats) -> float:
    """Return the level that STRONGEST pixels reach, or one pixel in 64 where there are few; 0 where
    it is below MIN_CONTRAST.
    """
    bright = np.sort(ink[ink >= MIN_CONTRAST])
    enough = max(1, min(STRONGEST, ink.size // 64))
    return float(bright[-enough]) if bright.size >= enough else 0.0


def _quantile(values: Floats, place: int, finest: float) -> float:
    """Return the value that has `place` values below it, to a precision of `finest`. Values are
    clipped to 0 and 255 · finest. Counting takes a twentieth of the time of numpy's partition
    where most values are equal.
    """
    levels = np.clip(values * np.float32(1 / finest), 0, 255).astype(np.uint8)
    counts = np.bincount(levels.ravel(), minlength=256)
    return float(np.searchsorted(np.cumsum(counts), place, side="right")) * finest
