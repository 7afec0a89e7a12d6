"""OpenCV's decoders, where they give the same pixels as Pillow's in a third of the time.

These are 8-bit grey PNG and JPEG files that are whole and hold nothing that changes their meaning.
Their bytes are checked for that before OpenCV sees them. Pillow decodes all others, and decides
what is damaged.
"""

import os
import re
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.bounds import LEAST_MEMORY, ROW_BYTES
from tinydigits.quiet import memory_file, quiet_native_code
from tinydigits.regular import open_regular

# PNG chunks that do not change how pixels look, with their lengths in bytes: Pillow refuses other
# lengths. PLTE, tRNS and eXIf are left to Pillow, and so are texts: some hold an orientation.
_HARMLESS = {b"pHYs": 9, b"tIME": 7, b"gAMA": 4, b"sRGB": 1, b"cHRM": 32}
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
_GREY_8_BIT = b"\x08\x00\x00\x00\x00"  # depth, colour, compression, filter, not interlaced
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")  # JPEG markers that do not belong in a scan
_CHUNK = struct.Struct(">I4s")
_MOST_CHUNKS = 100_000  # Pillow says what is wrong with more
_END = b"\0\0\0\0IEND\xaeB`\x82"


class OpenCV:
    """Decode with OpenCV. It takes the process's stderr, where its libraries write what is wrong
    with a picture.

    Raises ImportError where OpenCV is not installed or does not load, OSError where stderr cannot
    be captured, and anything where the package is damaged.
    """

    def __init__(self) -> None:
        self._cv2 = load_opencv()
        self._cv2.setNumThreads(1)  # the work is shared by processes
        held = memory_file()
        os.dup2(held, 2)
        os.close(held)

    def grey(
        self, data: bytes, max_pixels: int, longest: int | None = None
    ) -> NDArray[np.uint8] | None:
        """Return uint8 [H, W], or None where Pillow must decode. longest: the longer side from
        which a JPEG is left to Pillow.
        """
        if not (_plain_png(data, max_pixels) or _plain_jpeg(data, max_pixels, longest)):
            return None
        cv2 = self._cv2
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            pixels = None
        # libjpeg complains of a flaw and goes on, where Pillow may give up; libpng gives up itself.
        if (pixels is None or data[0] == 0xFF) and os.lseek(2, 0, os.SEEK_CUR):
            os.lseek(2, 0, os.SEEK_SET)
            os.ftruncate(2, 0)
            return None
        return None if pixels is None or pixels.ndim != 2 or pixels.dtype != np.uint8 else pixels


def suits(images: Any) -> bool:
    """Return whether the first of a chunk's pictures looks as if OpenCV decoded it: it is grey.
    The import takes as long as a hundred photographs in colour, which are left to Pillow.
    """
    first = images[0] if isinstance(images, list) and images else None
    if isinstance(first, str | os.PathLike):
        try:
            descriptor, _ = open_regular(first)
        except OSError:
            return False
        try:
            first = os.read(descriptor, _HEAD)
        except OSError:
            return False
        finally:
            os.close(descriptor)
    if not isinstance(first, bytes):
        return False
    frame = first.find(b"\xff\xc0", 0, _HEAD)  # of a JPEG; its components are counted there
    return (first.startswith(_PNG) and first[24:29] == _GREY_8_BIT) or (
        first.startswith(b"\xff\xd8\xff") and frame > 0 and first[frame + 9 : frame + 10] == b"\x01"
    )


_HEAD = 4096  # bytes: the frame of a JPEG without EXIF lies within


def load_opencv() -> Any:
    """Import the package, without what numpy prints where it was built for another numpy. Raises
    what `OpenCV` does.
    """
    with quiet_native_code(shows_on_failure=False):
        import cv2
    return cv2


def _plain_png(data: bytes, max_pixels: int) -> bool:
    """Return whether a PNG is 8-bit grey, has harmless chunks only, and is whole where libpng does
    not check it.
    """
    if not data.startswith(_PNG) or data[24:29] != _GREY_8_BIT:
        return False
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not 0 < width * height <= max_pixels or ROW_BYTES * height > LEAST_MEMORY:
        return False
    at, last = 33, len(data) - len(_END)
    for _ in range(_MOST_CHUNKS):
        if at >= last:
            break
        length, kind = _CHUNK.unpack_from(data, at)
        behind = at + 8 + length
        if behind > last - 4:
            return False
        if kind != b"IDAT":
            check = int.from_bytes(data[behind : behind + 4])
            if _HARMLESS.get(kind) != length or zlib.crc32(data[at + 4 : behind]) != check:
                return False
        at = behind + 4
    return at == last and data.endswith(_END)


def _plain_jpeg(data: bytes, max_pixels: int, longest: int | None = None) -> bool:
    """Return whether a JPEG is 8-bit baseline with one component and one scan, has no application
    data but JFIF's (so no EXIF), and no marker in the scan that does not belong there.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    at, framed = 2, False
    for _ in range(_MOST_CHUNKS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xC0 and not framed:
            height, width = (int.from_bytes(data[at + i : at + i + 2]) for i in (5, 7))
            if data[at + 4] != 8 or data[at + 9 : at + 10] != b"\x01":
                return False
            framed = 0 < width * height <= max_pixels
            framed = framed and (longest is None or max(height, width) < longest)
        elif marker == 0xDA:
            end = _MARKER.search(data, at + 2 + length)
            return framed and end is not None and end.end() == len(data) and data[-1] == 0xD9
        elif marker not in (0xDB, 0xC4, 0xE0, 0xFE, 0xDD):  # tables, JFIF, comment, restarts
            return False
        at += 2 + length
    return False
