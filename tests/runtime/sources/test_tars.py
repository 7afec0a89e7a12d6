"""A damaged tar gives what is whole in it, and a row for the damage: nothing is lost in silence."""

import gzip
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from tests.runtime.sources.test_archives import PACK, read, renumbered, special
from tests.support.files import tarred


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


@pytest.mark.parametrize("ending", PACK)
def test_archives_one_after_the_other_are_read_as_one(tmp_path: Path, ending: str) -> None:
    first, second = tarred(("a.png", b"a")), tarred(("b.png", b"b"), ("c.png", b""))
    both = {"a.png": b"a", "b.png": b"b", "c.png": b""}
    assert read(tmp_path, ending, PACK[ending](first) + PACK[ending](second)) == both
    assert read(tmp_path, ending, PACK[ending](first + second)) == both


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("kept", [1, 5, 20, 60])
def test_a_second_archive_that_is_cut_short_is_a_row(
    tmp_path: Path, ending: str, kept: int
) -> None:
    first, second = (PACK[ending](tarred((name, os.urandom(90)))) for name in ("a.png", "b.png"))
    rows = read(tmp_path, ending, first + second[:kept])
    assert list(rows) == ["a.png", ""]
    assert str(rows[""]).startswith(("truncated", "damaged"))


@pytest.mark.parametrize(
    ("place", "blocks", "said"),
    [
        (0, 1, "a wrong checksum"),  # a header: its data come instead
        (1024, 2, "zeros in the place of a header: members may be lost"),  # a picture as a whole
        (2048, 1, "zeros in the place of a header: members may be lost"),  # a header without data
        (3584, 1, "an extended header without its member"),
    ],
)
def test_a_header_of_zeros_is_a_row_and_what_follows_is_read(
    tmp_path: Path, place: int, blocks: int, said: str
) -> None:
    long = "3" * 200 + ".png"
    files = (("0.png", b"0"), ("1.png", b"1"), ("2.png", b""), (long, b"3"), ("4.png", b"4"))
    content = tarred(*files)
    zeroed = content[:place] + bytes(512 * blocks) + content[place + 512 * blocks :]
    rows = read(tmp_path, "tar", zeroed)
    assert rows[""] == f"damaged: {said}"
    assert (len(rows), rows["4.png"]) == (5, b"4")  # the four others, and the row


def test_an_extended_header_without_its_member_is_a_row(tmp_path: Path) -> None:
    one, two = (tarred((letter * 200 + ".png", b"")) for letter in "ab")
    rows = read(tmp_path, "tar", one[:1024] + two)  # a long name, and no member of that name
    assert rows == {"": "damaged: an extended header without its member", "b" * 200 + ".png": b""}
    rows = read(tmp_path, "tar", one[:512] + bytes(512) * 3)  # its data and its member are zeros
    assert rows == {"": "damaged: an extended header without its member"}


def test_a_lone_block_of_zeros_loses_nothing(tmp_path: Path) -> None:
    content = tarred(("a.png", b"a"), ("b.png", b"b"))
    rows = read(tmp_path, "tar", content[:1024] + bytes(512) + content[1024:])
    assert (rows["a.png"], rows["b.png"]) == (b"a", b"b")
    assert "zeros in the place of a header" in str(rows[""])


@pytest.mark.parametrize("content", [bytes(512), bytes(10240), tarred()])
def test_an_archive_without_a_file_is_a_row(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, "tar", content) == {"": "it holds no file"}
