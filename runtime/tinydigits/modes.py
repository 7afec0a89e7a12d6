"""Modes: a loaded picture becomes upright and of mode L, RGB or RGBA, with 8 bits a channel."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIP = 1 << 16  # pixels that are copied at once where a large picture is converted

# Pillow finds an orientation in these. It turns a TIFF itself.
ORIENTATION = frozenset({"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"})
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """Return the loaded picture turned as its EXIF or XMP says: the same object where they are
    silent. `ImageOps.exif_transpose` would copy it, and rewrite the EXIF, which can be hostile.
    """
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    # Damaged EXIF raises SyntaxError, TypeError, struct.error and more; the picture is still good.
    except Exception:
        return image
    if turn is None:
        return image
    turned = image.transpose(turn)
    for key in ORIENTATION:  # else the result would be turned once more where it is passed on
        turned.info.pop(key, None)
    return turned


def converted(image: Image.Image) -> Image.Image:
    """Return a picture of mode L, RGB or RGBA, with 8 bits a channel."""
    if image.mode in ("L", "RGB", "RGBA"):
        return image.convert("RGBA") if "transparency" in image.info else image
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture of mode L. 16-bit, 32-bit and float samples have no agreed white, so the
    largest becomes 255. But samples below 256 stay as they are, and floats up to 1 are shares of
    white. Some rows at a time are copied, not the whole picture.
    """
    rows = max(1, STRIP // image.width)
    strips = [
        (0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows)
    ]
    largest = max(float(_levels(image.crop(strip)).max()) for strip in strips)
    plain = Image.new("L", image.size)
    for strip in strips:
        levels = _levels(image.crop(strip))
        if image.mode == "F" and largest <= 1:
            levels *= 255
        elif largest >= 256:
            levels *= 255 / largest
        levels += 0.5
        plain.paste(Image.fromarray(levels.astype(np.uint8)), strip)
    return plain


def _levels(image: Image.Image) -> NDArray[np.float32]:
    """Return the samples, none of them negative or NaN."""
    levels = np.array(image, dtype=np.float32)
    np.nan_to_num(levels, copy=False)
    return np.maximum(levels, 0, out=levels)
