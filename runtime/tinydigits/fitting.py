"""Fit: from any picture of a digit to a model input of 28×28.

MNIST digits are bright on black, scaled into a 20×20 square with their aspect ratio kept, and
placed in 28×28 by their centre of mass (LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition", 1998, section III.A). These steps bring a picture there:

    alpha flattened → reduced → grey → polarity → ink (`ink`) → the digit's own ink (`pieces`)
    → a small digit examined again, unreduced → thin strokes thickened → 20×20 → centred

All of it is counted in whole numbers: the same decoded pixels give the same 784 bytes on every
machine and in every language. C does it if the fit was compiled (`core`): this is the
definition, and the implementation for all other machines.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits import core
from tinydigits.bands import bands, ground_of, reduced
from tinydigits.core import Doubt, Fitted
from tinydigits.errors import ImageError
from tinydigits.ink import MIN_CONTRAST, Ink, Mask, find_ink, grey_of, ink_box, ink_is_dark
from tinydigits.pieces import digit_of
from tinydigits.resampling import Grey, area_means, area_sums, block_maxima, dilated

Fit = Literal["auto", "mnist", "resize", "none"]

SIDE = 28  # px: width and height of a model input
BOX = 20  # px: the square that the ink is scaled into
WORK_SIDE = 128  # px: pictures with a longer side of twice that and more are first reduced to it
CLOSER = 64  # px: a smaller digit in a reduced picture is examined again, unreduced
TOO_SMALL = 8  # px: the longer side of digits that cannot be read
STROKE = 77  # of 255: ink that counts as stroke where its width is measured
WIDTH = 8  # of a digit's longer side: strokes thinner than 1/8, 2.5 px of 20, are thickened to it
OFF_CENTRE = 6  # tenths of px: no MNIST digit's centre of mass is further from pixel 14 than 5.2
DARK_BORDER = 16  # of 255: mean of the outermost pixels; at most 8.0 in the MNIST test images


_BANDS = ((), (3,), (4,))  # what the shapes of arrays end in, after height and width


def fit(
    image: Image.Image | NDArray[np.uint8], how: Fit = "auto", invert: bool | None = None
) -> Fitted:
    """Turn a decoded picture into a model input. It is of mode L, RGB or RGBA, or uint8 [H, W] or
    [H, W, 3|4].

    `how`: "mnist" finds the ink, scales it into 20×20 and centres it by mass. "auto" does the same,
    but leaves a picture that already is a model input (28×28, grey, dark border) as it is.
    "resize" only scales to 28×28, and "none" refuses any other size.
    `invert`: whether the ink is darker than its background; None detects it. With True, no picture
    counts as a model input already.

    Raises ImageError for other arrays, and with "none" where the picture is not 28×28.
    """
    if isinstance(image, np.ndarray) and not (
        image.dtype == np.uint8 and image.size and image.ndim > 1 and image.shape[2:] in _BANDS
    ):
        raise ImageError(
            f"{image.dtype} {list(image.shape)}, where uint8 [H, W] or [H, W, 3|4] was expected"
        )
    width, height = image.size if isinstance(image, Image.Image) else image.shape[1::-1]
    if how == "none" and (width, height) != (SIDE, SIDE):
        raise ImageError(f"{width}×{height} pixels, and fit=none takes 28×28 only")
    answer = core.fitted(image, how, invert)
    if answer is not None:
        return answer
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    if how == "auto" and invert is not True:
        ready = _model_input(image)
        if ready is not None:
            return ready
    ground = ground_of(image)
    if how == "none":
        return _resized(image, ground, bool(invert))._replace(inverted=None)
    if how == "resize":
        return _resized(image, ground, invert)
    return _placed(image, ground, invert)


def _model_input(image: Image.Image) -> Fitted | None:
    """Return a picture that already is a model input; None for any other."""
    if image.size != (SIDE, SIDE) or image.mode == "RGBA":
        return None
    pixels = np.asarray(image)
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            return None
        pixels = np.ascontiguousarray(pixels[..., 0])
    ready, blank = model_inputs(pixels[np.newaxis])
    return Fitted(pixels, "blank" if blank[0] else None) if ready[0] else None


def model_inputs(stack: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """Tell which pictures of a stack, uint8 [N, 28, 28], already are model inputs, and which of
    those are blank: bool [N] twice. A model input has a dark border, ink within 20×20, and the
    centre of mass of the ink in the middle, as all pictures of MNIST have.
    """
    pixels = stack.reshape(-1, SIDE * SIDE)
    total, down, across, around = (pixels.astype(np.float32) @ _MEASURES).astype(np.int64).T
    # Four pixels in one number, and the axis to reduce first: `any` takes five times as long.
    fours = pixels.view(np.uint32).reshape(-1, SIDE, SIDE // 4)
    rows = np.bitwise_or.reduce(np.ascontiguousarray(fours.transpose(2, 0, 1))) != 0
    columns = np.bitwise_or.reduce(np.ascontiguousarray(fours.transpose(1, 0, 2))).view(np.uint8)
    ready = (
        (_extent(rows) <= BOX)
        & (_extent(columns != 0) <= BOX)
        & (abs(10 * down - 5 * SIDE * total) < OFF_CENTRE * total)
        & (abs(10 * across - 5 * SIDE * total) < OFF_CENTRE * total)
        & (around < DARK_BORDER * (4 * SIDE - 4))
    )
    return ready | (total == 0), pixels.max(axis=1) - pixels.min(axis=1) < MIN_CONTRAST


def _extent(inked: Any) -> NDArray[np.intp]:
    """Return the distance from the first True to the last in each row of bool [N, 28]."""
    extent: NDArray[np.intp] = SIDE - inked.argmax(axis=1) - inked[:, ::-1].argmax(axis=1)
    return extent


def _measures() -> NDArray[np.float32]:
    """Return the matrix, float32 [784, 4], that gives the sum of the pixels, the moments of rows
    and columns, and the sum over the border. float32 counts them exactly: all are below 2²⁴.
    """
    rows, columns = np.indices((SIDE, SIDE), np.float32)
    edge = (rows == 0) | (rows == SIDE - 1) | (columns == 0) | (columns == SIDE - 1)
    return np.stack([np.ones_like(rows), rows, columns, edge], axis=-1).reshape(-1, 4)


_MEASURES = _measures()


def _resized(image: Image.Image, ground: int, dark: bool | None) -> Fitted:
    """Scale to 28×28, as most notebooks do: here so that its cost can be measured."""
    across = [area_sums(_luminance(band).T, SIDE) for band in bands(image, ground)]
    area = image.width * image.height
    sums = area_sums(np.concatenate(across, axis=1).T, SIDE)
    pixels = ((sums + area // 2) // area).astype(np.uint8)
    if dark is None:
        dark = ink_is_dark(pixels)
    doubt: Doubt | None = "blank" if int(np.ptp(pixels)) < MIN_CONTRAST else None
    return Fitted(255 - pixels if dark else pixels, doubt, dark)


def _luminance(picture: Grey) -> Grey:
    """Return uint8 [H, W], by the weights of ITU-R BT.601."""
    if picture.ndim == 2:
        return picture
    levels = picture.astype(np.uint16)
    mixed = levels[..., 0] * 77 + levels[..., 1] * 150 + levels[..., 2] * 29 + 128
    return (mixed >> 8).astype(np.uint8)


def _placed(image: Image.Image, ground: int, invert: bool | None) -> Fitted:
    """Find the digit, scale it into 20×20 and centre it. ground: see `bands`."""
    width, height = image.size
    longer = max(height, width)
    shrink = longer // WORK_SIDE if longer >= 2 * WORK_SIDE else 1
    grey = grey_of(reduced(image, ground, shrink))
    dark = ink_is_dark(grey) if invert is None else invert
    ink = find_ink(grey, dark, shrink > 1)
    if ink is None and shrink > 1:
        ink, dark = _tiny_ink(image, ground, shrink, invert)
    if ink is None:
        return Fitted(np.zeros((SIDE, SIDE), np.uint8), "blank", invert)
    levels, several = digit_of(ink)
    left, top, right, bottom = ink_box(levels)
    whole = (left * shrink, top * shrink, min(width, right * shrink), min(height, bottom * shrink))
    extent = max(right - left, bottom - top)
    if shrink > 1 and extent < CLOSER:
        # The reduction that found the digit also blurred it: fit it again from its surroundings.
        area = _with_margin(whole, width, height)
        closer = _placed(image.crop(area), ground, dark)
        if closer.box is not None:
            left, top, right, bottom = closer.box
            moved = (left + area[0], top + area[1], right + area[0], bottom + area[1])
            return closer._replace(doubt="several" if several else closer.doubt, box=moved)
    pixels = as_input(levels[top:bottom, left:right])
    doubt: Doubt | None = "several" if several else "too_small" if extent < TOO_SMALL else None
    return Fitted(pixels, doubt, dark, whole)


def _tiny_ink(
    image: Image.Image, ground: int, shrink: int, invert: bool | None
) -> tuple[Ink | None, bool]:
    """Look for ink that the mean of a block hides: by the darkest pixel of each block, then by the
    brightest. Grain that deep is in every block, and so counts as the paper's noise.
    """
    for dark in (True, False) if invert is None else (invert,):
        flip = np.uint8(255 if dark else 0)  # `^ 255` exchanges bright and dark
        maxima = [block_maxima(band ^ flip, shrink) for band in bands(image, ground, shrink)]
        ink = find_ink(grey_of(np.concatenate(maxima) ^ flip), dark, reduced=True)
        if ink is not None:
            break
    return ink, dark


def _with_margin(
    box: tuple[int, int, int, int], width: int, height: int
) -> tuple[int, int, int, int]:
    """Return the box with a quarter of its longer side around it, as far as the picture goes."""
    left, top, right, bottom = box
    margin = max(right - left, bottom - top) // 4 + 1
    return (
        max(0, left - margin),
        max(0, top - margin),
        min(width, right + margin),
        min(height, bottom + margin),
    )


def as_input(levels: Grey) -> Grey:
    """Bring the ink of a digit, cropped to its box, uint8 [H, W], into 28×28."""
    return _centred(_scaled(_thickened(levels)))


def _thickened(levels: Grey) -> Grey:
    """Thicken hair-thin strokes to MNIST's width, before scaling hides how thin they are."""
    mask = levels >= STROKE
    area = int(mask.sum())
    # A stroke of length l and width w has area l·w and an outline of 2·l: w = 2·area ÷ outline.
    inside = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    outline = max(area - int(inside.sum()), 1)
    missing = max(levels.shape) * outline - 2 * WIDTH * area  # in 1/(WIDTH · outline) px
    if missing < WIDTH * outline or area == 0:
        return levels
    reach = (missing + WIDTH * outline) // (2 * WIDTH * outline)
    return dilated(np.pad(levels, reach), reach)


def _scaled(levels: Grey) -> Grey:
    """Scale the longer side to 20 px, and the strongest ink, but for one pixel in 20, to 255.
    Averaging over areas makes the grey edges that MNIST digits have.
    """
    longer = max(levels.shape)
    height, width = (max(1, (2 * side * BOX + longer) // (2 * longer)) for side in levels.shape)
    small = area_means(levels, height, width)
    strongest = max(1, int(np.sort(small, axis=None)[-max(1, small.size // 20)]))
    return np.minimum(small.astype(np.uint16) * 255 // strongest, 255).astype(np.uint8)


def _centred(small: Grey) -> Grey:
    """Place the digit in 28×28 with its centre of mass on pixel 14, to the nearest pixel. In MNIST
    it is measured to be there (mean 13.99 and 14.01 over the test images, deviation 0.29).
    """
    total = max(int(small.sum()), 1)
    corner = []
    for axis, length in enumerate(small.shape):
        moment = int(small.sum(axis=1 - axis) @ np.arange(length))
        place = (2 * (SIDE // 2 * total - moment) + total) // (2 * total)
        corner.append(min(max(place, 0), SIDE - length))
    top, left = corner
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + small.shape[0], left : left + small.shape[1]] = small
    return pixels
