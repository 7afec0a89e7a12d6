"""A picture of any mode and orientation becomes upright, and L, RGB or RGBA."""

import io

import numpy as np
import pytest
from PIL import Image

from tinydigits.images import decode

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def encoded(format_: str, image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_of_every_mode_is_read(mode: str) -> None:
    image = Image.new(mode, (8, 6))
    assert decode(encoded("PNG", image)).size == (8, 6)


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "CMYK", "I;16", "I", "F", "LA", "RGBA", "YCbCr"])
def test_every_mode_becomes_the_same_picture(mode: str) -> None:
    grey = Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode in ("CMYK", "YCbCr"):
        image = grey.convert("RGB").convert(mode)
    else:
        image = grey.convert(mode)
    decoded = decode(image)
    assert decoded.mode in ("L", "RGB", "RGBA")
    difference = np.abs(np.asarray(decoded.convert("L"), int) - np.asarray(grey))
    assert difference.max() <= 2


def test_samples_of_16_bits_are_scaled_by_the_largest() -> None:
    image = Image.fromarray(np.array([[0, 2048, 4095]], np.uint16))  # a 12-bit camera
    assert np.asarray(decode(image)).tolist() == [[0, 128, 255]]
    barely = Image.fromarray(np.array([[65534, 65535]], np.uint16))
    assert np.asarray(decode(barely)).tolist() == [[255, 255]]


def test_exif_orientation_is_applied() -> None:
    upright = Image.fromarray(GREY)
    turned = upright.rotate(90, expand=True)
    turned.getexif()[0x0112] = 6  # turn by 90° to the right to see it upright
    for data in (encoded(format_, turned, exif=turned.getexif()) for format_ in ("PNG", "TIFF")):
        assert np.array_equal(np.asarray(decode(data)), GREY)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # the application's to show
@pytest.mark.parametrize("exif", [b"garbage", b"Exif\0\0II*\0" + b"\xff" * 40, b"MM\0*\0\0\0\x08"])
@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_damaged_exif_costs_only_the_orientation(format_: str, exif: bytes) -> None:
    assert decode(encoded(format_, Image.fromarray(GREY), exif=exif)).size == (8, 6)
