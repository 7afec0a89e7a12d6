"""Decode: whatever holds one picture becomes a loaded Pillow image, within limits.

A picture may be hostile. So it is decoded only after four questions: is it a regular file, is it
small enough, which format do its first bytes name, and how many pixels does its header promise?
Only the formats of `contents` are tried: Pillow's other decoders are never reached.
"""

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.bounds import (
    HEADER_BYTES,
    MAX_PIXELS,
    Header,
    allow_pixels,
    check_memory,
    check_metadata,
    header_of,
    memory,
    most_memory,
)
from tinydigits.contents import HEAD, format_of, other_kind
from tinydigits.errors import ImageError, MissingExtra, reason
from tinydigits.pages import Page, directories, pdf_page, tiff_page
from tinydigits.plain import plain_of
from tinydigits.regular import open_regular

Picture = TypeVar("Picture")
ImageLike = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8] | Page

REDUCED = "reduced"  # the key of `Image.info` that holds a Reduction
MORE = "more"  # the key of `Image.info` that is True where a file holds more frames or pages
ENOUGH = 256  # px: the longer side that a JPEG keeps where it may be decoded at a reduced scale
STRIP = 1 << 16  # pixels that are copied at once where a large picture is converted
MOST_PIXELS = 2 * 89_478_485  # Image.open, which is not used here, refuses more


class Reduction(NamedTuple):
    """The scale at which a JPEG or HEIC was decoded, and its whole size."""

    scale: int
    """2, 4 or 8: each pixel stands for a square of so many."""

    width: int
    """The width of the whole picture, upright, in px."""

    height: int
    """Its height."""

    def in_whole(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """Return a box, in px of what was decoded, in px of the whole picture."""
        left, top, right, bottom = (edge * self.scale for edge in box)
        return left, top, min(right, self.width), min(bottom, self.height)


class Limits(NamedTuple):
    """The most that one image may cost before it is refused."""

    max_pixels: int = MAX_PIXELS
    """Width × height as the header promises it, which is checked before anything is decoded. More
    than MOST_PIXELS are always refused, and so is a picture that would take too much memory
    (`bounds.most_memory`)."""

    max_bytes: int = 64 * 1024 * 1024
    """The size of the encoded image."""

    max_seconds: float = 10.0
    """The time in seconds that a worker process may take to read one image. A process that reads
    images itself cannot interrupt its decoders, so there this limit does not hold. The slowest
    image within the other limits, a TIFF of 16 bits, takes 1.4 s of a CPU."""


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
    if isinstance(source, str):  # a million times in a large run
        return _from_bytes(_read_file(source, limits, regular), limits, reduced)
    if isinstance(source, np.ndarray):
        return _from_array(source, limits)
    if isinstance(source, Image.Image):
        _check_pixels(source.width, source.height, limits)

        def loaded() -> Image.Image:
            check_memory(source.size, memory(source, b""), _most_pixels(limits))
            return _plain(_upright(source))

        return _guarded(source.format or "image", loaded)
    if isinstance(source, Page):
        return _from_bytes(_read(source.source, limits), limits, reduced, source)
    return _from_bytes(_read(source, limits), limits, reduced)


def _read(source: str | os.PathLike[str] | bytes | BinaryIO, limits: Limits) -> bytes:
    """Return the encoded image, at most `limits.max_bytes` long."""
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, str | os.PathLike):
        data = _read_file(source, limits)
    elif callable(getattr(source, "read", None)):
        data = _read_object(source, limits)
        if not isinstance(data, bytes):
            raise ImageError(f"the file object gives {type(data).__name__}: open it in binary mode")
    else:
        raise ImageError(
            f"cannot read an image from {type(source).__name__}: pass a path, bytes, a binary "
            "file object, a Pillow image or a uint8 array"
        )
    if len(data) > limits.max_bytes:
        raise ImageError(f"more than the limit of {limits.max_bytes:,} bytes (--max-bytes)")
    return data


def _read_file(path: str | os.PathLike[str], limits: Limits, found_regular: bool = False) -> bytes:
    try:
        descriptor, size = open_regular(path, found_regular)
        try:
            if size > limits.max_bytes:
                raise ImageError(
                    other_kind(os.read(descriptor, HEAD))
                    or f"{size:,} bytes, over the limit of {limits.max_bytes:,} (--max-bytes)"
                )
            data = os.read(descriptor, size + 1)
            while len(data) < size and (more := os.read(descriptor, size)):
                data += more  # past 2 GiB, and on some network file systems, a read stops short
            if len(data) > limits.max_bytes:  # it has grown
                raise ImageError(f"more than the limit of {limits.max_bytes:,} bytes (--max-bytes)")
            return data
        finally:
            os.close(descriptor)
    except IsADirectoryError as error:
        raise ImageError("a folder, not an image") from error
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


def _read_object(file: BinaryIO, limits: Limits) -> bytes:
    try:
        return file.read(min(limits.max_bytes, sys.maxsize - 1) + 1)
    # A file object may be closed, or may unpack (gzip, zip) or fetch: any error can come out of it,
    # and one bad file must not end a run.
    except Exception as error:
        raise ImageError(reason(error)) from error


def _from_bytes(
    data: bytes, limits: Limits, reduced: bool = False, page: Page | None = None
) -> Image.Image | NDArray[np.uint8]:
    picture = _plain_picture(data, limits, reduced)
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
    plain = plain_of(data)
    if plain is None:
        return None
    # Whatever is wrong with it, Pillow's parser finds it again and says so.
    with suppress(Exception):
        _check_pixels(*plain.size, limits)
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
    if format_ == "TIFF":
        from tinydigits.quiet import quiet_native_code

        with quiet_native_code(shows_on_failure=False):  # libtiff prints what is damaged
            return _guarded(format_, lambda: _from_tiff(data, limits, page))
    if format_ == "PDF":
        return _guarded(format_, lambda: _from_pdf(data, limits, page))
    if format_ == "HEIF":
        return _guarded("HEIC", lambda: _from_heif(data, limits, reduced))
    return _guarded(format_, lambda: _by_pillow(format_, data, limits, reduced))


def _by_pillow(format_: str, data: bytes, limits: Limits, reduced: bool = False) -> Image.Image:
    plugin, name = _DECODERS[format_]
    file = header_of(format_, data)
    try:
        module = import_module(f"PIL.{plugin}ImagePlugin")
    except ImportError as error:
        raise MissingExtra("an AVIF picture", "Pillow 11.3 or later", "formats") from error
    image = getattr(module, name)(file, "")
    _check_pixels(image.width, image.height, limits)
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
    if not _ORIENTATION.isdisjoint(image.info):
        image = _upright(image)
    if image.size != decoded_size:
        size = size[::-1]
    image = _plain(image)  # each step frees the picture of the one before
    return _marked(image, scale, size, more)


def _from_heif(data: bytes, limits: Limits, reduced: bool) -> Image.Image:
    from tinydigits import heif

    file = heif.open_heif(data)
    _check_pixels(file.size[0], file.size[1], limits)

    def needed(scale: int) -> int:
        return len(data) + heif.memory(file, scale)

    scale = _scale(file.size, needed, limits, reduced, more=heif.MORE)
    check_metadata(file)
    image = _plain(heif.decode_heif(file, scale))
    return _marked(image, scale, file.size, len(file) > 1)


def _from_tiff(data: bytes, limits: Limits, page: Page | None) -> Image.Image:
    if page is not None:
        return _by_pillow("TIFF", tiff_page(data, page), limits)
    image = _by_pillow("TIFF", data, limits)
    return _marked(image, more=len(directories(io.BytesIO(data))) > 1)


def _from_pdf(data: bytes, limits: Limits, page: Page | None) -> Image.Image:
    def check(width: int, height: int) -> None:
        _check_pixels(width, height, limits)
        check_memory((width, height), len(data) + 8 * width * height, _most_pixels(limits))

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
    pixels = _most_pixels(limits)
    most = most_memory(pixels, more)
    scales = [1, *(each for each in (2, 4, 8) if reducible and max(size) >= ENOUGH * each)]
    allowed = scales[-1:] if reduced else [s for s in scales if needed(s) <= most]
    scale = allowed[0] if allowed else scales[-1]
    check_memory(size, needed(scale), pixels, more)
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


_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})

# Pillow finds an orientation in these. It turns a TIFF itself.
_ORIENTATION = frozenset({"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"})

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


def _from_array(array: NDArray[np.uint8], limits: Limits) -> Image.Image | NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise ImageError(f"an array of {array.dtype}: pass uint8, 0..255")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(f"an array of shape {list(array.shape)}: pass [H, W], [H, W, 3|4]")
    if 0 in array.shape:
        raise ImageError(f"an empty array of shape {list(array.shape)}")
    _check_pixels(array.shape[1], array.shape[0], limits)
    return array if array.shape == (28, 28) else Image.fromarray(array)


def _check_pixels(width: int, height: int, limits: Limits) -> None:
    most = _most_pixels(limits)
    if (pixels := width * height) > most:
        option = f"--max-pixels{f', {MOST_PIXELS:,} at the most' if pixels > MOST_PIXELS else ''}"
        raise ImageError(f"{width:,}×{height:,} pixels, over the limit of {most:,} ({option})")
    if 0 in (width, height):
        raise ImageError(f"an image of {width}×{height} pixels")


def _most_pixels(limits: Limits) -> int:
    return min(limits.max_pixels, MOST_PIXELS)


def _upright(image: Image.Image) -> Image.Image:
    """Return the loaded picture turned as its EXIF or XMP says: the same object where they are
    silent. `ImageOps.exif_transpose` would copy it, and rewrite the EXIF, which can be hostile.
    """
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    # Damaged EXIF raises SyntaxError, TypeError, struct.error and more; the picture is still good.
    except Exception:
        return image
    if turn is None:
        return image
    upright = image.transpose(turn)
    for key in _ORIENTATION:  # else the result would be turned once more where it is passed on
        upright.info.pop(key, None)
    return upright


_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _plain(image: Image.Image) -> Image.Image:
    """Return a picture of mode L, RGB or RGBA, with 8 bits a channel."""
    if image.mode in ("L", "RGB", "RGBA"):
        return image.convert("RGBA") if "transparency" in image.info else image
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture of mode L. 16-bit, 32-bit and float samples have no agreed white, so the
    largest becomes 255. But samples below 256 stay as they are, and floats up to 1 are shares of
    white. Some rows at a time are copied, not the whole picture.
    """
    rows = max(1, STRIP // image.width)
    strips = [
        (0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows)
    ]
    largest = max(float(_levels(image.crop(strip)).max()) for strip in strips)
    plain = Image.new("L", image.size)
    for strip in strips:
        levels = _levels(image.crop(strip))
        if image.mode == "F" and largest <= 1:
            levels *= 255
        elif largest >= 256:
            levels *= 255 / largest
        levels += 0.5
        plain.paste(Image.fromarray(levels.astype(np.uint8)), strip)
    return plain


def _levels(image: Image.Image) -> NDArray[np.float32]:
    """Return the samples, none of them negative or NaN."""
    levels = np.array(image, dtype=np.float32)
    np.nan_to_num(levels, copy=False)
    return np.maximum(levels, 0, out=levels)


def _guarded(format_: str, run: Callable[[], Picture]) -> Picture:
    """Run one of Pillow's decoders; turn whatever a damaged file makes it raise into ImageError."""
    try:
        return run()
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
