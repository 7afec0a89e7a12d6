"""Fit: from any picture of a digit to a model input of 28×28.

MNIST digits are bright on black, scaled into a 20×20 square with their aspect ratio kept, and
placed in 28×28 by their centre of mass (LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition", 1998, section III.A). These steps bring a picture there:

    alpha flattened → ink found (`ink`) → the digit's own ink chosen (`pieces`)
    → a small digit examined again, unreduced → thin strokes thickened → 20×20 → centred
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.errors import ImageError
from tinydigits.images import STRIP
from tinydigits.ink import MIN_CONTRAST, Floats, Mask, find_ink
from tinydigits.pieces import digit_only

Fit = Literal["auto", "mnist", "resize", "none"]

SIDE = 28  # px: width and height of a model input
BOX = 20  # px: the square that the ink is scaled into
WORK_SIDE = 192  # px: the longer side that larger pictures are first reduced to
CLOSER = 64  # px: a smaller digit in a reduced picture is examined again, unreduced
MARGIN = 0.25  # of the digit's longer side: the surroundings that are then included
THIN = 2.2  # px of 20: thinner strokes are thickened to it; 95 of 100 MNIST digits have more
OFF_CENTRE = 0.6  # px: no MNIST digit's centre of mass is further from pixel 14 than 0.52
DARK_BORDER = 16  # of 255: mean of the outermost pixels; at most 8.0 in the MNIST test images


class Fitted(NamedTuple):
    """One model input, and the decisions that led to it."""

    pixels: NDArray[np.uint8]
    """uint8 [28, 28], ink bright on dark."""

    blank: bool
    """Whether no ink was found."""

    inverted: bool | None
    """Whether the ink is darker than its background. None where that was not detected."""

    box: tuple[int, int, int, int] | None
    """Left, top, right, bottom of the ink in pixels of the upright picture, right and bottom
    exclusive. None where it was not detected."""


def fit(image: Image.Image, how: Fit = "auto", invert: bool | None = None) -> Fitted:
    """Turn a decoded picture, of mode L, RGB or RGBA, into a model input.

    `how`: "mnist" finds the ink, scales it into 20×20 and centres it by mass. "auto" does the same,
    but leaves a picture that already is a model input (28×28, grey, dark border) as it is.
    "resize" only scales to 28×28, and "none" refuses any other size.
    `invert`: whether the ink is darker than its background; None detects it at the border. With
    True, no picture counts as a model input already.

    Raises ImageError with "none" where the picture is not 28×28.
    """
    if how == "none" and image.size != (SIDE, SIDE):
        raise ImageError(f"{image.width}×{image.height} pixels, and fit=none takes 28×28 only")
    if how == "auto" and invert is not True:
        ready = _model_input(image)
        if ready is not None:
            return ready
    if how == "none":
        pixels = np.asarray(_flattened(image).convert("L"))
        return _untouched(255 - pixels if invert else pixels)
    if how == "resize":
        return _resized(_flattened(image).convert("L"), invert)
    return _placed(_flattened(image), invert)


def _model_input(image: Image.Image) -> Fitted | None:
    """Return a picture that already is a model input: 28×28, grey, with a dark border, its ink
    within the square and its centre of mass in the middle, as in all of MNIST. Return None for any
    other.

    Every picture of a data set is tested here, so Pillow's own measures and one product decide.
    """
    if image.size != (SIDE, SIDE) or image.mode == "RGBA":
        return None
    if image.mode == "RGB":
        red, green, blue = image.split()
        if red.tobytes() != green.tobytes() or green.tobytes() != blue.tobytes():
            return None
        image = red
    box = image.getbbox()
    pixels = np.frombuffer(image.tobytes(), np.uint8)
    if box is None:
        return Fitted(pixels.reshape(SIDE, SIDE), blank=True, inverted=None, box=None)
    left, top, right, bottom = box
    sums = (pixels.astype(np.float32) @ _MEASURES).tolist()
    if not _as_in_mnist(right - left <= BOX and bottom - top <= BOX, *sums):
        return None
    low, high = image.getextrema()
    return Fitted(pixels.reshape(SIDE, SIDE), high - low < MIN_CONTRAST, inverted=None, box=None)  # type: ignore[operator]


def model_inputs(stack: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """Tell which pictures of a stack, uint8 [N, 28, 28], already are model inputs, and which of
    those are blank: bool [N] twice. This takes a quarter of the time of one by one.
    """
    pixels = stack.reshape(-1, SIDE * SIDE)
    total, down, across, around = (pixels.astype(np.float32) @ _MEASURES).T
    empty = total == 0
    small = (_extent(stack.any(axis=1)) <= BOX) & (_extent(stack.any(axis=2)) <= BOX)
    ready = empty | _as_in_mnist(small, np.maximum(total, 1), down, across, around)
    return ready, pixels.max(axis=1) - pixels.min(axis=1) < MIN_CONTRAST


def _extent(inked: Any) -> NDArray[np.intp]:
    """Return the distance from the first True to the last in each row of bool [N, 28]."""
    extent: NDArray[np.intp] = SIDE - inked.argmax(axis=1) - inked[:, ::-1].argmax(axis=1)
    return extent


def _as_in_mnist(small: Any, total: Any, down: Any, across: Any, around: Any) -> Any:
    """Test one picture or an array of them for ink within 20×20, its centre of mass in the middle,
    and a dark border. `total` is above 0.
    """
    return (
        small
        & (abs(down / total - SIDE / 2) < OFF_CENTRE)
        & (abs(across / total - SIDE / 2) < OFF_CENTRE)
        & (around < DARK_BORDER * (4 * SIDE - 4))
    )


def _measures() -> Floats:
    """Return the matrix, float32 [784, 4], that gives the sum of the pixels, the moments of rows
    and columns, and the sum over the border.
    """
    rows, columns = np.indices((SIDE, SIDE), np.float32)
    edge = (rows == 0) | (rows == SIDE - 1) | (columns == 0) | (columns == SIDE - 1)
    return np.stack([np.ones_like(rows), rows, columns, edge], axis=-1).reshape(-1, 4)


_MEASURES = _measures()


def _untouched(pixels: NDArray[np.uint8]) -> Fitted:
    blank = int(pixels.max()) - int(pixels.min()) < MIN_CONTRAST
    return Fitted(pixels, blank, inverted=None, box=None)


def _resized(grey: Image.Image, dark: bool | None) -> Fitted:
    """Scale to 28×28, as most notebooks do: here so that its cost can be measured."""
    pixels = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))
    blank = int(np.ptp(pixels)) < MIN_CONTRAST
    if dark is None:
        found = find_ink(pixels.astype(np.float32), None)
        dark = found is not None and found.dark
    return Fitted(255 - pixels if dark else pixels, blank, dark, box=None)


def _placed(image: Image.Image, dark: bool | None) -> Fitted:
    work, shrink = _reduced(image)
    ink = find_ink(np.asarray(work, dtype=np.float32), dark)
    if ink is None:
        return Fitted(np.zeros((SIDE, SIDE), np.uint8), blank=True, inverted=dark, box=None)
    levels = digit_only(ink.levels)
    box = _ink_box(levels)
    whole = _scaled_box(box, shrink, image.size)
    size = max(box[2] - box[0], box[3] - box[1])
    if shrink > 1.5 and size < CLOSER:
        # The reduction that found the digit also blurred it: fit it again from its surroundings.
        area = _with_margin(whole, image.size)
        closer = _placed(image.crop(area), ink.dark)
        if not closer.blank and closer.box is not None:
            left, top, right, bottom = closer.box
            moved = (left + area[0], top + area[1], right + area[0], bottom + area[1])
            return Fitted(closer.pixels, False, ink.dark, moved)
    left, top, right, bottom = box
    pixels = _centred(_scaled(_thickened(levels[top:bottom, left:right])))
    return Fitted(pixels, blank=False, inverted=ink.dark, box=whole)


def _flattened(image: Image.Image) -> Image.Image:
    """Return the picture in mode L or RGB, with transparency laid over black or white, whichever
    the visible pixels stand out from. The hidden colour of transparent pixels, often black, must
    not become strokes.
    """
    if image.mode != "RGBA":
        return image
    # Resizing weights colour by alpha, so the mean below is that of the visible pixels.
    small = np.asarray(image.resize((32, 32), Image.Resampling.BOX), dtype=np.float32)
    alpha = small[..., 3]
    mean = float((small[..., :3].mean(axis=2) * alpha).sum()) / max(float(alpha.sum()), 1)
    if alpha.min() < 250:
        ground = (255, 255, 255, 255) if mean < 128 else (0, 0, 0, 255)
        return _laid_over(image, ground)
    return image.convert("RGB")


def _laid_over(image: Image.Image, ground: tuple[int, int, int, int]) -> Image.Image:
    """Lay an RGBA picture over a colour. Some rows at a time are copied, not the whole picture."""
    flat = Image.new("RGB", image.size)
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        over = Image.alpha_composite(Image.new("RGBA", strip.size, ground), strip)
        flat.paste(over.convert("RGB"), (0, top))
    return flat


def _reduced(image: Image.Image) -> tuple[Image.Image, float]:
    """Reduce the picture to WORK_SIDE px; return it with the factor by which it was reduced."""
    shrink = max(image.size) / WORK_SIDE
    if shrink <= 1:
        return image, 1.0
    size = (max(1, round(image.width / shrink)), max(1, round(image.height / shrink)))
    return image.resize(size, Image.Resampling.BOX), shrink


def _ink_box(ink: Floats) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of all ink, right and bottom exclusive."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _scaled_box(
    box: tuple[int, int, int, int], scale: float, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return (
        int(left * scale),
        int(top * scale),
        min(size[0], int(np.ceil(right * scale))),
        min(size[1], int(np.ceil(bottom * scale))),
    )


def _with_margin(
    box: tuple[int, int, int, int], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    margin = int(MARGIN * max(right - left, bottom - top)) + 1
    return (
        max(0, left - margin),
        max(0, top - margin),
        min(size[0], right + margin),
        min(size[1], bottom + margin),
    )


def _thickened(ink: Floats) -> Floats:
    """Thicken hair-thin strokes to MNIST's width, before scaling hides how thin they are."""
    scale = BOX / max(ink.shape)
    mask = ink > 0.3
    area = int(mask.sum())
    # A stroke of length l and width w has area l·w and an outline of 2·l: w = 2·area ÷ outline.
    inside = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    outline = max(area - int(inside.sum()), 1)
    width = 2 * area / outline
    missing = THIN / scale - width
    if missing < 1 or area == 0:
        return ink
    from PIL import ImageFilter  # most strokes are thick enough

    grow = 2 * round(missing / 2) + 1
    padded = np.pad(ink, grow // 2)
    image = Image.fromarray((padded * 255).astype(np.uint8))
    grown = np.asarray(image.filter(ImageFilter.MaxFilter(grow)), dtype=np.float32)
    return grown / np.float32(255)


def _scaled(ink: Floats) -> Floats:
    """Scale the longer side to 20 px, and the strongest ink to 255. Averaging over areas makes the
    grey edges that MNIST digits have.
    """
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kernel = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    small = np.asarray(Image.fromarray(ink).resize(size, kernel)).clip(0, None)
    strongest = float(np.sort(small, axis=None)[-max(1, small.size // 20)])  # but one pixel in 20
    result: Floats = np.minimum(small * (255 / max(strongest, 1e-3)), 255)
    return result


def _centred(small: Floats) -> NDArray[np.uint8]:
    """Place the digit in 28×28 with its centre of mass on pixel 14, to the nearest pixel. In MNIST
    it is measured to be there (mean 13.99 and 14.01 over the test images, deviation 0.29).
    """
    height, width = small.shape
    total = max(float(small.sum()), 1.0)
    middle_row = float(small.sum(axis=1) @ np.arange(height)) / total
    middle_column = float(small.sum(axis=0) @ np.arange(width)) / total
    top = min(max(round(SIDE / 2 - middle_row), 0), SIDE - height)
    left = min(max(round(SIDE / 2 - middle_column), 0), SIDE - width)
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + height, left : left + width] = (small + 0.5).astype(np.uint8)
    return pixels
