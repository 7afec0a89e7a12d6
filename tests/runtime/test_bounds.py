"""What the header of a picture asks for is refused before it is granted, and what decoding takes is
no more than was computed from the header.
"""

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.files import encoded
from tinydigits import ImageError, Limits, decode
from tinydigits.bounds import MAX_PIXELS, MEMORY, check_memory
from tinydigits.images import decoded

MB = 1_000_000
MOST = 160  # MB: of a process that refuses all of the pictures below; 66 without them
SIDE = 1200  # px
HAS_HEIF = find_spec("pillow_heif") is not None  # the extra `formats`
SLACK = 6  # MB: decoders' own buffers

# In a fresh process: memory that is freed goes back at once, and the peak can be set back.
CHILD = """
import json, sys
from pathlib import Path
from tinydigits import Classifier
from tinydigits.quiet import own_process

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return [int(line.split()[1]) * 1024 for line in lines if line.startswith(key)][0]

own_process()
reader = Classifier("dense")
list(reader.classify([sys.argv[1]]))
for name in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    row, = reader.classify([name])
    print(json.dumps([row.status, str(row.reason), status("VmHWM") - before, status("VmHWM")]))
"""


def measured(paths: list[Path]) -> Iterator[tuple[str, str, int, int]]:
    """Read the pictures; yield status, reason, the memory that it took, and the peak, in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, paths)],
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    for line in done.stdout.splitlines():
        status, reason, taken, peak = json.loads(line)
        yield status, reason, taken, peak


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(before: bytes = b"", after: bytes = b"", size: tuple[int, int] = (28, 28)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(29 * 28)))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + after + chunk(b"IEND")


def jpeg(segments: bytes) -> bytes:
    data = encoded(Image.new("RGB", (28, 28)), "JPEG")
    return data[:2] + segments + data[2:]


def webp(width: int, height: int) -> bytes:
    data = encoded(Image.new("RGB", (28, 28)), "WEBP")
    return data[:26] + struct.pack("<HH", width, height) + data[30:]


def tiff(*tags: tuple[int, int, int, int], tail: bytes = b"", **sizes: int) -> bytes:
    """A TIFF, 28×28 and grey; more tags as (tag, type, count, value), and bytes at 1,000."""
    own = {256: 28, 257: 28, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 28, 279: 784}
    own |= {int(tag[1:]): value for tag, value in sizes.items()}
    entries = [(tag, 4, 1, value) for tag, value in own.items() if tag not in {t[0] for t in tags}]
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries) + len(tags))
    for entry in sorted([*entries, *tags]):
        data += struct.pack("<HHII", *entry)
    return data.ljust(1000, b"\0") + tail


GIF = b"GIF89a" + struct.pack("<HHBBB", 28, 28, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
GIF_END = b",\0\0\0\0\x1c\0\x1c\0\0\x02\x02\x4c\x01\0;"
BIG_TAGS = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 200_000) + bytes(20 * 200_000)
RATIONALS = struct.pack("<HHHII", 1, 37500, 5, 1_000_000, 2000) + bytes(9_000_000)
BMP = struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 1, 30_000_000, 1, 32, 0, 0, 0, 0, 0, 0)
HOSTILE = {
    "comments.gif": (GIF + b"!\xfe\x01a\0" * 1_000_000 + GIF_END, "comments"),
    "blocks.gif": (GIF + b"!\xfe" + b"\1a" * 1_000_000 + b"\0" + GIF_END, "comments"),
    "private.png": (png(chunk(b"prIv") * 1_000_000), "comments"),
    "after.png": (png(after=chunk(b"prIv") * 1_000_000), "comments"),
    "empty.png": (png(chunk(b"IDAT") * 1_000_000), "comments"),
    "profiles.png": (png(chunk(b"iCCP", b"a\0\0" + bytes(99)) * 10_000), "iCCP"),
    "exif.png": (png(chunk(b"eXIf", bytes(2 << 20))), "EXIF"),
    "texts.png": (
        png(
            b"".join(
                chunk(b"zTXt", b"%d\0\0" % at + zlib.compress(bytes(1_000_000))) for at in range(20)
            )
        ),
        "metadata",
    ),
    "tall.png": (png(size=(1, 40_000_000)), "--max-pixels"),
    "comments.jpg": (jpeg(b"\xff\xfe\0\2" * 1_000_000), "comments"),
    "padding.jpg": (jpeg(b"\xff" * 4_000_000), "comments"),
    "exif.jpg": (jpeg((b"\xff\xe1\xff\xf8Exif\0\0" + bytes(65520)) * 20), "Exif"),
    "comment.pgm": (b"P5 #" + b"a" * 4_000_000 + b"\n28 28 255 " + bytes(784), "comments"),
    "strips.tif": (tiff((273, 4, 1_000_000, 1000), tail=bytes(4_000_000)), "tag 273"),
    "bits.tif": (tiff((258, 3, 1_000_000, 1000), tail=bytes(2_000_000)), "tag 258"),
    "shared.tif": (
        tiff(*[(60_000 + at, 1, MB, 1000) for at in range(20)], tail=bytes(MB)),
        "tags of",
    ),
    "tags.tif": (BIG_TAGS, "200,000 tags"),
    "tile.tif": (tiff(t259=8, t322=30_000, t323=30_000, t324=1000, t325=99), "--max-pixels"),
    "cmyk.tif": (
        tiff((258, 3, 4, 900), t256=1, t257=33_554_433, t262=5, t277=4)[:900]
        + struct.pack("<4H", 8, 8, 8, 8)
        + bytes(92),
        "--max-pixels",
    ),
    "large.webp": (webp(8000, 8000), "--max-pixels"),
    "tall.bmp": (b"BM" + BMP, "--max-pixels"),
    "text.ppm": (b"P3 6500 6500 255 1 1 1", "--max-pixels"),
}


@pytest.mark.linux
def test_hostile_headers_cost_little_memory(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in HOSTILE]
    for path in paths:
        path.write_bytes(HOSTILE[path.name][0])
    rows = list(measured(paths))
    assert len(rows) == len(paths)
    for path, (status, reason, _, peak) in zip(paths, rows, strict=True):
        assert status == "error", path.name
        assert HOSTILE[path.name][1] in reason, (path.name, reason)
        assert peak < MOST * MB, (path.name, peak)


@pytest.mark.linux
def test_the_tags_of_cameras_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "rationals.tif"
    path.write_bytes(tiff((34665, 4, 1, 1000), tail=RATIONALS))
    ((status, _, taken, _),) = measured([path])
    assert status != "error"
    assert taken < 50 * MB


def zoo(folder: Path) -> Iterator[Path]:
    """Large pictures in all modes and formats."""
    shades = np.full((SIDE, SIDE), 250, np.uint8)
    shades[400:800, 500:600] = 10
    shades ^= np.random.default_rng(0).integers(0, 4, shades.shape, np.uint8)
    grey = Image.fromarray(shades)
    clear = grey.convert("RGBA")
    clear.putalpha(grey)
    modes = {mode: grey.convert(mode) for mode in ("1", "L", "P", "RGB", "I", "F")}
    modes |= {mode: clear.convert(mode) for mode in ("LA", "RGBA")}
    modes |= {mode: modes["RGB"].convert(mode) for mode in ("CMYK", "YCbCr", "RGBX")}
    modes["LAB"] = Image.merge("LAB", [grey] * 3)
    modes["I;16"] = Image.fromarray(shades.astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6
    ways: dict[str, list[dict[str, object]]] = {
        "png": [
            {"compress_level": 1, **way} for way in ({}, {"exif": turned}, {"transparency": 7})
        ],
        "jpeg": [{}, {"exif": turned}, {"progressive": True, "subsampling": 0}],
        "tiff": [
            {},
            {"compression": "tiff_lzw", "strip_size": 1 << 30, "tiffinfo": {278: SIDE, 274: 6}},
            {"compression": "jpeg"},
        ],
        "webp": [{"method": 0}, {"lossless": True, "method": 0}],
        "gif": [{}, {"transparency": 7}],
        "bmp": [{}],
        "ppm": [{}],
        "avif": [{"speed": 10}, {"speed": 10, "subsampling": "4:4:4"}],
    }
    for format_, options in ways.items():
        for mode, image in modes.items():
            if format_ in ("webp", "avif") and mode not in ("L", "RGB", "RGBA"):
                continue  # these are converted before they are encoded
            for number, option in enumerate(options):
                path = folder / f"{mode.replace(';', '')}{number}.{format_}"
                try:
                    image.save(path, **option)  # type: ignore[arg-type]
                except (OSError, ValueError, KeyError):
                    continue  # the format has no such mode
                yield path
    for mode, chroma in (("L", 444), ("RGB", 420), ("RGB", 444), ("RGBA", 420), ("I;16", 444)):
        if not HAS_HEIF:
            break
        import pillow_heif

        path = folder / f"{mode.replace(';', '')}{chroma}.heic"
        fast = {"quality": 40, "chroma": chroma, "enc_params": {"preset": "ultrafast"}}
        pillow_heif.from_pillow(modes[mode]).save(path, **fast)
        yield path
    (folder / "plain.pgm").write_bytes(b"P2 700 700 65535 " + b"9 " * 490_000)
    yield folder / "plain.pgm"


@pytest.mark.linux
def test_a_picture_takes_no_more_memory_than_was_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = list(zoo(tmp_path))
    assert len({path.suffix for path in paths}) == 9 + HAS_HEIF
    rows = list(measured(paths))
    monkeypatch.setattr("tinydigits.bounds.MEMORY", 0)
    monkeypatch.setattr("tinydigits.heif.MORE", 0)
    monkeypatch.setattr("tinydigits.bounds.LEAST_MEMORY", 0)
    for path, (status, reason, taken, _) in zip(paths, rows, strict=True):
        if "starts with b'Pf" in reason:
            continue  # float PNM is not read
        assert status != "error", (path.name, reason)
        with pytest.raises(ImageError, match="would take") as refused:
            decode(path)
        computed = int(str(refused.value).split("take ")[1].split(" MB")[0].replace(",", ""))
        assert taken < (computed + SLACK) * MB, (path.name, computed, taken)


def header(format_: str, size: tuple[int, int], mode: str, **options: object) -> bytes:
    """The file of a small picture whose header promises a large one."""
    whole = encoded(Image.new(mode, (64, 48)), format_, **options)
    small, large = (struct.pack(">HH", *each[::-1]) for each in ((64, 48), size))
    if format_ == "PNG":
        small, large = (struct.pack(">4sII", b"IHDR", *each) for each in ((64, 48), size))
    data = whole.replace(small, large)
    assert data != whole
    if format_ == "PNG":
        data = data[:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:]
    return data


PHONE = (12_000, 9000)  # px: 108 megapixels
WHOLE = (8192, 6144)  # px: 50 megapixels, with a sensor's every pixel


@pytest.mark.parametrize(
    ("format_", "size", "mode", "options", "allowed"),
    [
        ("JPEG", PHONE, "RGB", {}, True),
        ("JPEG", PHONE, "L", {}, True),
        ("JPEG", PHONE, "RGB", {"progressive": True}, True),
        ("JPEG", PHONE, "RGB", {"progressive": True, "subsampling": 0}, False),
        ("JPEG", (12_001, 10_000), "RGB", {}, False),
        ("PNG", WHOLE, "RGB", {}, True),
        ("PNG", PHONE, "L", {}, True),
        ("PNG", PHONE, "RGB", {}, False),
    ],
)
def test_photographs_of_phones_fit_in_a_process_and_others_name_the_option(
    format_: str, size: tuple[int, int], mode: str, options: dict[str, object], allowed: bool
) -> None:
    data = header(format_, size, mode, **options)
    begun = data[: data.index(b"\xff\xda" if format_ == "JPEG" else b"IDAT") + 16]
    for how in (True, False):
        with pytest.raises(ImageError) as raised:
            decoded(begun, Limits(), reduced=how)
        assert ("--max-pixels" in str(raised.value)) is not allowed


@pytest.mark.parametrize("needed", [MEMORY + 1, 10 * MAX_PIXELS, 10 * MAX_PIXELS + 7, 600 * MB])
@pytest.mark.parametrize("limit", [1000, 10 * MB, MAX_PIXELS])
def test_a_refusal_says_what_would_allow_it(needed: int, limit: int) -> None:
    with pytest.raises(ImageError) as refused:
        check_memory((9, 9), needed, Limits(limit))
    asked = int(str(refused.value).partition("--max-pixels ")[2].split()[0])
    check_memory((9, 9), needed, Limits(asked))


def test_a_refusal_says_how_far_the_option_goes() -> None:
    with pytest.raises(ImageError, match=r"\(--max-pixels, 178,956,970 at the most\)"):
        decode(header("PNG", (16_320, 12_240), "L"))
    with pytest.raises(ImageError, match=r"\(--max-pixels\)"):
        decode(header("PNG", (13_000, 10_000), "L"))


def tall(width: int, height: int) -> bytes:
    """A JPEG of a bar, whose rows of blocks are one and the same."""
    strip = Image.new("RGB", (width, 16), "white")
    strip.paste("black", (width // 2 - width // 40, 0, width // 2 + width // 40, 16))
    data = encoded(strip, "JPEG", restart_marker_rows=1)
    data = data.replace(struct.pack(">HH", 16, width), struct.pack(">HH", height, width))
    scan = data.index(b"\xff\xda") + 14
    rows = [b"\xff" + bytes([0xD0 + at % 8]) for at in range(height // 16 - 1)]
    return data[:scan] + b"".join(data[scan:-2] + each for each in [*rows, b"\xff\xd9"])


@pytest.mark.linux
def test_108_megapixels_are_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    path.write_bytes(tall(12_000, 9008))
    ((status, reason, _, peak),) = measured([path])
    assert status != "error", reason
    assert peak < 600 * MB


def test_a_picture_that_fits_the_limit_in_pixels_fits_in_memory() -> None:
    data = encoded(Image.new("RGBA", (1000, 100)), "WEBP")
    assert decode(data, Limits(max_pixels=100_000)).size == (1000, 100)
