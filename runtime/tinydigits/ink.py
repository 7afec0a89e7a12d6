"""Ink: from a picture to a map of how much ink each pixel holds.

    grey (the mix of channels that shows the ink) → polarity → ground → ink → the digit's own ink

Everything here is NumPy and Pillow on small arrays. Each function is one step.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

MIN_CONTRAST = 14  # of 255: ink that stands out less than this is no ink
NOISE_FACTOR = 5  # ink stands out this many times the paper's noise
INK_LEVEL = 0.14  # of the strongest ink: weaker is paper grain or the ringing of JPEG
STRONGEST = 24  # pixels: the level of this many is the level of full ink; specks have fewer
GROUND_SIDE = 48  # px, about: the resolution at which the ground is judged
GROUND_HALF = 7  # px of those: dark areas wider than twice this are shadow, narrower may be ink


class Ink(NamedTuple):
    """What was found in one picture."""

    levels: Floats
    """float32 [H, W]: 0 where there is none, 1 where it is strongest."""

    dark: bool
    """The ink is darker than its ground."""


def find_ink(levels: Floats, dark: bool | None) -> Ink | None:
    """levels: float32 [H, W] or [H, W, 3], 0..255. `dark`: whether the ink is darker than its
    ground; None to find out. None where there is no ink.
    """
    grey = levels if levels.ndim == 2 else _separated(levels)
    if dark is None:
        dark = _ink_is_dark(grey)
    if not dark:
        grey = -grey
    ink = _ground(grey) - grey
    strongest = _strongest(ink)
    # At least a third of the pixels are paper: this quantile of |ink| is of its noise alone, and
    # for normal noise it lies at 0.32 standard deviations.
    some = np.abs(ink[::2, ::2])
    noise = _quantile(some, some.size // 4, finest=1 / 8) / 0.3186
    if strongest < max(MIN_CONTRAST, NOISE_FACTOR * noise):
        return None
    ink *= 1 / strongest
    np.clip(ink, 0, 1, out=ink)
    ink[ink < max(INK_LEVEL, 3 * noise / strongest)] = 0
    return Ink(ink, dark)


def _separated(rgb: Floats) -> Floats:
    """float32 [H, W] from [H, W, 3]: the mix of channels in which ink and paper differ most.

    It is the first principal component (Pearson, 1901) of how colours depart from those around
    them, so that blue on yellow and green on beige count fully, and slow shadow does not count.
    """
    small = rgb[:: max(1, rgb.shape[0] // 64), :: max(1, rgb.shape[1] // 64)]
    around = _shrunk_blur(small)
    departure = (small - around).reshape(-1, 3)
    directions = np.linalg.eigh(departure.T @ departure)[1]
    mix = directions[:, -1]
    if mix.sum() < 0:
        mix = -mix
    # On a scale on which grey stays as it is.
    result: Floats = rgb @ (mix / max(float(np.abs(mix).sum()), 1e-6)).astype(np.float32)
    return result


def _shrunk_blur(rgb: Floats) -> Floats:
    """Each channel averaged over about a quarter of the picture."""
    height, width = rgb.shape[:2]
    image = Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
    tiny = image.resize((4, 4), Image.Resampling.BOX)
    return np.asarray(tiny.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def _ink_is_dark(grey: Floats) -> bool:
    """Ink is what departs furthest from the ground: darker than it, or brighter? The ground is
    what is seen on the border and on a ring further in, where the border may be a paper edge.
    """
    step = max(1, min(grey.shape) // 64)  # a quarter of a large picture shows it as well
    grey = grey[::step, ::step]
    depth = max(1, round(0.06 * min(grey.shape)))
    inner = grey[depth:-depth, depth:-depth]
    rings = [border(grey), border(inner)] if min(inner.shape, default=0) > 1 else [border(grey)]
    departure = grey - np.float32(_median(np.concatenate(rings)))
    return bool((np.minimum(departure, 0) ** 2).sum() > (np.maximum(departure, 0) ** 2).sum())


def border(levels: Floats) -> Floats:
    """The outermost ring of pixels."""
    return np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])


def _ground(grey: Floats) -> Floats:
    """float32 [H, W], or [1, 1] where it is even: what the paper's level would be without the dark
    strokes on it.

    Grey-level closing (Serra, "Image Analysis and Mathematical Morphology", 1982) with a square
    wider than any stroke, at low resolution: it follows shadow and uneven light, which are wide,
    and passes over strokes, which are narrow. An even slope is taken out first, since at the border
    a closing would flatten it.
    """
    height, width = grey.shape
    factor = max(1, round(max(height, width) / GROUND_SIDE))
    small = np.asarray(Image.fromarray(grey).reduce(factor))
    slope = _slope(small)
    closed = slope - _widest(-_widest(small - slope, GROUND_HALF), GROUND_HALF)
    if float(np.ptp(closed)) < 1:  # even paper, as drawing programs have it
        return np.full((1, 1), closed.mean(), np.float32)
    return np.asarray(Image.fromarray(closed).resize((width, height), Image.Resampling.BILINEAR))


def _slope(levels: Floats) -> Floats:
    """float32 [H, W]: the plane through 0 that rises as the levels do from border to border."""
    height, width = levels.shape
    fall = (_median(levels[-1]) - _median(levels[0])) / max(height - 1, 1)
    tilt = (_median(levels[:, -1]) - _median(levels[:, 0])) / max(width - 1, 1)
    down = (np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2)) * np.float32(fall)
    across = (np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)) * np.float32(tilt)
    return down[:, np.newaxis] + across


def _median(levels: Floats) -> float:
    """Of a few levels: numpy's own takes ten times as long over its preparations."""
    return float(np.sort(levels, axis=None)[levels.size // 2])


def _widest(levels: Floats, half: int) -> Floats:
    """The largest value within `half` px of each pixel, in a square, in log2(half) steps.

    `half` + 1 has to be a power of two.
    """
    for _ in range(2):  # along one axis, then along the other
        height, width = levels.shape
        widest = np.full((height + 2 * half, width), -np.inf, np.float32)
        widest[half:-half] = levels
        step = 1
        while step <= half:  # of `step` values that follow one another, and then of twice as many
            widest = np.maximum(widest[:-step], widest[step:])
            step *= 2
        levels = np.maximum(widest[:-half], widest[half:]).T
    return levels


def _strongest(ink: Floats) -> float:
    """The level that STRONGEST pixels reach, or one in 64 where there are few pixels; 0 where it
    is below MIN_CONTRAST.
    """
    bright = np.sort(ink[ink >= MIN_CONTRAST])
    enough = max(1, min(STRONGEST, ink.size // 64))
    return float(bright[-enough]) if bright.size >= enough else 0.0


def _quantile(values: Floats, place: int, finest: float) -> float:
    """The value with `place` values below it, to `finest`; values beyond 0 and 255 · finest count
    as these. By counting: numpy's partition takes 20 times as long where most values are equal.
    """
    levels = np.clip(values * np.float32(1 / finest), 0, 255).astype(np.uint8)
    counts = np.bincount(levels.ravel(), minlength=256)
    return float(np.searchsorted(np.cumsum(counts), place, side="right")) * finest
