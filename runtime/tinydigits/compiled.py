"""The C of `runtime/core`, if it was compiled with the package.

ctypes lets go of the interpreter's lock during a call, so that threads work at the same time.
"""

import ctypes
import os
from functools import lru_cache
from pathlib import Path

from tinydigits.errors import TinydigitsError

LIBRARY = Path(__file__).with_name("libfit.so")
PURE = "TINYDIGITS_PURE"  # set to 1, it chooses NumPy and Pillow


class Result(ctypes.Structure):
    """`fit_result` of fit.h."""

    _fields_ = (
        ("pixels", ctypes.c_uint8 * 784),
        ("box", ctypes.c_int32 * 4),
        ("doubt", ctypes.c_uint8),
        ("inverted", ctypes.c_uint8),
    )


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """Return the compiled C, or None where there is none or PURE is set. Raises TinydigitsError
    for a file of another machine or version.
    """
    if os.environ.get(PURE) == "1" or not LIBRARY.exists():
        return None
    try:
        found = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise TinydigitsError(
            f"{LIBRARY}: was not compiled for this machine ({error}): install tinydigits again, or "
            f"set {PURE}=1"
        ) from error
    found.fit_workspace.argtypes = [ctypes.c_int32] * 3
    found.fit_workspace.restype = ctypes.c_size_t
    found.fit_digit.argtypes = [
        *(ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32, ctypes.c_size_t),
        *(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(Result)),
    ]
    try:
        found.png_unfilter.argtypes = [ctypes.c_char_p, *[ctypes.c_int32] * 3, ctypes.c_void_p]
    except AttributeError as error:
        raise TinydigitsError(
            f"{LIBRARY}: was compiled from an earlier version: install tinydigits again, or set "
            f"{PURE}=1"
        ) from error
    return found
