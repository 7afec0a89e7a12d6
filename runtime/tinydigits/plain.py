"""Plain PNG and JPEG files, which are decoded without Pillow's parsers.

A plain file has 8 bits a channel, is grey or in colour, is whole, and holds nothing that changes
its meaning. All bytes but those of the pixels are checked for that. Pillow parses all others, and
decides what is damaged: its parsers take as long as the pixels of a small picture.

Pillow's C decodes the pixels of a JPEG. zlib and `runtime/core/png.c` decode those of a PNG in two
thirds of the time of Pillow's C, which does it where nothing was compiled.

A digit as data sets hold them, a grey PNG of 28×28, is read in C alone, by
`runtime/core/digit_png.c`. With its file opened and closed, it takes 8 µs of a CPU; zlib and the
system's calls from Python took 14.
"""

import os
import re
import struct
import zlib
from collections.abc import Callable
from ctypes import addressof, c_char
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.bounds import ROW_BYTES
from tinydigits.core import library
from tinydigits.errors import ImageError

# PNG chunks that do not change how pixels look, with their lengths in bytes: Pillow refuses other
# lengths. PLTE, tRNS and eXIf are left to its parser, and so are texts: some hold an orientation.
_HARMLESS = {b"pHYs": 9, b"tIME": 7, b"gAMA": 4, b"sRGB": 1, b"cHRM": 32}
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
# Depth, colour, compression, filter, not interlaced → mode
_PNG_MODES = {b"\x08\0\0\0\0": "L", b"\x08\x02\0\0\0": "RGB", b"\x08\x06\0\0\0": "RGBA"}
_CHUNK = struct.Struct(">I4s")
_MOST_BYTES = 1 << 20  # 1 MiB: of a PNG, since its IDAT chunks are copied
_END = b"\0\0\0\0IEND\xaeB`\x82"

DIGIT_BYTES = 1 << 12  # 4 KiB: the most of a grey PNG of 28×28 that is decoded in `digit_in`

_JPEG = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")  # JPEG markers that do not belong in a scan
_JPEG_MODES = {1: "L", 3: "RGB"}  # by the number of components
_JFIF = 0xE0
_HARMLESS_SEGMENTS = (0xDB, 0xC4, _JFIF, 0xFE, 0xDD)  # tables, JFIF, a comment, restarts
_MOST_SEGMENTS = 64


class Plain(NamedTuple):
    """The header of a plain file."""

    mode: str
    """L, RGB or RGBA."""

    size: tuple[int, int]
    """Width and height in px."""

    encoded: bytes
    """The file, or the IDAT chunks of a PNG."""

    is_jpeg: bool

    def memory(self, scale: int) -> int:
        """Return at most what `bounds.memory` returns for it: of a PNG, the IDAT chunks count."""
        width, height = self.size
        pixels = width * height // scale**2
        return len(self.encoded) + ROW_BYTES * height + (2 if self.mode == "L" else 8) * pixels

    def decode(self, scale: int) -> Image.Image | NDArray[np.uint8]:
        """Decode it at 1/scale of its size, as Pillow does. `scale` is 1 for a PNG, and 1, 2, 4 or
        8 for a JPEG. Return uint8 [H, W] or [H, W, 3|4] of a PNG where the C was compiled. Raises
        an error of any kind where the file is damaged.
        """
        width, height = (-(-side // scale) for side in self.size)
        compiled = library()
        if self.is_jpeg or compiled is None:
            image = Image.new(self.mode, (width, height), None)  # not filled, which would take time
            codec, *more = ("jpeg", "", scale) if self.is_jpeg else ("zip",)
            image.frombytes(self.encoded, codec, self.mode, *more, 0)
            return image
        bands = len(self.mode)
        expected, unpacker = height * (width * bands + 1), zlib.decompressobj()
        filtered = unpacker.decompress(self.encoded, expected + 1)
        pixels = np.empty((height, width, bands)[: 2 + (bands > 1)], np.uint8)
        if (
            len(filtered) != expected
            or not unpacker.eof
            or not compiled.png_unfilter(filtered, height, width * bands, bands, pixels.ctypes.data)
        ):
            raise ImageError("a damaged PNG")
        return pixels


def digit_in(data: bytes) -> NDArray[np.uint8] | None:
    """Decode a plain PNG that is grey, of 28×28, and has one IDAT chunk. Return uint8 [28, 28], or
    None for any other file and where nothing was compiled. This takes a third of the time of
    `Plain`.
    """
    compiled = library()
    if compiled is None or len(data) > DIGIT_BYTES or not data.startswith(_PNG):
        return None
    pixels = np.empty((28, 28), np.uint8)
    to = addressof(c_char.from_buffer(pixels.data))  # a third of the time of `pixels.ctypes.data`
    return pixels if compiled.digit_png_decode(data, len(data), to) else None


def digits_in(
    pictures: list[Any], regular: bool, to: NDArray[np.uint8], at: int | None = None, first: int = 0
) -> list[int]:
    """Read the files of which `digit_in` takes the bytes, in one call. Return the places of those
    pictures, which are written to uint8 [N, 28, 28]. It stops where nearly all are others.

    regular: see `Item.regular`. at: the address of an int64 to which `first` + its place is written
    as each is read, and -1 at the end.
    """
    compiled = library()
    if compiled is None or os.name != "posix":
        return []
    try:
        names = os.fsencode("\0".join([*pictures, ""]))
    except (TypeError, ValueError):  # some are no names, or cannot be
        return []
    if names.count(0) != len(pictures):  # a NUL in a name
        return []
    taken = np.zeros(len(pictures), np.uint8)
    compiled.digit_png_read(
        names, len(taken), regular, to.ctypes.data, taken.ctypes.data, at, first
    )
    return np.flatnonzero(taken).tolist()


def plain_of(data: bytes) -> Plain | None:
    """Return the header of a plain file, or None for any other."""
    parse = _PARSERS.get(data[:3])
    return parse and parse(data)


def _plain_png(data: bytes) -> Plain | None:
    mode = _PNG_MODES.get(data[24:29])
    if mode is None or not (data.startswith(_PNG) and data.endswith(_END)):
        return None
    if len(data) > _MOST_BYTES:
        return None
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33]):
        return None
    at, last, ended = 33, len(data) - len(_END), False
    pixels: list[bytes] = []
    while at < last:
        length, kind = _CHUNK.unpack_from(data, at)
        behind = at + 8 + length
        if behind > last - 4:
            return None
        if kind != b"IDAT":
            check = int.from_bytes(data[behind : behind + 4])
            if _HARMLESS.get(kind) != length or zlib.crc32(data[at + 4 : behind]) != check:
                return None
            ended = bool(pixels)
        elif ended:  # Pillow takes the pixels to end before the other chunk
            return None
        else:
            pixels.append(data[at + 8 : behind])
        at = behind + 4
    if at != last or not pixels:
        return None
    size = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return Plain(mode, size, pixels[0] if len(pixels) == 1 else b"".join(pixels), False)


def _plain_jpeg(data: bytes) -> Plain | None:
    """Return the header of a baseline JPEG with one scan, no application data but JFIF's (so no
    EXIF), and no marker in the scan that does not belong there.
    """
    at, plain = 2, None
    for _ in range(_MOST_SEGMENTS):
        if at + 10 > len(data) or data[at] != 0xFF:
            break
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xC0 and plain is None:
            height, width = (int.from_bytes(data[at + i : at + i + 2]) for i in (5, 7))
            mode = _JPEG_MODES.get(data[at + 9]) if data[at + 4] == 8 else None
            if mode is None:
                return None
            plain = Plain(mode, (width, height), data, True)
        elif marker == 0xDA:
            end = _MARKER.search(data, at + 2 + length)
            whole = end is not None and end.end() == len(data) and data[-1] == 0xD9
            # Pixels of which other scans hold a component would have to be kept until then.
            return plain if whole and plain and data[at + 4] == len(plain.mode) else None
        elif marker not in _HARMLESS_SEGMENTS or (marker == _JFIF and length != 16):
            return None
        at += 2 + length
    return None


_PARSERS: dict[bytes, Callable[[bytes], Plain | None]] = {_PNG[:3]: _plain_png, _JPEG: _plain_jpeg}
