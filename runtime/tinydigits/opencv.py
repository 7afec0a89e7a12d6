"""OpenCV's decoders, where they give the same pixels as Pillow's in a third of the time.

That is so for 8-bit grey PNG and JPEG that are whole and hold nothing that changes their meaning.
Which those are is judged from the bytes before OpenCV sees them; Pillow has all others, and has the
last word on what is damaged.
"""

import os
import struct
import tempfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Chunks that say nothing of how pixels look. Left to Pillow: PLTE, tRNS, eXIf and all others.
_HARMLESS = {b"IDAT", b"pHYs", b"tIME", b"tEXt", b"gAMA", b"sRGB", b"cHRM", b"sBIT", b"bKGD"}
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
_GREY_8_BIT = b"\x08\x00\x00\x00\x00"  # depth, colour, compression, filter, not interlaced
_FRAMES = {0xC0: "baseline", 0xC1: "extended"}  # of JPEG; progressive ones are left to Pillow
_CHUNK = struct.Struct(">I4s")
_END = b"\0\0\0\0IEND\xaeB`\x82"


class OpenCV:
    """Decodes what it can, in a process whose stderr it can have to itself, since its libraries say
    there what is wrong with a picture. Raises ModuleNotFoundError where OpenCV is not installed.
    """

    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)  # the work is shared by processes
        self._cv2: Any = cv2
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)

    def grey(self, data: bytes, max_pixels: int) -> NDArray[np.uint8] | None:
        """uint8 [H, W], or None where Pillow is to decode."""
        if not (_plain_png(data, max_pixels) or _plain_jpeg(data, max_pixels)):
            return None
        cv2 = self._cv2
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            pixels = None
        # Of a flaw libjpeg complains and goes on, where Pillow may give up; libpng gives up itself.
        if (pixels is None or data[0] == 0xFF) and os.lseek(2, 0, os.SEEK_CUR):
            os.lseek(2, 0, os.SEEK_SET)
            os.ftruncate(2, 0)
            return None
        return None if pixels is None or pixels.ndim != 2 or pixels.dtype != np.uint8 else pixels


def _plain_png(data: bytes, max_pixels: int) -> bool:
    """8-bit grey, of nothing but harmless chunks, and whole as far as libpng does not check it."""
    if not data.startswith(_PNG) or data[24:29] != _GREY_8_BIT:
        return False
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not 0 < width * height <= max_pixels:
        return False
    at, last = 33, len(data) - len(_END)
    while at < last:
        length, kind = _CHUNK.unpack_from(data, at)
        behind = at + 8 + length
        if kind not in _HARMLESS or behind > last - 4:
            return False
        if kind != b"IDAT":
            check = int.from_bytes(data[behind : behind + 4])
            if zlib.crc32(data[at + 4 : behind]) != check:
                return False
        at = behind + 4
    return at == last and data.endswith(_END)


def _plain_jpeg(data: bytes, max_pixels: int) -> bool:
    """Ended, 8-bit, of one component, baseline, and without EXIF or other application data but
    JFIF's.
    """
    if not data.startswith(b"\xff\xd8\xff") or data[-2:] != b"\xff\xd9":
        return False
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[at + i : at + i + 2]) for i in (5, 7))
            plain = data[at + 4] == 8 and data[at + 9 : at + 10] == b"\x01"
            return plain and 0 < width * height <= max_pixels
        if marker not in (0xDB, 0xC4, 0xE0, 0xFE, 0xDD):  # tables, JFIF, comment, restart interval
            return False
        at += 2 + length
    return False
