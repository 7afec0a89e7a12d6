"""IDX files are read plain and gzipped, and every damaged one gives one clear SourceError."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write_idx
from tinydigits import SourceError
from tinydigits.sources.idx import read_images, read_labels

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
HEADER = struct.pack(">4I", 0x803, 3, 28, 28)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    write_idx(tmp_path / name, IMAGES)
    assert np.array_equal(read_images(tmp_path / name), IMAGES)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty file"),
        (b"\0\0\x08", "starts with"),
        (struct.pack(">2I", 0x801, 3) + bytes(3), "starts with 0x00000801, where IDX images"),
        (HEADER[:9], "truncated: the header ends after 9 bytes"),
        (HEADER + bytes(100), "truncated: 2,352 bytes promised"),
        (HEADER + bytes(2353), "too long"),
        (struct.pack(">4I", 0x803, 0, 28, 28), "0 bytes promised"),
        (struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 28), "bytes promised"),
        (struct.pack(">4I", 0x803, 1, 14, 56) + bytes(784), "14×56 pixels, not 28×28"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, said: str, zipped: bool) -> None:
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(SourceError, match=said):
        read_images(path)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    whole = gzip.compress(HEADER + IMAGES.tobytes())
    path.write_bytes(whole[:1000])
    with pytest.raises(SourceError, match="truncated: the gzip stream"):
        read_images(path)
    path.write_bytes(whole[:1000] + b"\xff" * 50 + whole[1050:])
    with pytest.raises(SourceError, match=r"damaged gzip|truncated|too long"):
        read_images(path)


def test_labels_above_9_are_read_too(tmp_path: Path) -> None:
    write_idx(tmp_path / "labels", np.array([3, 26, 4], np.uint8))
    assert read_labels(tmp_path / "labels").tolist() == [3, 26, 4]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: No such file"):
        read_images(tmp_path / "nowhere")
