"""What phones, scanners and browsers write is read, whatever its name; what is not read is called
by its name.
"""

import io
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.draw_scans import blue_pen, mask
from tests.support import files
from tests.support.commands import run
from tinydigits import Classifier, ImageError, Limits
from tinydigits.decoders import MORE, REDUCED, Reduction
from tinydigits.images import decode, decoded
from tinydigits.items import Chunk
from tinydigits.names import ENDINGS, Kind

SIZE = (90, 120)


def drawn(digit: int, size: tuple[int, int] = SIZE) -> Image.Image:
    return blue_pen(mask(digit, size, 0.06, digit), digit).convert("RGB")


def encoded(format_: str, *pictures: Image.Image, **options: object) -> bytes:
    if format_ == "HEIF":
        file = io.BytesIO()
        heif = pytest.importorskip("pillow_heif", reason="the extra `formats` is not installed")
        writer = heif.HeifFile()
        for picture in pictures:
            writer.add_from_pillow(picture)
        writer.save(file, quality=80, enc_params={"preset": "ultrafast"}, **options)
        return file.getvalue()
    if len(pictures) > 1:
        options |= {"save_all": True, "append_images": pictures[1:]}
    return files.encoded(pictures[0], format_, **options)


MODEL = "conv"  # of `classifier`


@pytest.mark.parametrize("format_", ["HEIF", "AVIF", "MPO"])
def test_a_photograph_of_a_phone_is_read(classifier: Classifier, format_: str) -> None:
    row = classifier(encoded(format_, drawn(5)))
    assert (row.label, row.status) == ("5", "ok")


def test_heic_of_16_bits_is_read(classifier: Classifier) -> None:
    for size in (SIZE, (401, 530)):
        shades = np.asarray(drawn(5, size).convert("L")).astype(np.uint16) * 257
        row = classifier(encoded("HEIF", Image.fromarray(shades)))
        assert (row.label, row.status) == ("5", "ok")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_heic_of_every_mode_is_the_picture_that_was_saved(mode: str) -> None:
    picture = drawn(3).convert(mode)
    picture.paste(0, (0, 0, 20, 40))
    got = decode(encoded("HEIF", picture, chroma=444))
    assert got.mode == {"LA": "RGBA"}.get(mode, mode)
    difference = np.abs(np.asarray(got.convert("L"), int) - np.asarray(picture.convert("L")))
    assert difference.mean() < 4


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_upright(orientation: int) -> None:
    picture = Image.new("RGB", (200, 100), "white")
    picture.paste("black", (0, 0, 60, 60))
    exif = Image.Exif()
    exif[0x0112] = orientation
    png = encoded("PNG", picture, exif=exif)
    heic = encoded("HEIF", picture, exif=exif.tobytes())
    shades = [np.asarray(decode(data).convert("L").resize((8, 8)), int) for data in (heic, png)]
    assert np.abs(shades[0] - shades[1]).max() < 30


@pytest.mark.parametrize("tile", [0, 256])
def test_a_large_heic_is_reduced_and_boxed_as_in_the_whole(
    classifier: Classifier, tile: int
) -> None:
    picture = drawn(5, (401, 530))
    data = encoded("HEIF", picture, tile_size=tile)
    small = decoded(data, Limits(), reduced=True)
    assert isinstance(small, Image.Image)
    assert small.size == (201, 265)
    assert small.info[REDUCED] == Reduction(2, *picture.size)
    assert REDUCED not in decode(data).info
    whole, reduced = classifier(decode(data)), classifier(data)
    assert (reduced.label, reduced.status) == (whole.label, whole.status) == ("5", "ok")
    assert reduced.box == pytest.approx(whole.box, abs=10)


@pytest.mark.parametrize(
    ("size", "tile", "allowed"),
    [((12_648, 9_486), 512, True), ((9_000, 12_000), 512, True), ((12_648, 9_486), 0, False)],
)
def test_a_heic_of_120_megapixels_in_tiles_fits_in_the_memory(
    size: tuple[int, int], tile: int, allowed: bool
) -> None:
    data = encoded("HEIF", drawn(5, (1024, 768)), tile_size=tile)
    promised = struct.pack(">2I", *size)
    with pytest.raises(ImageError) as raised:  # at the latest, because it holds less
        decoded(data.replace(struct.pack(">2I", 1024, 768), promised), Limits())
    assert ("--max-pixels" in str(raised.value)) is not allowed


CONTENTS: list[tuple[str, Callable[[], bytes]]] = [
    (format_, lambda format_=format_: encoded(format_, drawn(8)))  # type: ignore[misc]
    for format_ in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "HEIF", "AVIF")
]


def test_a_picture_is_read_by_its_contents_whatever_its_name(
    classifier: Classifier, tmp_path: Path
) -> None:
    endings = [*ENDINGS[Kind.PICTURE], *ENDINGS[Kind.DOCUMENT]]
    for number, ending in enumerate(endings):
        content = CONTENTS[number % len(CONTENTS)][1]()
        (tmp_path / f"{number}{ending}").write_bytes(content)
    (tmp_path / "without").write_bytes(CONTENTS[0][1]())
    rows = list(classifier.classify([str(tmp_path), str(tmp_path / "without")]))
    assert len(rows) == len(endings) + 1
    assert {(row.label, row.status) for row in rows} == {("8", "ok")}, rows


@pytest.mark.parametrize("format_", ["GIF", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_what_holds_more_frames_is_its_first_and_says_so(format_: str) -> None:
    two, one = encoded(format_, drawn(7), drawn(9)), encoded(format_, drawn(7))
    reading = Classifier("conv").reader.read(Chunk(["two", "one"], [two, one]))
    assert reading.in_part == 1
    assert reading.scores.argmax(1).tolist() == [7, 7]
    assert decode(two).info.get(MORE) is True
    assert MORE not in decode(one).info


def test_the_second_picture_of_a_stereo_camera_is_no_later_frame() -> None:
    assert MORE not in decode(encoded("MPO", drawn(1), drawn(2))).info


@pytest.mark.parametrize(
    ("package", "format_", "said"),
    [
        ("pillow_heif", "HEIF", 'a HEIC photograph needs pillow-heif: pip install "tinydigits'),
        ("PIL.AvifImagePlugin", "AVIF", "an AVIF picture needs Pillow 11.3 or later: pip install"),
        ("pypdfium2", "PDF", 'a PDF document needs pypdfium2: pip install "tinydigits[formats]"'),
    ],
)
def test_without_its_package_a_format_says_what_to_install(
    package: str, format_: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{format_.lower()}"
    path.write_bytes(encoded(format_, drawn(1)))
    monkeypatch.setitem(sys.modules, package, None)
    (row,) = Classifier("conv").classify([str(path)])
    assert row.status == "error"
    assert said in str(row.reason)


@pytest.mark.parametrize("command", ["classify", "evaluate", "read"])
def test_the_summary_counts_by_kind_what_needs_a_package(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1").mkdir()
    for name, format_ in (("a.heic", "HEIF"), ("b.pdf", "PDF"), ("c.jpg", "HEIF"), ("d", "PNG")):
        (tmp_path / "1" / name).write_bytes(encoded(format_, drawn(1)))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    _, _, errors = run(command, str(tmp_path))
    assert errors.endswith(
        ' · 2 HEIC photographs, 1 PDF document: pip install "tinydigits[formats]"'
        " · skipped: 1 other file\n"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\x0a" + bytes(9), "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"8BPS\0\1", "a Photoshop picture"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns=""/>', "an SVG drawing"),
        (b"\0\0\0 ftypisom", "a video"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive, which is not read: unpack it"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (b"PK\x03\x04", "a zip archive or an office document: rename an archive"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=said):
        decode(data)
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(data)
        file.truncate(1 << 30)
    with pytest.raises(ImageError, match=said):
        decode(path)


@pytest.mark.parametrize("format_", ["HEIF", "AVIF", "PDF"])
def test_damage_and_limits_are_found_in_new_formats(format_: str) -> None:
    if format_ == "PDF":
        pytest.importorskip("pypdfium2", reason="the extra `formats` is not installed")
    data = encoded(format_, drawn(2))
    generator = np.random.default_rng(5)
    for _ in range(30):
        damaged = bytearray(data)
        for at in generator.integers(0, len(data), 8):
            damaged[at] = generator.integers(256)
        for each in (bytes(damaged), data[: generator.integers(1, len(data))]):
            with suppress(ImageError):
                decode(each)
    with pytest.raises(ImageError, match="--max-pixels"):
        decode(data, Limits(max_pixels=1000))
