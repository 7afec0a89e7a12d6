"""Decode: whatever holds one picture becomes a loaded Pillow image, within limits.

A picture may be hostile. So it is decoded only after four questions: is it a regular file, is it
small enough, which format do its first bytes name, and how many pixels does its header promise?
"""

import os
import sys
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.bounds import Limits, check_memory, check_pixels, memory, too_large
from tinydigits.contents import HEAD, other_kind
from tinydigits.decoders import from_bytes, guarded
from tinydigits.errors import ImageError, reason
from tinydigits.modes import converted, upright
from tinydigits.pages import Page
from tinydigits.regular import open_regular

ImageLike = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8] | Page


def decode(source: ImageLike, limits: Limits | None = None) -> Image.Image:
    """Decode one picture.

    `source` is a path, the encoded bytes, a binary file object, a Pillow image (returned loaded),
    a uint8 array [H, W] (grey) or [H, W, 3|4] (RGB, RGBA), or a Page. An animation gives its first
    frame, and a document its first page.

    The result is upright (EXIF orientation is applied) and has mode L, RGB or RGBA. A JPEG or HEIC
    that would take too much memory has 1/2, 1/4 or 1/8 of its size.

    Raises ImageError where the source is no such picture, is damaged, or exceeds `limits`.
    """
    picture = decoded(source, limits or Limits())
    return picture if isinstance(picture, Image.Image) else Image.fromarray(picture)


def decoded(
    source: ImageLike, limits: Limits, regular: bool = False, reduced: bool = False
) -> Image.Image | NDArray[np.uint8]:
    """Decode one picture, as `decode` does. But a grey one of 28×28 is returned as uint8 [28, 28],
    and where the C was compiled, a plain PNG as uint8 [H, W] or [H, W, 3|4].

    regular: see `Item.regular`.

    reduced: whether a JPEG or HEIC is to be decoded at 1/2, 1/4 or 1/8 of its size, as long as its
    longer side keeps ENOUGH px. For a JPEG, that takes a quarter of the time. Otherwise one is only
    where the whole would take too much memory. `info[REDUCED]` says that it was.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, limits)
    if isinstance(source, Image.Image):
        check_pixels(source.width, source.height, limits)
        with guarded(source.format or "image"):
            check_memory(source.size, memory(source, b""), limits)
            return converted(upright(source))
    page: Page | None = None
    if isinstance(source, Page):
        page, source = source, source.source
    if isinstance(source, str | os.PathLike):
        data = _read_file(source, limits, regular)
    else:
        data = source if isinstance(source, bytes) else _read_object(source, limits)
    if len(data) > limits.max_bytes:  # a file may have grown
        raise ImageError(f"more than the limit of {limits.max_bytes:,} bytes (--max-bytes)")
    return from_bytes(data, limits, reduced, page)


def _read_file(path: str | os.PathLike[str], limits: Limits, found_regular: bool) -> bytes:
    try:
        descriptor, size = open_regular(path, found_regular)
        try:
            if why := too_large(size, limits):
                raise ImageError(other_kind(os.read(descriptor, HEAD)) or why)
            data = os.read(descriptor, size + 1)
            while len(data) < size and (more := os.read(descriptor, size)):
                data += more  # past 2 GiB, and on some network file systems, a read stops short
            return data
        finally:
            os.close(descriptor)
    except IsADirectoryError as error:
        raise ImageError("a folder, not an image") from error
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


def _read_object(file: BinaryIO, limits: Limits) -> bytes:
    if not callable(getattr(file, "read", None)):
        raise ImageError(
            f"cannot read an image from {type(file).__name__}: pass a path, bytes, a binary "
            "file object, a Pillow image or a uint8 array"
        )
    try:
        data = file.read(min(limits.max_bytes, sys.maxsize - 1) + 1)
    # A file object may be closed, or may unpack (gzip, zip) or fetch: any error can come out of it,
    # and one bad file must not end a run.
    except Exception as error:
        raise ImageError(reason(error)) from error
    if not isinstance(data, bytes):
        raise ImageError(f"the file object gives {type(data).__name__}: open it in binary mode")
    return data


def _from_array(array: NDArray[np.uint8], limits: Limits) -> Image.Image | NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise ImageError(f"an array of {array.dtype}: pass uint8, 0..255")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(f"an array of shape {list(array.shape)}: pass [H, W], [H, W, 3|4]")
    if 0 in array.shape:
        raise ImageError(f"an empty array of shape {list(array.shape)}")
    check_pixels(array.shape[1], array.shape[0], limits)
    return array if array.shape == (28, 28) else Image.fromarray(array)
