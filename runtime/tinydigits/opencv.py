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
_GREY_8_BIT = b"\x08\x00\x00\x00\x00"  # depth, colour, compression, filter, not interlaced
_FRAMES = {0xC0: "baseline", 0xC1: "extended"}  # of JPEG; progressive ones are left to Pillow
_CHUNK = struct.Struct(">I4s")
_END = b"\0\0\0\0IEND\xaeB`\x82"


class OpenCV:
    """Decodes what it can. Raises ModuleNotFoundError where OpenCV is not installed."""

    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)  # the work is shared by processes
        self._cv2: Any = cv2
        with tempfile.TemporaryFile() as file:  # which has no name already, and a number of its own
            self._complaints = os.dup(file.fileno())

    def grey(self, data: bytes, max_pixels: int) -> NDArray[np.uint8] | None:
        """uint8 [H, W], or None where Pillow is to decode."""
        if data.startswith(b"\x89PNG"):
            return self._decoded(data) if _plain_png(data, max_pixels) else None
        if data.startswith(b"\xff\xd8\xff") and _plain_jpeg(data, max_pixels):
            return self._without_complaint(data)
        return None

    def _without_complaint(self, data: bytes) -> NDArray[np.uint8] | None:
        """What libjpeg decodes without a word: of a flaw it tells stderr and goes on, where Pillow
        may give up.
        """
        try:
            kept = os.dup(2)
        except OSError:  # stderr is closed, so nothing would be heard
            return None
        held = self._complaints
        os.dup2(held, 2)
        try:
            pixels = self._decoded(data)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        if os.lseek(held, 0, os.SEEK_CUR):
            os.lseek(held, 0, os.SEEK_SET)
            os.ftruncate(held, 0)
            return None
        return pixels

    def _decoded(self, data: bytes) -> NDArray[np.uint8] | None:
        cv2 = self._cv2
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return None
        if pixels is None or pixels.ndim != 2 or pixels.dtype != np.uint8:
            return None
        return pixels  # type: ignore[no-any-return]


def _plain_png(data: bytes, max_pixels: int) -> bool:
    """Whole, with every check sum right, 8-bit grey, and of nothing but harmless chunks."""
    if data[8:16] != b"\0\0\0\x0dIHDR" or data[24:29] != _GREY_8_BIT:
        return False
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not 0 < width * height <= max_pixels:
        return False
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33]):
        return False
    at, last = 33, len(data) - len(_END)
    while at < last:
        length, kind = _CHUNK.unpack_from(data, at)
        behind = at + 8 + length
        if kind not in _HARMLESS or behind > last - 4:
            return False
        if zlib.crc32(data[at + 4 : behind]) != int.from_bytes(data[behind : behind + 4]):
            return False
        at = behind + 4
    return at == last and data.endswith(_END)


def _plain_jpeg(data: bytes, max_pixels: int) -> bool:
    """Ended, 8-bit, of one component, baseline, and without EXIF or other application data but
    JFIF's.
    """
    if data[-2:] != b"\xff\xd9":
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
