"""Fit: from any picture of a digit to the 28×28 that the networks know.

MNIST digits are bright on black, scaled into a 20×20 square with their aspect ratio kept, and
placed in 28×28 by their centre of mass (LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition", 1998, section III.A). The steps below bring a picture
there, in the order in which they are applied:

    oriented → flattened (alpha) → grey → ink (polarity, background) → box → 20×20 → centred
"""

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from tinydigits.errors import ImageError

Level = TypeVar("Level", np.uint8, np.float32)
Fit = Literal["auto", "mnist", "resize", "none"]
Invert = Literal["auto", "yes", "no"]

SIDE = 28  # px: width and height of a model input
BOX = 20  # px: the square that the ink is scaled into
WORK_SIDE = 256  # px: larger pictures are first reduced to this; a digit needs no more
INK_LEVEL = 0.25  # of the strongest ink: weaker is paper grain, shadow, or the ringing of JPEG
MIN_CONTRAST = 16  # of 255: a picture whose ink stands out less than this is blank
GROUND_SIDE = 48  # px: the resolution at which the ground is judged
GROUND_STROKE = 13  # px of those: wider dark areas are shadow, narrower ones may be ink
DARK_BORDER = 16  # of 255: mean of the outermost pixels; at most 8.0 in the MNIST test images


@dataclass(frozen=True, slots=True)
class Fitted:
    """One model input, and what was decided on the way."""

    pixels: NDArray[np.uint8]
    """uint8 [28, 28], ink bright on dark."""

    blank: bool
    """No ink was found."""

    inverted: bool | None
    """The ink was darker than its ground. None where nobody looked."""

    box: tuple[int, int, int, int] | None
    """Left, top, right, bottom of the ink in pixels of the upright picture, right and bottom
    exclusive. None where nobody looked."""


def fit(image: Image.Image, how: Fit = "auto", invert: Invert = "auto") -> Fitted:
    """A decoded picture as a model input.

    `how`: "auto" hands an image that already is a model input (28×28, grey, dark border) through
    untouched and treats every other as "mnist" does: finds the ink, scales it into 20×20 and
    centres it by mass. "resize" only brings it to 28×28, and "none" refuses any other size.
    `invert`: whether the ink is darker than its ground; "auto" looks at the border.

    Raises ImageError with "none" where the picture is not 28×28.
    """
    upright = ImageOps.exif_transpose(image)
    if how == "none" and upright.size != (SIDE, SIDE):
        raise ImageError(f"{upright.width}×{upright.height} pixels, and fit=none takes 28×28 only")
    if how == "auto" and invert == "auto" and _is_model_input(upright):
        return _untouched(np.asarray(upright.convert("L")))
    if how == "none":
        pixels = np.asarray(_grey(upright))
        return _untouched(255 - pixels if invert == "yes" else pixels)
    if how == "resize":
        return _resized(_grey(upright), invert)
    return _placed(upright, invert)


def _is_model_input(image: Image.Image) -> bool:
    if image.size != (SIDE, SIDE) or image.mode not in ("L", "RGB"):
        return False
    pixels = np.asarray(image)
    if pixels.ndim == 3:
        if np.ptp(pixels, axis=2).any():
            return False  # a colour picture
        pixels = pixels[..., 0]
    return float(_border(pixels).mean()) < DARK_BORDER


def _untouched(pixels: NDArray[np.uint8]) -> Fitted:
    return Fitted(pixels, blank=int(np.ptp(pixels)) < MIN_CONTRAST, inverted=None, box=None)


def _resized(grey: Image.Image, invert: Invert) -> Fitted:
    """What most notebooks do: kept so that its cost can be measured."""
    pixels = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None))
    inverted = _ink_is_dark(pixels.astype(np.float32)) if invert == "auto" else invert == "yes"
    blank = int(np.ptp(pixels)) < MIN_CONTRAST
    return Fitted(255 - pixels if inverted else pixels, blank, inverted, box=None)


def _placed(upright: Image.Image, invert: Invert) -> Fitted:
    grey = _grey(upright)
    shrink = max(1.0, max(grey.size) / WORK_SIDE)
    if shrink > 1:
        size = (max(1, round(grey.width / shrink)), max(1, round(grey.height / shrink)))
        grey = grey.resize(size, Image.Resampling.BOX)
    levels = np.asarray(grey, dtype=np.float32)
    inverted = _ink_is_dark(levels) if invert == "auto" else invert == "yes"
    ink = _ink(levels, inverted)
    if ink is None:
        return Fitted(np.zeros((SIDE, SIDE), np.uint8), blank=True, inverted=inverted, box=None)
    left, top, right, bottom = _ink_box(ink)
    pixels = _centred(_scaled(ink[top:bottom, left:right]))
    box = (
        int(left * shrink),
        int(top * shrink),
        min(upright.width, int(np.ceil(right * shrink))),
        min(upright.height, int(np.ceil(bottom * shrink))),
    )
    return Fitted(pixels, blank=False, inverted=inverted, box=box)


def _grey(image: Image.Image) -> Image.Image:
    """Mode L, 0..255; transparency laid over the ground that its visible ink stands out from."""
    if image.mode.startswith("I") or image.mode == "F":
        return _stretched(image)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.float32)
        alpha = rgba[..., 3:] / 255
        visible = float(alpha.sum())
        # The ground is the opposite of what is visible. Black is assumed of an image in which
        # nothing is visible, which is blank on any ground.
        mean = float((rgba[..., :3].mean(axis=2, keepdims=True) * alpha).sum()) / max(visible, 1)
        ground = 255 if visible and mean < 128 else 0
        flat = rgba[..., :3] * alpha + ground * (1 - alpha)
        image = Image.fromarray((flat + 0.5).astype(np.uint8))
    return image.convert("L")


def _stretched(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float samples have no agreed white: their own range becomes 0..255."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32))
    low, high = float(levels.min()), float(levels.max())
    return Image.fromarray(((levels - low) * (255 / max(high - low, 1))).astype(np.uint8))


def _border(levels: NDArray[Level]) -> NDArray[Level]:
    """The outermost ring of pixels."""
    return np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])


def _ink_is_dark(levels: NDArray[np.float32]) -> bool:
    """Ink is what departs furthest from the border: darker than it, or brighter?"""
    departure = levels - np.median(_border(levels))
    return bool((np.minimum(departure, 0) ** 2).sum() > (np.maximum(departure, 0) ** 2).sum())


def _ink(levels: NDArray[np.float32], inverted: bool) -> NDArray[np.float32] | None:
    """float32 [H, W]: 0 where there is paper, 255 where ink is strongest. None if blank."""
    dark = levels if inverted else 255 - levels
    ink: NDArray[np.float32] = np.maximum(_ground(dark) - dark, 0)
    # Half a percent of the pixels: a hair-thin stroke has more, a few stray specks less.
    strongest = float(np.percentile(ink, 99.5))
    if strongest < MIN_CONTRAST:
        return None
    ink = np.minimum(ink / strongest, 1)
    ink[ink < INK_LEVEL] = 0
    return ink * 255


def _ground(dark: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [H, W]: what the paper's level would be without the dark strokes on it.

    Grey-level closing (Serra, "Image Analysis and Mathematical Morphology", 1982) with a square
    wider than any stroke, at low resolution: it follows shadow and uneven light, which are wide,
    and passes over strokes, which are narrow.
    """
    height, width = dark.shape
    scale = GROUND_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(dark).resize(size, Image.Resampling.BOX).convert("L")
    for closing in (ImageFilter.MaxFilter, ImageFilter.MinFilter, ImageFilter.BoxBlur):
        small = small.filter(closing(GROUND_STROKE))
    ground = small.convert("F").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(ground)


def _ink_box(ink: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of everything inked, right and bottom exclusive."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _scaled(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The longer side becomes 20 px; averaging over areas makes the grey edges of MNIST."""
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kernel = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(ink).resize(size, kernel)).clip(0, 255)


def _centred(small: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Placed in 28×28 so that the centre of mass falls on the middle, to the nearest pixel."""
    height, width = small.shape
    total = max(float(small.sum()), 1.0)
    middle_row = float(small.sum(axis=1) @ np.arange(height)) / total
    middle_column = float(small.sum(axis=0) @ np.arange(width)) / total
    top = min(max(round((SIDE - 1) / 2 - middle_row), 0), SIDE - height)
    left = min(max(round((SIDE - 1) / 2 - middle_column), 0), SIDE - width)
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + height, left : left + width] = (small + 0.5).astype(np.uint8)
    return pixels
