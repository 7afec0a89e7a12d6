"""The C of `runtime/core`, if it was compiled with the package: the fit, bit for bit the one in
`fitting`, and decoders of PNG.

ctypes lets go of the interpreter's lock during a call, so that threads work at the same time.
"""

import ctypes
import os
import struct
import sys
import threading
from ctypes import addressof, c_char
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.bands import cut
from tinydigits.errors import TinydigitsError
from tinydigits.modes import STRIP

Doubt = Literal["blank", "several", "too_small"]

LIBRARY = Path(__file__).with_name("libfit.so")
PURE = "TINYDIGITS_PURE"  # set to 1, it chooses NumPy and Pillow
MOST_PIXELS = 1 << 28  # the C takes no more
HOW = {"auto": 0, "mnist": 1, "resize": 2, "none": 3}
INVERT = {False: 0, True: 1, None: 2}
_DOUBTS: tuple[Doubt | None, ...] = (None, "blank", "several", "too_small")
_INVERTED = (False, True, None)
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_PIXELS = 28 * 28  # bytes, before the decisions
_DECISIONS = struct.Struct("=4iBBxx")  # the rest of fit_result in fit.h: box, doubt, inverted
_RESULT = _PIXELS + _DECISIONS.size


class _ArrowArray(ctypes.Structure):
    """`ArrowArray` of Arrow's C data interface."""


_ArrowArray._fields_ = (
    *((name, ctypes.c_int64) for name in ("length", "null_count", "offset")),
    *((name, ctypes.c_int64) for name in ("n_buffers", "n_children")),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
    *((name, ctypes.c_void_p) for name in ("dictionary", "release", "private_data")),
)
_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.argtypes, _pointer_of.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p


_own = threading.local()  # a thread's workspace, less than 1 MB but for a very wide picture


class Fitted(NamedTuple):
    """One model input, and the decisions that led to it."""

    pixels: NDArray[np.uint8]
    """uint8 [28, 28], ink bright on dark."""

    doubt: Doubt | None = None
    """"blank" where no ink was found, "several" where there plainly is more than one sign,
    "too_small" for a digit of fewer than 8 px. None for any other picture."""

    inverted: bool | None = None
    """Whether the ink is darker than its background. None where that was not detected."""

    box: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom of the ink in pixels of the upright picture, right and bottom
    exclusive. None where it was not detected."""


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """Return the compiled C, or None where there is none or PURE is set. Raises TinydigitsError
    for a file of another machine or version.
    """
    if os.environ.get(PURE) == "1" or not LIBRARY.exists():
        return None
    try:
        found = ctypes.CDLL(str(LIBRARY))
        fit, unfilter, decode = found.fit_digits, found.png_unfilter, found.digit_png_decode
    except (OSError, AttributeError) as error:
        raise TinydigitsError(
            f"{LIBRARY}: was not compiled for this machine and version ({error}): install "
            f"tinydigits again, or set {PURE}=1"
        ) from error
    found.fit_workspace.argtypes = [ctypes.c_int32] * 3
    found.fit_workspace.restype = ctypes.c_size_t
    fit.argtypes = [
        *(ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32),
        *(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
    ]
    unfilter.argtypes = [ctypes.c_char_p, *[ctypes.c_int32] * 3, ctypes.c_void_p]
    decode.argtypes = [ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p]
    if os.name == "posix":
        found.digit_png_read.argtypes = [
            *(ctypes.c_char_p, ctypes.c_int32, ctypes.c_int, ctypes.c_void_p),
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64),
        ]
        found.digit_png_read.restype = None
    return found


def name() -> str:
    """Return which implementation of the fit is in use."""
    return "numpy" if library() is None else "C"


def fitted(
    picture: Image.Image | NDArray[np.uint8], how: str, invert: bool | None
) -> Fitted | None:
    """Return what `fitting.fit` returns, or None where C does not do it. picture: of mode L, RGB or
    RGBA, or uint8 [H, W] or [H, W, 3|4].
    """
    compiled = library()
    if isinstance(picture, np.ndarray):
        (height, width), channels = picture.shape[:2], 1 if picture.ndim == 2 else picture.shape[2]
    else:
        (width, height), channels = picture.size, _CHANNELS.get(picture.mode, 0)
    if compiled is None or channels == 0 or width * height > MOST_PIXELS:
        return None
    if isinstance(picture, np.ndarray):
        pixels = np.ascontiguousarray(picture)
    else:
        held = _shared(picture) if channels == 3 and picture.size != (28, 28) else None
        pixels, channels = (_copied(picture, channels), channels) if held is None else (held, 4)
    done = _fitted(compiled, pixels, 1, (width, height, channels), how, invert)
    return done[0] if done else None


def fitted_together(
    pictures: NDArray[np.uint8], how: str, invert: bool | None
) -> list[Fitted] | None:
    """Return `fitted` of each picture of uint8 [N, 28, 28], or None where nothing was compiled."""
    compiled, pixels = library(), np.ascontiguousarray(pictures)
    return _fitted(compiled, pixels, len(pixels), (28, 28, 1), how, invert) if compiled else None


def _fitted(
    compiled: ctypes.CDLL,
    pixels: NDArray[np.uint8],
    count: int,
    shape: tuple[int, int, int],
    how: str,
    invert: bool | None,
) -> list[Fitted] | None:
    """Return what the C makes of `count` pictures, each of `shape`: width, height, channels."""
    results = bytearray(count * _RESULT)
    needed, space = compiled.fit_workspace(*shape), getattr(_own, "space", b"")
    if len(space) < needed:  # new memory for each picture would be slow
        space = _own.space = bytearray(needed)
    # The address of a bytearray takes a third of the time of an array's.
    to, work = (addressof(c_char.from_buffer(each)) for each in (results, space))
    if not compiled.fit_digits(
        pixels.ctypes.data, count, *shape, HOW[how], INVERT[invert], work, to
    ):
        return None
    rows = np.frombuffer(results, np.uint8).reshape(count, _RESULT)
    decisions = _DECISIONS.iter_unpack(rows[:, _PIXELS:].tobytes())
    return [
        Fitted(
            each, _DOUBTS[doubt], _INVERTED[inverted], (left, top, right, low) if right else None
        )
        for each, (left, top, right, low, doubt, inverted) in zip(
            rows[:, :_PIXELS].reshape(-1, 28, 28), decisions, strict=True
        )
    ]


def _copied(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Return the pixels, row after row. Pillow's own copy takes twice its memory, so that a large
    picture is copied a few rows at a time.
    """
    if image.width * image.height <= STRIP:
        return np.asarray(image)
    pixels, top = np.empty((image.height, image.width * channels), np.uint8), 0
    for rows in cut(image):
        pixels[top : top + len(rows)] = rows.reshape(len(rows), -1)
        top += len(rows)
    return pixels


def _shared(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the pixels of mode RGB where Pillow holds them, for as long as the image lives: each
    with a fourth byte that says that it is opaque. None where Pillow cannot give them so.
    """
    try:
        _, capsule = image.__arrow_c_array__()  # type: ignore[attr-defined, unused-ignore]
    except (AttributeError, ValueError):  # before Pillow 11.2; more than 16 MiB
        return None
    array = _ArrowArray.from_address(_pointer_of(capsule, b"arrow_array"))
    if array.n_children != 1 or array.offset:
        return None
    size, held = image.width * image.height, array.children[0].contents
    if array.length != size or held.length != 4 * size:
        return None
    held_bytes = memoryview((ctypes.c_uint8 * (4 * size)).from_address(held.buffers[1]))
    pixels = np.frombuffer(held_bytes, np.uint32)
    opaque = int(np.bitwise_and.reduce(pixels)).to_bytes(4, sys.byteorder)[3] == 255
    return pixels.view(np.uint8) if opaque else None
