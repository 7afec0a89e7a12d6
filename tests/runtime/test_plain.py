"""What OpenCV decodes is what Pillow decodes, pixel by pixel, and it decodes no more than that."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from tinydigits import Classifier, ImageError
from tinydigits.images import decode
from tinydigits.opencv import OpenCV, _plain_jpeg, suits

pytest.importorskip("cv2", reason="OpenCV is not installed: the extra `fast`")

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
SIZES = ((1, 1), (28, 28), (31, 17), (640, 480))


@pytest.fixture
def opencv() -> Iterator[OpenCV]:
    """It takes stderr over, which the tests get back."""
    kept = os.dup(2)
    yield OpenCV()
    os.dup2(kept, 2)
    os.close(kept)


TURNED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"


def drawn(size: tuple[int, int], seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0]), np.uint8)
    smooth = np.add.outer(np.arange(size[1]), np.arange(size[0])) % 256
    return Image.fromarray((noise // 4 + smooth // 2).astype(np.uint8))


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def zoo() -> Iterator[tuple[str, bytes]]:
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


def by_pillow(data: bytes) -> NDArray[np.uint8] | None:
    try:
        image = decode(data)
    except ImageError:
        return None
    return np.asarray(image) if image.mode == "L" else None


ZOO = dict(zoo())


@pytest.mark.parametrize("name", ZOO)
def test_both_decoders_agree(name: str, opencv: OpenCV) -> None:
    pixels = opencv.grey(ZOO[name], 50_000_000)
    if pixels is not None:
        assert (pixels == by_pillow(ZOO[name])).all()


@pytest.mark.parametrize("name", ["PNG L (28, 28)", "JPEG L (640, 480)", "dense pixels (28, 28)"])
def test_the_usual_files_are_left_to_opencv(name: str, opencv: OpenCV) -> None:
    assert opencv.grey(ZOO[name], 50_000_000) is not None


def damaged(count: int) -> Iterator[bytes]:
    """Files that are cut, flipped and spliced."""
    random = np.random.default_rng(0)
    for name in ("PNG L (28, 28)", "level 0 (31, 17)", "JPEG L (31, 17)", "restarts (640, 480)",
                 "dense pixels (31, 17)"):  # fmt: skip
        for _ in range(count):
            data = bytearray(ZOO[name])
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


def test_of_damaged_files_both_make_the_same_or_pillow_decides(opencv: OpenCV) -> None:
    given = 0
    for data in damaged(400):
        pixels = opencv.grey(data, 50_000_000)
        if pixels is not None:
            given += 1
            expected = by_pillow(data)
            assert expected is not None
            assert (pixels == expected).all()
    assert given > 20  # of JPEG, whose flipped bits both take for other pixels


def test_workers_say_nothing_of_damaged_files(capfd: pytest.CaptureFixture[str]) -> None:
    too_few, no_zlib = zlib.compress(b"\0" * 90), b"\x78\x9c" + b"\xff" * 90
    files = [*damaged(20), png(too_few), png(no_zlib)]  # of the last two the check sums are right
    rows = list(Classifier("dense").classify(files, workers=2))
    assert [row.status for row in rows[-2:]] == ["error", "error"]
    assert capfd.readouterr() == ("", "")


def test_what_is_too_large_is_left_to_pillow_to_refuse(opencv: OpenCV) -> None:
    for name in ("PNG L (640, 480)", "JPEG L (640, 480)"):
        assert opencv.grey(ZOO[name], 640 * 480) is not None
        assert opencv.grey(ZOO[name], 640 * 480 - 1) is None


def test_a_scan_with_a_marker_that_does_not_belong_there_is_left_to_pillow() -> None:
    """Of some of them OpenCV's library does not complain, and Pillow gives up."""
    whole = ZOO["JPEG L (28, 28)"]
    assert _plain_jpeg(whole, 784)
    assert not _plain_jpeg(whole[:-12] + b"\xff\x74" + whole[-10:], 784)


def test_opencv_is_loaded_for_grey_pictures_alone(tmp_path: Path) -> None:
    grey = Image.fromarray(np.full((40, 30), 200, np.uint8))
    for picture, suited in ((grey, True), (grey.convert("RGB"), False)):
        for ending in ("png", "jpg"):
            path = tmp_path / f"picture.{ending}"
            picture.save(path)
            for first in (str(path), path, path.read_bytes()):
                assert suits([first, b""]) is suited
    for none in (
        [],
        [str(tmp_path)],
        [str(tmp_path / "none")],
        [picture],
        [b""],
        np.zeros((2, 28, 28)),
    ):
        assert suits(none) is False
