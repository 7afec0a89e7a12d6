"""Bounds: the limits of a picture, and the most work and memory that its header may ask for.

Pillow bounds the compressed text of a PNG and the tags of a TIFF, but not how many comments,
markers, chunks or strips there are, nor what decoding takes. These checks come before that.
"""

import io
import struct
import sys
from typing import Any, NamedTuple

from PIL import Image

from tinydigits.errors import ImageError

MEMORY = 500_000_000  # bytes: the most that a picture takes; a process has 85 million beside it
PIXEL_BYTES = 10  # of memory for each pixel of a limit that was asked for
LEAST_MEMORY = 1 << 26  # 64 MiB: a low limit on pixels refuses no file for less than this
MAX_PIXELS = 120_000_000  # the limit by default: phones write 108 million
MOST_PIXELS = 2 * 89_478_485  # Image.open, which is not used here, refuses more
ROW_BYTES = 24  # of memory: the addresses of a row in three pictures

SMALL_FILE = 1 << 18  # bytes: what the header of a smaller file can ask for does no harm
HEADER_BYTES = 1 << 24  # 16 MiB: the most that is read of a large file beside its pixels
READ_BYTES = 128  # what one read counts for, so that 130,000 small ones are the most
EXIF_BYTES = 1 << 20
MOST_REPEATED = 16  # segments of EXIF in a JPEG, with 64 KiB each at the most
METADATA = 1 << 24  # characters of text, and bytes
TAG_VALUES = 200_000  # of one TIFF tag: strips, or the 196,608 of a transfer function

_TAG_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BITS, _PHOTOMETRIC, _SAMPLES, _STRIP_ROWS, _TILE_WIDTH, _TILE_ROWS = 258, 262, 277, 278, 322, 323
_YCBCR = 6


class Limits(NamedTuple):
    """The most that one image may cost before it is refused."""

    max_pixels: int = MAX_PIXELS
    """Width × height as the header promises it, which is checked before anything is decoded. More
    than MOST_PIXELS are always refused, and so is a picture that would take too much memory
    (`most_memory`)."""

    max_bytes: int = 64 * 1024 * 1024
    """The size of the encoded image."""

    max_seconds: float = 10.0
    """The time in seconds that a worker process may take to read one image. A process that reads
    images itself cannot interrupt its decoders, so there this limit does not hold. The slowest
    image within the other limits, a TIFF of 16 bits, takes 1.4 s of a CPU."""


def too_large(size: int, limits: Limits) -> str | None:
    """Return why an encoded image of so many bytes is refused."""
    if size > limits.max_bytes:
        return f"{size:,} bytes, over the limit of {limits.max_bytes:,} (--max-bytes)"
    return None


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Raise ImageError where a picture has more pixels than it may, or none."""
    most = min(limits.max_pixels, MOST_PIXELS)
    if (pixels := width * height) > most:
        option = f"--max-pixels{f', {MOST_PIXELS:,} at the most' if pixels > MOST_PIXELS else ''}"
        raise ImageError(f"{width:,}×{height:,} pixels, over the limit of {most:,} ({option})")
    if 0 in (width, height):
        raise ImageError(f"an image of {width}×{height} pixels")


class Header(io.BytesIO):
    """The bytes of a large file, of which a decoder may read only so much before the pixels."""

    left = HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as BytesIO does. Raises ImageError where too much is read, or too often."""
        data = super().read(size)
        self.left -= len(data) + READ_BYTES
        if self.left < 0:
            raise ImageError("too many or too long comments and tables around its pixels")
        return data


def header_of(format_: str, data: bytes) -> io.BytesIO:
    """Return the file for Pillow's decoder of that format to open. Raises ImageError where a TIFF
    has too many tags or too large ones, a JPEG too much EXIF, or a PNG too many colour profiles.
    """
    if format_ == "TIFF":
        _check_directory(data)
    mark = _REPEATED.get(format_)
    if mark and len(data) > EXIF_BYTES and data.count(mark) > MOST_REPEATED:
        raise ImageError(f"more than {MOST_REPEATED} segments that hold {mark!r}")
    return (
        Header(data) if len(data) > SMALL_FILE and format_ in _READ_BIT_BY_BIT else io.BytesIO(data)
    )


_READ_BIT_BY_BIT = frozenset({"PNG", "JPEG", "GIF", "PPM"})


# While it opens a file, Pillow joins all the EXIF of a JPEG to look for the resolution there, and
# unpacks every colour profile of a PNG.
_REPEATED = {"JPEG": b"Exif\0\0", "PNG": b"iCCP"}


def allow_pixels(image: Any, file: io.BytesIO, size: int) -> None:
    """Let the decoder read the pixels; of a PNG, the texts after them count on."""
    if isinstance(file, Header):
        file.left = file.left + size if image.format == "PNG" else sys.maxsize
    if image.format == "TIFF":
        image.is_animated = True  # so that Pillow does not unpack the tags of cameras and of GPS


def _check_directory(data: bytes) -> None:
    """Check the first directory of a TIFF. Its tags are read into memory before any pixel: by
    Pillow, and once more by libtiff, even where they share their bytes.
    """
    order, big = "<" if data[:1] == b"I" else ">", data[2] == 43
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    except (struct.error, OverflowError):
        return  # truncated: Pillow says so
    if count > 0xFFFF:
        raise ImageError(f"{count:,} tags in its directory")
    entry = struct.Struct(order + ("HHQ8x" if big else "HHI4x"))
    start = at + (8 if big else 2)
    entries = data[start : start + count * entry.size]
    total = 0
    for tag, kind, values in entry.iter_unpack(entries[: len(entries) // entry.size * entry.size]):
        if kind in _TAG_BYTES and values > TAG_VALUES:
            raise ImageError(f"{values:,} values of tag {tag}, over the limit of {TAG_VALUES:,}")
        total += values * _TAG_BYTES.get(kind, 1)
    if total > 2 * len(data) + SMALL_FILE:
        raise ImageError(f"tags of {total:,} bytes in a file of {len(data):,}")


def check_metadata(image: Any) -> None:
    """Check what a loaded picture holds beside its pixels."""
    info = image.info
    exif = max(len(info.get("exif") or ""), len(info.get("Raw profile type exif") or "") // 2)
    if exif > EXIF_BYTES:
        raise ImageError(f"{exif:,} bytes of EXIF, over the limit of {EXIF_BYTES:,}")
    held = [*info.values(), *(chunk[1] for chunk in getattr(image, "private_chunks", ()))]
    size = sum(len(value) for value in held if isinstance(value, (str, bytes)))
    if size > METADATA:
        raise ImageError(f"{size:,} bytes of metadata, over the limit of {METADATA:,}")


def most_memory(limits: Limits, more: int) -> int:
    """Return the bytes that a picture may take: MEMORY and `more`, or less where the limit on
    pixels is low. A limit above MAX_PIXELS allows PIXEL_BYTES for each of its pixels.
    """
    pixels = min(limits.max_pixels, MOST_PIXELS)
    most = PIXEL_BYTES * pixels
    return max(LEAST_MEMORY, most if pixels > MAX_PIXELS else min(most, MEMORY + more))


def check_memory(size: tuple[int, int], needed: int, limits: Limits, more: int = 0) -> None:
    """Raise ImageError where a picture needs more memory than it may take."""
    if needed > (most := most_memory(limits, more)):
        allowing = needed // PIXEL_BYTES + 1
        if needed > MEMORY + more:
            allowing = max(allowing, MAX_PIXELS + 1)
        raise ImageError(
            f"{size[0]:,}×{size[1]:,} pixels would take {needed / 1e6:,.0f} MB of memory, over the "
            f"limit of {most / 1e6:,.0f} (--max-pixels {allowing} allows it)"
        )


def memory(image: Image.Image, data: bytes, scale: int = 1) -> int:
    """Return the bytes of memory that the picture takes at the most, encoded, in Pillow and in
    `fit`. The table in docs/limits.md is this function, and a test measures it. `scale`: a JPEG is
    decoded at 1/scale of its size.
    """
    whole, mode = image.width * image.height, image.mode
    pixels = whole // scale**2
    own = 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4
    grey = mode in ("1", "L") and "transparency" not in image.info
    tiles = getattr(image, "tile", None)  # none where the picture is loaded
    codec = tiles[0][0] if tiles else ""
    buffers = 0.0
    if image.format in ("WEBP", "AVIF"):
        buffers = 12 * pixels  # two canvases, and the frame as bytes
    elif codec in ("ppm", "ppm_plain", "bmp_rle"):
        buffers = 2 * (own + 1) * pixels  # Python decodes these, into a bytearray and then bytes
    elif codec == "jpeg" and data:
        buffers = _coefficients(image, data) * whole
    elif codec == "libtiff":
        buffers = _tiff_buffer(image)
    taken = max((2 if grey else 8) * pixels, own * pixels + buffers)
    return len(data) + ROW_BYTES * image.height + int(taken)


def _coefficients(image: Any, data: bytes) -> float:
    """Return the bytes a pixel that libjpeg holds until the last scan: two for each sample, and
    none where the first scan, whose header was read last, has all components.
    """
    layers = [(across or 1, down or 1) for _, down, across, _ in image.layer]
    at = image.fp.tell() - 4 - 2 * len(layers)
    if "progressive" not in image.info and data[at : at + 1] == bytes([len(layers)]):
        return 0
    across, down = (max(sampled) for sampled in zip(*layers, strict=True))
    return float(2 * sum(x * y for x, y in layers) / (across * down))


def _tiff_buffer(image: Any) -> float:
    """Return the bytes of one strip or tile, for which libtiff takes memory, and of its colours
    where they are packed as YCbCr. Tags that libtiff would not believe are not believed either.
    """

    def number(tag: int) -> int:
        value = image.tag_v2.get(tag)
        return value if isinstance(value, int) and value > 0 else 0

    colours = number(_PHOTOMETRIC) == _YCBCR
    bits = max(image.tag_v2.get(_BITS, (1,)))
    pixel = bits / 8 * max(number(_SAMPLES), 3 if colours else 1) + (4 if colours else 0)
    rows = min(number(_STRIP_ROWS) or image.height, image.height)
    tile = number(_TILE_WIDTH) * number(_TILE_ROWS)
    return float(pixel * max(tile, image.width * rows))
