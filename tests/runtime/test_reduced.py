"""A large JPEG is decoded no larger than the fit needs, and what is read of it stays the same."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from examples.draw_scans import blue_pen, mask
from tests.support.files import encoded
from tinydigits import Classifier
from tinydigits.bounds import Limits
from tinydigits.decoders import ENOUGH, REDUCED, Reduction
from tinydigits.images import decode, decoded

ORIENTATION = 0x0112
TURNS = {1: None, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
MODEL = "conv"  # of `classifier`


def photograph(digit: int, size: tuple[int, int]) -> Image.Image:
    return blue_pen(mask(digit, size, 0.06, digit), digit)


def jpeg(picture: Image.Image, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turn = TURNS[orientation]
    turned = picture if turn is None else picture.transpose(turn)
    return encoded(turned, "JPEG", quality=90, exif=exif)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(("longer", "scale"), [(511, 1), (512, 2), (1100, 4), (4096, 8)])
def test_a_digit_is_read_and_boxed_as_in_the_whole(
    classifier: Classifier, longer: int, scale: int, orientation: int
) -> None:
    picture = photograph(5, (384, 512)).resize((longer * 3 // 4 + 1, longer))
    data = jpeg(picture, orientation)
    small = decoded(data, Limits(), reduced=True)
    assert isinstance(small, Image.Image)
    assert max(small.size) == -(-longer // scale) >= ENOUGH
    kept = small.info.get(REDUCED)
    assert kept == (None if scale == 1 else Reduction(scale, *picture.size))
    whole, reduced = classifier(decode(data)), classifier(data)
    assert (reduced.label, reduced.status) == (whole.label, whole.status) == ("5", "ok")
    assert reduced.box == pytest.approx(whole.box, abs=longer / 64)
    assert decode(data).size == picture.size


def test_a_digit_that_is_small_is_read_from_the_whole(
    classifier: Classifier, tmp_path: Path
) -> None:
    sheet = Image.new("RGB", (2000, 1500), (246, 245, 240))
    sheet.paste(photograph(3, (60, 80)), (1200, 900))
    path = tmp_path / "sheet.jpg"
    path.write_bytes(jpeg(sheet))
    (row,) = classifier.classify([str(path)])
    assert replace(row, path=None) == classifier(decode(path))
    assert (row.label, row.status) == ("3", "ok")


@pytest.mark.parametrize("orientation", TURNS)
def test_a_small_digit_is_read_as_large_as_memory_allows(
    classifier: Classifier, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = Image.new("RGB", (2000, 1500), (246, 245, 240))
    sheet.paste(photograph(3, (180, 240)), (1200, 900))
    data = jpeg(sheet, orientation)
    whole = classifier(data)
    monkeypatch.setattr("tinydigits.bounds.LEAST_MEMORY", 0)
    monkeypatch.setattr("tinydigits.bounds.MEMORY", 12_000_000)
    assert decode(data).info[REDUCED] == Reduction(2, 2000, 1500)
    half = classifier(data)
    assert (half.label, half.status) == (whole.label, whole.status) == ("3", "ok")
    assert half.box == pytest.approx(whole.box, abs=8)


def test_a_text_of_the_same_name_is_no_reduction(classifier: Classifier) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text(REDUCED, "8")
    assert classifier(encoded(photograph(7, (200, 240)), pnginfo=texts)).label == "7"


@pytest.mark.parametrize(("size", "scale"), [((1, 600), 1), ((3, 2100), 2), ((2100, 7), 4)])
def test_no_jpeg_is_reduced_to_less_than_a_pixel(size: tuple[int, int], scale: int) -> None:
    small = decoded(jpeg(Image.new("RGB", size, (9, 200, 3))), Limits(), reduced=True)
    assert isinstance(small, Image.Image)
    assert small.size == tuple(-(-side // scale) for side in size)
    assert small.info.get(REDUCED) == (None if scale == 1 else Reduction(scale, *size))
