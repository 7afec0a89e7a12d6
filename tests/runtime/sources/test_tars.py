"""A damaged tar gives what is whole in it, and then a row that says where it breaks off."""

import gzip
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from tests.runtime.sources.test_archives import PACK, read, renumbered, special, tarred


@pytest.mark.parametrize("ending", PACK)
def test_a_truncated_tar_gives_what_is_whole_and_then_a_row(tmp_path: Path, ending: str) -> None:
    whole = tarred(*((f"{n}.png", os.urandom(100_000)) for n in range(5)))
    content = PACK[ending](whole)
    rows = read(tmp_path, ending, content[: len(content) * 7 // 10])
    assert list(rows) == ["0.png", "1.png", "2.png", ""]
    assert "truncated" in str(rows[""])


def test_a_tar_without_end_mark_or_with_a_damaged_header_is_not_at_its_end(tmp_path: Path) -> None:
    content = bytearray(tarred(("a.png", b"a"), ("b.png", b"b")))
    rows = read(tmp_path, "tar", bytes(content[:1024]))
    assert rows == {"a.png": b"a", "": "truncated: it ends without an end mark"}
    content[1024] ^= 1
    rows = read(tmp_path, "tar", bytes(content))
    assert rows == {"a.png": b"a", "": "damaged: a wrong checksum"}


@pytest.mark.parametrize(
    "size", [b"-0000000001\0", b"\xff" * 12, b"\x80" + b"\xff" * 11, b"9" * 12]
)
def test_a_size_of_nonsense_ends_a_tar(tmp_path: Path, size: bytes) -> None:
    assert list(read(tmp_path, "tar", renumbered(tarred(("a.txt", b"a")), size))) == [""]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (tarfile.XHDTYPE, b"9" * 5000, "an extended header that is none"),
        (tarfile.XHDTYPE, b"2 " * 500, "an extended header that is none"),
        (tarfile.XHDTYPE, b"0 path=a\n", "an extended header that is none"),
        (tarfile.XHDTYPE, b"11 size=-1\n", "where a number was expected"),
        (tarfile.GNUTYPE_LONGNAME, bytes(2 << 20), "an extended header of 2,097,152 bytes"),
    ],
)
def test_an_extended_header_of_nonsense_ends_a_tar(
    tmp_path: Path, kind: bytes, data: bytes, said: str
) -> None:
    rows = read(tmp_path, "tar", tarred((special("x", kind)[0], data), ("a.png", b"a")))
    assert list(rows) == [""]
    assert said in str(rows[""])


@pytest.mark.parametrize("ending", ["tar.gz", "tar.zst"])
def test_damage_at_the_very_end_is_found(tmp_path: Path, ending: str) -> None:
    pack = zstandard.ZstdCompressor(write_checksum=True).compress
    content = bytearray((pack if ending == "tar.zst" else gzip.compress)(tarred(("a.png", b"a"))))
    content[-8 if ending == "tar.gz" else -1] ^= 1  # of the checksum
    rows = read(tmp_path, ending, bytes(content))
    assert rows["a.png"] == b"a"
    assert str(rows[""]).startswith("damaged")


def test_of_a_name_without_end_the_end_is_shown(tmp_path: Path) -> None:
    name = "x" * 200_000 + ".png"
    rows = read(tmp_path, "tar", tarred((name, b"a"), ("b.png", b"b")))
    (long, why), *rest = rows.items()
    assert len(long) < 5000
    assert "a name of 200,004 letters" in str(why)
    assert [image for _, image in rest] == [b"b"]
