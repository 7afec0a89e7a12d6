"""HEIC photographs, as phones take them, through libheif (extra `formats`)."""

from typing import Any

from PIL import Image

from tinydigits.errors import MissingExtra

MORE = 100_000_000  # bytes beyond bounds.MEMORY: libheif decodes 120 million pixels at once
STRIP = 1 << 20  # pixels that are copied at once
_CHROMA = {420: 0.5, 422: 1.0, 444: 2.0}  # samples of colour for each pixel


def open_heif(data: bytes) -> Any:
    """Open a HEIF file, of which nothing is decoded yet; it is upright. Raises MissingExtra, and
    what libheif raises.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtra("a HEIC photograph", "pillow-heif", "formats") from error
    return pillow_heif.open_heif(data)


def memory(file: Any, scale: int) -> int:
    """Return the bytes of memory that it takes to decode a photograph, to scale it and to fit it:
    libheif holds the planes and the colours that it makes of them.
    """
    width, height = file.size
    channels = 2 if ";" in file.mode else len(file.mode)
    planes = 1 + _CHROMA.get(file.info.get("chroma"), 0) + (channels in (2, 4))
    planes *= 2 if file.info.get("bit_depth", 8) > 8 else 1
    planes *= 1 if file.info.get("tiling") else 2  # with one tile, the decoder holds a copy
    decoding = max(planes + channels, channels + 4 / scale**2)
    return int(width * height * max(decoding, 8 / scale**2))


def decode_heif(file: Any, scale: int) -> Image.Image:
    """Decode the photograph at 1/scale of its size: each pixel is the mean of a square of them."""
    pixels: Any = memoryview(file.data)  # decodes it, and may change its size
    (width, height), mode, stride = file.size, file.mode, file.stride
    kept = "I" if ";" in mode else mode  # grey of 16 bits, which Pillow cannot scale
    picture = Image.new(kept, (-(-width // scale), -(-height // scale)))
    rows = scale * max(1, STRIP // (width * scale))
    for top in range(0, height, rows):
        size = width, min(rows, height - top)
        strip = pixels[top * stride : (top + size[1]) * stride]
        part = Image.frombuffer(mode, size, strip, "raw", mode, stride, 1).convert(kept)
        picture.paste(part.reduce(scale) if scale > 1 else part, (0, top // scale))
    return picture.convert(kept.upper())
