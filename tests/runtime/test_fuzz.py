"""However its bytes are damaged, a picture is exactly one row, an archive or array ends in rows,
and nothing raises.

Thousands of damaged files, the same in every run; TINYDIGITS_FUZZ=100000 tries that many pictures,
and half as many archives and arrays.
"""

import gzip
import io
import os
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.files import encoded, saved, tarred, zipped
from tinydigits import Classifier
from tinydigits.bounds import Limits
from tinydigits.items import Item, Skipped, Stack
from tinydigits.names import Kind, kind_of_file
from tinydigits.sources.archives import members
from tinydigits.sources.arrays import stacks

FILES = int(os.environ.get("TINYDIGITS_FUZZ", "2400"))
TOGETHER = 20  # pictures that are read at once
LIMITS = Limits(max_pixels=1 << 20, max_bytes=1 << 20)  # so that large sizes cost little time


def pictures() -> list[bytes]:
    """One valid file of each kind, of a few hundred bytes."""
    pixels = np.zeros((40, 32), np.uint8)
    pixels[8:30, 14:19] = 230
    grey = Image.fromarray(pixels)
    rgb = Image.merge("RGB", (grey, grey, Image.new("L", grey.size, 40)))
    deep = Image.fromarray(pixels.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6  # it lies on its side
    return [
        *(encoded(image, "PNG") for image in (grey, rgb, deep, grey.convert("1"))),
        encoded(rgb.convert("P"), "PNG", transparency=0),
        encoded(rgb.convert("RGBA"), "PNG", exif=exif),
        *(encoded(grey, "JPEG"), encoded(rgb, "JPEG", exif=exif)),
        encoded(rgb, "JPEG", progressive=True),
        *(encoded(rgb.convert("CMYK"), "JPEG"), encoded(grey, "BMP"), encoded(rgb, "BMP")),
        *(encoded(grey, "TIFF"), encoded(deep, "TIFF"), encoded(rgb, "TIFF", compression="jpeg")),
        *(encoded(grey, "TIFF", compression=way) for way in ("tiff_lzw", "tiff_adobe_deflate")),
        *(encoded(grey.convert("1"), "TIFF", compression="group4"), encoded(rgb, "WEBP")),
        *(encoded(rgb, "WEBP", lossless=True), encoded(rgb, "GIF"), encoded(grey, "GIF")),
        *(encoded(grey, "PPM"), encoded(rgb, "PPM"), encoded(grey.convert("1"), "PPM")),
        b"P2 3 3 255 " + b"9 " * 9,
    ]


def containers() -> list[tuple[str, bytes]]:
    """One valid archive or array of each kind, by its name."""
    images = np.arange(5 * 784, dtype=np.uint32).astype(np.uint8).reshape(5, 28, 28)
    some = pictures()[:3]
    long = [(f"{'é' * 60 * number}{number}.png", data) for number, data in enumerate(some)]
    short = [(f"{number}.png", data) for number, data in enumerate(some)]
    tar = tarred(*long, form=tarfile.PAX_FORMAT)
    npz = io.BytesIO()
    np.savez_compressed(npz, x=images, y=np.arange(5))
    idx = struct.pack(">4I", 0x803, *images.shape) + images.tobytes()
    return [
        ("a.tar", tar),
        ("a.tar.gz", gzip.compress(tar)),
        ("a.tar.zst", zstandard.compress(tar)),
        ("stored.zip", zipped(*short, method=zipfile.ZIP_STORED)),
        ("deflated.zip", zipped(*short)),
        ("images.idx", idx),
        ("images.idx.gz", gzip.compress(idx)),
        ("images.npy", saved(images)),
        ("images.npz", npz.getvalue()),
    ]


PICTURES = pictures()
CONTAINERS = containers()
EXTREMES = [bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff", b"\0"]


def damaged(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Cut, overwritten, flipped in some bits, grown, or joined with another file's end; up to
    three times. Headers, where damage does most, are short: half of it is in the first 64 bytes.
    """
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(min(len(data), 64) + 1 if chance.random() < 0.5 else len(data) + 1)
        what = chance.choice([chance.randbytes(chance.randint(1, 6)), chance.choice(EXTREMES)])
        match chance.choice(["cut", "overwrite", "insert", "flip", "flip", "repeat", "splice"]):
            case "cut":
                data = data[: chance.randrange(len(data) + 1)]
            case "overwrite":
                data = data[:at] + what + data[at + len(what) :]
            case "insert":
                data = data[:at] + what + data[at:]
            case "flip":
                bit = 1 << chance.randrange(8)
                data = data[:at] + bytes(byte ^ bit for byte in data[at : at + 1]) + data[at + 1 :]
            case "repeat":
                data = data[:at] + data[at : at + 600] + data[at:]
            case "splice":
                data = data[:at] + other[chance.randrange(len(other)) :]
    return data


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier("dense", limits=LIMITS)


def test_damaged_pictures_are_one_row_each(classifier: Classifier) -> None:
    for first in range(0, FILES, TOGETHER):
        chance = random.Random(first)
        files = [
            damaged(PICTURES[number % len(PICTURES)], chance.choice(PICTURES), chance)
            for number in range(first, first + TOGETHER)
        ]
        rows = list(classifier.classify(files))
        assert len(rows) == TOGETHER
        assert all((row.status == "error") == (row.scores is None) for row in rows)
        # Each row is that of its own picture: without the others, the readable say the same.
        readable = [place for place, row in enumerate(rows) if row.status != "error"]
        again = classifier.classify(files[place] for place in readable)
        assert [row.box for row in again] == [rows[place].box for place in readable]


def ends_in_rows(path: Path, classifier: Classifier, most: int) -> None:
    """One row for each image in it, `most` at the most, and no exception."""
    items: list[Item | Stack] = []
    if kind_of_file(path.name) is Kind.ARCHIVE:
        items += members(str(path), LIMITS, Skipped())
    else:
        items += stacks(str(path), Skipped())
    count = sum(len(item.images) if isinstance(item, Stack) else 1 for item in items)
    assert count <= most
    rows = list(classifier.classify(items))
    assert len(rows) == count
    assert all(str(row.path).startswith(str(path)) for row in rows)


def test_damaged_archives_and_arrays_end_in_rows(classifier: Classifier, tmp_path: Path) -> None:
    for number in range(FILES // 2):
        chance = random.Random(number)
        name, data = CONTAINERS[number % len(CONTAINERS)]
        path = tmp_path / name
        path.write_bytes(damaged(data, chance.choice(CONTAINERS)[1], chance))
        ends_in_rows(path, classifier, most=20)


def is_whole(tar: bytes) -> bool:
    """Return whether bytes are a tar of their own, as where one is cut between its members."""
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            archive.getmembers()
            return not any(tar[archive.offset :]) and len(tar) >= archive.offset + 512
    except tarfile.TarError:
        return False


def test_damage_to_an_archive_loses_no_picture_without_a_word(tmp_path: Path) -> None:
    tar, tar_gz, tar_zst, *zips = CONTAINERS[:5]
    twice = [(name, data + data, 6) for name, data in (tar, tar_gz, tar_zst)]
    archives = [*((name, data, 3) for name, data in (tar, tar_gz, tar_zst, *zips)), *twice]
    for number in range(FILES // 2):
        name, data, pictures = archives[number % len(archives)]
        data = damaged(data, data, random.Random(number))
        path = tmp_path / name
        path.write_bytes(data)
        skipped = Skipped()
        items = list(members(str(path), LIMITS, skipped))
        said = any(item.name == str(path) for item in items) or is_whole(data)
        assert said or len(items) + skipped.total() >= pictures, number
        assert items or skipped.total(), number


fuzzed = settings(
    max_examples=max(1, FILES // 10),
    derandomize=True,  # the same examples in every run
    database=None,
    deadline=None,
)
names = st.one_of(st.binary(max_size=100), st.sampled_from([b"a.png", b"./.a.png", b"../a.png"]))
sizes = st.one_of(st.integers(0, 2000).map(b"%011o".__mod__), st.binary(min_size=12, max_size=12))
records = st.lists(
    st.sampled_from([b"9 path=a\n", b"11 size=10\n", b"0 ", b"99999 a=", b"\n", b"9"])
)


@fuzzed
@given(
    st.lists(
        st.tuples(
            names,
            st.sampled_from([b"0", b"\0", b"1", b"5", b"L", b"K", b"x", b"g", b"S", b"V", b"\xff"]),
            sizes,
            records.map(b"".join),
        ),
        max_size=6,
    )
)
def test_a_tar_of_any_headers_ends_in_rows(
    classifier: Classifier,
    tmp_path_factory: pytest.TempPathFactory,
    headers: list[tuple[bytes, bytes, bytes, bytes]],
) -> None:
    content = b""
    for name, kind, size, data in headers:
        header = name.ljust(124, b"\0") + size.ljust(24, b"\0") + b" " * 8 + kind
        header = header.ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0")
        header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
        content += header + data.ljust(512, b"\0")
    path = tmp_path_factory.getbasetemp() / "headers.tar"
    path.write_bytes(content + bytes(1024))
    ends_in_rows(path, classifier, most=2 * len(headers) + 1)


lengths = st.one_of(st.integers(), st.sampled_from([0, 1, 28, True, "28", None, 2.0]))
shapes = st.one_of(st.lists(lengths, max_size=4).map(tuple), st.integers(), st.just((1, 28, 28)))
dtypes = st.one_of(
    st.sampled_from(["|u1", "|O", "<f8", "V9999999", "|u1,|u1", [("a", "|u1")], "()u1", ""]),
    st.text(max_size=4),
)


@fuzzed
@given(dtypes, st.sampled_from([False, True, 0]), shapes, st.binary(max_size=900))
def test_an_npy_of_any_header_ends_in_rows(
    classifier: Classifier,
    tmp_path_factory: pytest.TempPathFactory,
    dtype: object,
    fortran: object,
    shape: object,
    data: bytes,
) -> None:
    header = repr({"descr": dtype, "fortran_order": fortran, "shape": shape}).encode()
    path = tmp_path_factory.getbasetemp() / "header.npy"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data)
    ends_in_rows(path, classifier, most=2)
