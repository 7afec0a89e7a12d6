"""Decoders: the encoded bytes of a picture become a loaded Pillow image, within limits.

Only the formats of `contents` are tried: Pillow's other decoders are never reached.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.bounds import (
    HEADER_BYTES,
    Header,
    Limits,
    allow_pixels,
    check_memory,
    check_metadata,
    check_pixels,
    header_of,
    memory,
    most_memory,
)
from tinydigits.contents import format_of, other_kind
from tinydigits.errors import ImageError, MissingExtra, reason
from tinydigits.modes import ORIENTATION, converted, upright
from tinydigits.pages import Page, directories, pdf_page, tiff_page
from tinydigits.plain import digit_in, plain_of

REDUCED = "reduced"  # the key of `Image.info` that holds a Reduction
MORE = "more"  # the key of `Image.info` that is True where a file holds more frames or pages
ENOUGH = 256  # px: the longer side that a JPEG keeps where it may be decoded at a reduced scale

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})

# These are taken from their modules: Image.open would import five of them for a single picture.
_DECODERS = {
    "PNG": ("Png", "PngImageFile"),
    "JPEG": ("Jpeg", "jpeg_factory"),
    "BMP": ("Bmp", "BmpImageFile"),
    "TIFF": ("Tiff", "TiffImageFile"),
    "WEBP": ("WebP", "WebPImageFile"),
    "GIF": ("Gif", "GifImageFile"),
    "PPM": ("Ppm", "PpmImageFile"),
    "AVIF": ("Avif", "AvifImageFile"),
}


class Reduction(NamedTuple):
    """The scale at which a JPEG or HEIC was decoded, and its whole size."""

    scale: int
    """2, 4 or 8: each pixel stands for a square of so many."""

    width: int
    """The width of the whole picture, upright, in px."""

    height: int
    """Its height."""

    def in_whole(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """Convert a box from px of the decoded picture to px of the whole one."""
        left, top, right, bottom = (edge * self.scale for edge in box)
        return left, top, min(right, self.width), min(bottom, self.height)


def from_bytes(
    data: bytes, limits: Limits, reduced: bool, page: Page | None
) -> Image.Image | NDArray[np.uint8]:
    """Decode one encoded picture; see `images.decoded`. page: the one that is wanted of a document;
    None for the first. Raises ImageError.
    """
    picture = None if page else _plain_picture(data, limits, reduced)
    if isinstance(picture, np.ndarray):
        return picture
    image = picture or _parsed(data, limits, reduced, page)
    if image.size == (28, 28) and image.mode == "L" and MORE not in image.info:
        return np.frombuffer(image.tobytes(), np.uint8).reshape(28, 28)
    return image


def _plain_picture(
    data: bytes, limits: Limits, reduced: bool
) -> Image.Image | NDArray[np.uint8] | None:
    """Decode a plain file. Return None for any other, and for one that Pillow has to refuse."""
    if limits.max_pixels >= 28 * 28 and (digit := digit_in(data)) is not None:
        return digit
    plain = plain_of(data)
    if plain is None:
        return None
    # Whatever is wrong with it, Pillow's parser finds it again and says so.
    with suppress(Exception):
        check_pixels(*plain.size, limits)
        scale = _scale(plain.size, plain.memory, limits, reduced, plain.is_jpeg)
        picture = plain.decode(scale)
        if isinstance(picture, Image.Image):
            return _marked(picture, scale, plain.size)
        return picture
    return None


def _parsed(data: bytes, limits: Limits, reduced: bool, page: Page | None) -> Image.Image:
    format_ = format_of(data)
    if format_ is None:
        raise ImageError(
            "an empty file"
            if not data
            else other_kind(data)
            or f"not a PNG, JPEG, BMP, TIFF, WebP, GIF or PNM image: starts with {data[:8]!r}"
        )
    with guarded("HEIC" if format_ == "HEIF" else format_):
        if format_ == "TIFF":
            from tinydigits.quiet import quiet_native_code

            with quiet_native_code(shows_on_failure=False):  # libtiff prints what is damaged
                return _from_tiff(data, limits, page)
        if format_ == "PDF":
            return _from_pdf(data, limits, page)
        if page is not None and page.number != 1:
            raise ImageError(f"a {format_} has no pages, and page {page.number:,} was named")
        if format_ == "HEIF":
            return _from_heif(data, limits, reduced)
        return _by_pillow(format_, data, limits, reduced)


def _by_pillow(format_: str, data: bytes, limits: Limits, reduced: bool = False) -> Image.Image:
    plugin, name = _DECODERS[format_]
    file = header_of(format_, data)
    try:
        module = import_module(f"PIL.{plugin}ImagePlugin")
    except ImportError as error:
        raise MissingExtra("an AVIF picture", "Pillow 11.3 or later", "formats") from error
    image = getattr(module, name)(file, "")
    check_pixels(image.width, image.height, limits)
    size = image.size
    scale = _scale(size, lambda each: memory(image, data, each), limits, reduced, format_ == "JPEG")
    allow_pixels(image, file, len(data))
    image.decodermaxblock = len(data)  # so that the decoder is called once
    if scale > 1:
        image.draft(None, (size[0] // scale, size[1] // scale))
    image.load()
    check_metadata(image)
    more = format_ in _ANIMATED and _is_animated(image, file)
    decoded_size = image.size
    if not ORIENTATION.isdisjoint(image.info):
        image = upright(image)
    if image.size != decoded_size:
        size = size[::-1]
    image = converted(image)  # each step frees the picture of the one before
    return _marked(image, scale, size, more)


def _from_heif(data: bytes, limits: Limits, reduced: bool) -> Image.Image:
    from tinydigits import heif

    file = heif.open_heif(data)
    check_pixels(file.size[0], file.size[1], limits)

    def needed(scale: int) -> int:
        return len(data) + heif.memory(file, scale)

    scale = _scale(file.size, needed, limits, reduced, more=heif.MORE)
    check_metadata(file)
    image = converted(heif.decode_heif(file, scale))
    return _marked(image, scale, file.size, len(file) > 1)


def _from_tiff(data: bytes, limits: Limits, page: Page | None) -> Image.Image:
    if page is not None:
        return _by_pillow("TIFF", tiff_page(data, page), limits)
    image = _by_pillow("TIFF", data, limits)
    return _marked(image, more=len(directories(io.BytesIO(data))) > 1)


def _from_pdf(data: bytes, limits: Limits, page: Page | None) -> Image.Image:
    def check(width: int, height: int) -> None:
        check_pixels(width, height, limits)
        check_memory((width, height), len(data) + 8 * width * height, limits)

    image, count = pdf_page(data, page.number if page else 1, check)
    return _marked(image, more=page is None and count > 1)


def _scale(
    size: tuple[int, int],
    needed: Callable[[int], int],
    limits: Limits,
    reduced: bool,
    reducible: bool = True,
    more: int = 0,
) -> int:
    """Return the scale at which to decode: 1, 2, 4 or 8. Raises ImageError where that takes too
    much memory (`most_memory`); `needed` returns how many bytes a scale takes.
    """
    most = most_memory(limits, more)
    most_scale = min(max(size) // ENOUGH, min(size)) if reducible else 1
    scales = [1, *(each for each in (2, 4, 8) if each <= most_scale)]
    allowed = scales[-1:] if reduced else [s for s in scales if needed(s) <= most]
    scale = allowed[0] if allowed else scales[-1]
    check_memory(size, needed(scale), limits, more)
    return scale


def _marked(
    image: Image.Image, scale: int = 1, size: tuple[int, int] = (0, 0), more: bool = False
) -> Image.Image:
    """Write down in `info` how a picture was decoded, and nothing that its file says of that."""
    if scale > 1:
        image.info[REDUCED] = Reduction(scale, *size)
    if more:
        image.info[MORE] = True
    return image


def _is_animated(image: Image.Image, file: io.BytesIO) -> bool:
    if isinstance(file, Header):
        file.left = HEADER_BYTES
    with suppress(Exception):  # damage after the first frame does not matter
        return bool(getattr(image, "is_animated", False))
    return False


@contextmanager
def guarded(format_: str) -> Iterator[None]:
    """Turn whatever a damaged file makes a decoder raise into ImageError."""
    try:
        yield
    except ImageError:
        raise
    except MissingExtra as error:
        raise ImageError(str(error)) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"more pixels than any limit allows: {error}") from error
    except MemoryError as error:
        raise ImageError(f"a {format_} too large for this machine's memory") from error
    # On damaged data, decoders raise OSError, SyntaxError, ValueError, struct.error, IndexError,
    # zlib.error and more, without a common base. One bad file must not end a run.
    except Exception as error:
        raise ImageError(f"a damaged {format_}: {reason(error)}") from error
