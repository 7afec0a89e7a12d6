"""Thumbnails: what a picture looked like, in a few hundred bytes."""

import io

from PIL import Image

SIDE = 72  # px: the longer side


def thumbnail(picture: Image.Image) -> bytes:
    """A WebP of at most SIDE px a side, in grey or colour on white."""
    small = picture.copy() if max(picture.size) <= SIDE else _reduced(picture)
    if small.mode == "RGBA":
        white = Image.new("RGBA", small.size, (255, 255, 255, 255))
        small = Image.alpha_composite(white, small).convert("RGB")
    file = io.BytesIO()
    small.convert("RGB").save(file, "WEBP", quality=40, method=2)
    return file.getvalue()


def _reduced(picture: Image.Image) -> Image.Image:
    """The longer side becomes SIDE; a strip keeps at least one pixel across."""
    scale = SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BOX)
