"""A plain file gives the pixels that it gives when Pillow parses it, and no other file is plain."""

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from tests.support.files import encoded
from tinydigits import Classifier, ImageError, Limits, decoders
from tinydigits.core import library
from tinydigits.decoders import REDUCED
from tinydigits.images import decode, decoded
from tinydigits.plain import digit_in, plain_of

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
SIZES = ((1, 1), (28, 28), (31, 17), (640, 480), (520, 40))  # the last two can be reduced


TURNED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"


def drawn(size: tuple[int, int], seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0]), np.uint8)
    smooth = np.add.outer(np.arange(size[1]), np.arange(size[0])) % 256
    return Image.fromarray((noise // 4 + smooth // 2).astype(np.uint8))


def pictures() -> Iterator[tuple[str, bytes]]:
    """Every mode in every format that takes it, and the variants that change what pixels mean."""
    for seed, size in enumerate(SIZES):
        grey = drawn(size, seed)
        for mode in MODES:
            for format_ in FORMATS:
                try:
                    picture = grey.convert(mode) if mode != "I;16" else grey.convert("I")
                    yield f"{format_} {mode} {size}", encoded(picture, format_)
                except (OSError, ValueError, KeyError):
                    continue
        yield f"transparent {size}", encoded(grey, "PNG", transparency=7)
        yield f"level 0 {size}", encoded(grey, "PNG", compress_level=0)
        yield f"optimized {size}", encoded(grey, "PNG", optimize=True)
        yield f"dense pixels {size}", encoded(grey, "PNG", dpi=(300, 300))
        for keyword in (
            "Title",
            "exif",
            "Raw profile type exif",
            "XML:com.adobe.xmp",
            "transparency",
        ):
            yield f"text {keyword} {size}", encoded(grey, "PNG", pnginfo=text(keyword))
        for kind, body in ((b"cHRM", b"\0"), (b"gAMA", b""), (b"pHYs", b"\0"), (b"sRGB", b"")):
            yield f"short {kind!r} {size}", with_chunk(encoded(grey, "PNG"), kind, body)
        yield (
            f"marker in the scan {size}",
            encoded(grey, "JPEG")[:-9] + b"\xff\x74" + b"x" * 7 + b"\xff\xd9",
        )
        yield f"profile {size}", encoded(grey, "PNG", icc_profile=b"x" * 200)
        turned = Image.Exif()
        turned[0x0112] = 6
        for format_ in ("PNG", "JPEG"):
            yield f"turned {format_} {size}", encoded(grey, format_, exif=turned)
        for quality in (1, 50, 100):
            yield f"quality {quality} {size}", encoded(grey, "JPEG", quality=quality)
        for name in ("progressive", "optimize"):
            yield f"{name} {size}", encoded(grey, "JPEG", **{name: True})
        yield f"restarts {size}", encoded(grey, "JPEG", restart_marker_rows=1)
        yield f"commented {size}", encoded(grey, "JPEG", comment=b"hello", dpi=(96, 96))
        yield f"bits {size}", encoded(grey.convert("P", colors=4), "PNG", bits=2)
        yield f"interlaced {size}", interlaced(grey)


def text(keyword: str) -> PngImagePlugin.PngInfo:
    """Some keywords mean an orientation to Pillow, here a quarter turn."""
    info = PngImagePlugin.PngInfo()
    xmp = '<x tiff:Orientation="6"/>' if keyword.startswith("XML") else "exif\n 30\n" + TURNED.hex()
    info.add_text(keyword, xmp)
    return info


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one chunk more behind its header."""
    return data[:33] + chunk(kind, body) + data[33:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def interlaced(image: Image.Image) -> bytes:
    """Adam7, which Pillow reads and does not write."""
    header = struct.pack(">IIBBBBB", *image.size, 8, 0, 0, 0, 1)
    rows = np.asarray(image)
    body = b""
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                         (1, 0, 2, 2), (0, 1, 1, 2)):  # fmt: skip
        part = rows[y::dy, x::dx]
        if part.size:
            body += b"".join(b"\0" + row.tobytes() for row in part)
    return png(zlib.compress(body), header)


def png(body: bytes, header: bytes = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)) -> bytes:
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


Decoded = tuple[NDArray[np.uint8], object]


def plainly(data: bytes, scale: int = 1) -> NDArray[np.uint8] | None:
    """The pixels of a plain file, or None where Pillow has to parse it."""
    plain = plain_of(data)
    try:
        return plain and np.asarray(plain.decode(scale))
    except Exception:  # it is damaged
        return None


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, bool], Decoded | None]:
    """Decode with Pillow's parser, as if no file were plain."""

    def by_pillow(data: bytes, reduced: bool = False) -> Decoded | None:
        with monkeypatch.context() as patch:
            for name in ("plain_of", "digit_in"):
                patch.setattr(decoders, name, lambda _: None)
            return answer(data, reduced)

    return by_pillow


def answer(data: bytes, reduced: bool = False) -> Decoded | None:
    """The pixels, and the reduction; None where the file cannot be read."""
    try:
        image = decoded(data, Limits(), reduced=reduced)
    except ImageError:
        return None
    return np.asarray(image), getattr(image, "info", {}).get(REDUCED)


def same(one: Decoded | None, other: Decoded | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one[0], other[0]) and one[1] == other[1]


@cache
def zoo() -> dict[str, bytes]:
    """Return the pictures by their names. Collecting the tests does not write them."""
    return dict(pictures())


@pytest.mark.parametrize("reduced", [False, True])
def test_a_plain_file_gives_the_pixels_of_pillows_parser(
    reduced: bool, parsed: Callable[[bytes, bool], Decoded | None]
) -> None:
    for name, data in zoo().items():
        assert same(answer(data, reduced), parsed(data, reduced)), name


def test_the_usual_files_are_plain_and_no_other_is() -> None:
    for size in SIZES:
        for name in ("PNG L", "PNG RGB", "PNG RGBA", "JPEG L", "JPEG RGB", "dense pixels"):
            assert plain_of(zoo()[f"{name} {size}"]), name
        for name in ("PNG P", "PNG LA", "JPEG CMYK", "transparent", "text exif", "turned PNG",
                     "turned JPEG", "progressive", "interlaced", "profile"):  # fmt: skip
            assert plain_of(zoo()[f"{name} {size}"]) is None, name
    assert plain_of(zoo()["marker in the scan (640, 480)"]) is None
    colour = zoo()["JPEG RGB (28, 28)"]
    scan = colour.index(b"\xff\xda\0\x0c\x03")
    one_component = colour[:scan] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + colour[scan + 14 :]
    assert plain_of(colour)
    assert plain_of(one_component) is None


@pytest.mark.skipif(library() is None, reason="nothing was compiled")
def test_a_grey_png_of_28_by_28_is_decoded_at_once_and_no_other_is() -> None:
    for name, data in zoo().items():
        digit = digit_in(data)
        kinds = ("PNG L", "level 0", "optimized")
        assert (digit is not None) == (name in [f"{kind} (28, 28)" for kind in kinds]), name
        assert digit is None or np.array_equal(digit, np.asarray(drawn((28, 28), 1)))
    for unpacked in (811, 813, 3_000_000, 10_000_000):
        assert digit_in(png(zlib.compress(bytes(unpacked)))) is None
    with pytest.raises(ImageError, match="--max-pixels"):
        decode(zoo()["PNG L (28, 28)"], Limits(max_pixels=28 * 28 - 1))


def damaged(count: int) -> Iterator[bytes]:
    """Files that are cut, flipped and spliced."""
    random = np.random.default_rng(0)
    for name in ("PNG L (28, 28)", "level 0 (31, 17)", "JPEG L (31, 17)", "restarts (520, 40)",
                 "dense pixels (31, 17)", "PNG RGB (31, 17)", "JPEG RGB (520, 40)"):  # fmt: skip
        for _ in range(count):
            data = bytearray(zoo()[name])
            kind, place = int(random.integers(4)), int(random.integers(len(data)))
            if kind == 0:
                del data[place:]
            elif kind == 1:
                data[place] ^= 1 << int(random.integers(8))
            elif kind == 2:
                data[place:place] = random.bytes(3)
            else:
                del data[place : place + int(random.integers(1, 9))]
            yield bytes(data)


def test_a_damaged_file_gives_what_pillows_parser_makes_of_it(
    parsed: Callable[[bytes, bool], Decoded | None],
) -> None:
    given = 0
    for data in damaged(300):
        if plainly(data) is not None:
            given += 1
            for reduced in (False, True):
                assert same(answer(data, reduced), parsed(data, reduced))
    assert given > 20  # JPEGs, whose flipped bits are other pixels


def test_workers_say_nothing_of_damaged_files(capfd: pytest.CaptureFixture[str]) -> None:
    too_few, no_zlib = zlib.compress(b"\0" * 90), b"\x78\x9c" + b"\xff" * 90
    files = [*damaged(20), png(too_few), png(no_zlib)]  # the check sums of the last two are right
    rows = list(Classifier("dense").classify(files, workers=2))
    assert [row.status for row in rows[-2:]] == ["error", "error"]
    assert capfd.readouterr() == ("", "")


def test_a_plain_file_is_held_to_the_limits() -> None:
    for name in ("PNG L (640, 480)", "JPEG L (640, 480)", "PNG RGB (640, 480)"):
        assert decode(zoo()[name], Limits(max_pixels=640 * 480)).size == (640, 480)
        with pytest.raises(ImageError, match="--max-pixels"):
            decode(zoo()[name], Limits(max_pixels=640 * 480 - 1))


def test_each_filter_is_undone_as_pillow_undoes_it(
    parsed: Callable[[bytes, bool], Decoded | None],
) -> None:
    """In the first row too, and in pictures of one column."""
    random = np.random.default_rng(0)
    for colour, bands in ((0, 1), (2, 3), (6, 4)):
        for width, height in ((1, 1), (1, 9), (9, 1), (28, 28), (61, 40)):
            header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
            for most in (4, 4, 5):  # there is no filter 5
                rows = random.integers(0, 256, (height, 1 + width * bands), np.uint8)
                rows[:, 0] = random.integers(0, most, height, endpoint=True)
                data = png(zlib.compress(rows.tobytes()), header)
                assert plain_of(data)
                assert same(answer(data), parsed(data, False))


def test_chunks_between_those_of_the_pixels_end_them() -> None:
    """Pillow reads no further, so such a file is not plain."""
    body = zlib.compress(b"\0" * 28 * 29)
    first, last = chunk(b"IDAT", body[:9]), chunk(b"IDAT", body[9:])
    head, end = png(b"")[:33], chunk(b"IEND", b"")
    assert plain_of(head + first + last + end)
    assert plain_of(head + first + chunk(b"sRGB", b"\0") + last + end) is None
