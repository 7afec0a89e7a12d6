"""The images in an archive are rows in stored order, and whatever a hostile one holds is refused in
its place, without an exception, a bomb or a file on disk."""

import errno
import gzip
import io
import os
import re
import struct
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.support.files import tarred, zipped
from tinydigits import Limits
from tinydigits.errors import MissingExtra
from tinydigits.items import Item, Skipped
from tinydigits.sources import Opening, open_inputs
from tinydigits.sources.archives import SMALL_MEMBER, members
from tinydigits.sources.tars import SMALL_TAR

DEFLATED = zipfile.ZIP_DEFLATED
Rows = dict[str, bytes | str]
PACK: dict[str, Callable[[bytes], bytes]] = {
    "tar": lambda data: data,
    "tar.gz": gzip.compress,
    "tgz": gzip.compress,
    "tar.zst": zstandard.compress,
}


def read(folder: Path, ending: str, content: bytes, limits: Limits | None = None) -> Rows:
    """What is read by its name in the archive ("" for the archive itself), errors as text."""
    path = folder / f"a.{ending}"
    path.write_bytes(content)
    found = {}
    for name, image, _ in members(str(path), limits or Limits(), Skipped()):
        inside = str(name).removeprefix(str(path)).removeprefix("/")
        found[inside] = image if isinstance(image, bytes) else str(image)
    return found


def packed(ending: str, *files: tuple[str, bytes]) -> bytes:
    return zipped(*files) if ending == "zip" else PACK[ending](tarred(*files))


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


def patched(archive: bytes, field: int, value: bytes, which: int = 0) -> bytes:
    """With one field of an entry of a zip's central directory replaced."""
    at = [entry.start() for entry in re.finditer(b"PK\1\2", archive)][which]
    return archive[: at + field] + value + archive[at + field + len(value) :]


def renumbered(archive: bytes, size: bytes) -> bytes:
    """With another size in the first header of a tar."""
    header = bytearray(archive[:512])
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + archive[512:]


FILES = (
    ("b/10.png", b"ten"),
    ("b/2.PNG", b"two"),
    ("./c.jpg", b""),
    *((name, b"no") for name in ("notes.txt", ".git/a.png", "b/._2.PNG", "__MACOSX/2.png")),
    ("folder.png/", b""),
    ("ü\n.png", b"umlaut"),
)


@pytest.mark.parametrize("ending", ["zip", *PACK])
def test_the_images_come_in_stored_order_and_the_rest_is_counted(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"all.{ending.upper()}"
    path.write_bytes(packed(ending, *FILES))
    skipped = Skipped()
    items = list(open_inputs([str(path)], Opening(Limits(), skipped, io.BytesIO)))
    expected = [("b/10.png", b"ten"), ("b/2.PNG", b"two"), ("./c.jpg", b""), ("ü\n.png", b"umlaut")]
    assert items == [Item(f"{path}/{name}", data) for name, data in expected]
    assert (skipped["hidden"], skipped["other file"]) == (3, 1)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_dialect_gives_what_tarfile_reads(tmp_path: Path, form: int) -> None:
    names = ["a.png", "d" * 90 + "/" + "e" * 90 + ".png", "x" * 99 + "/y.png"]
    if form != tarfile.USTAR_FORMAT:
        names += [
            "long/" * 60 + "0.png",
            "ünder" * 40 + ".png",
            os.fsdecode(b"\xff.png"),
            "n" * 250 + ".png",
        ]
    content = tarred(*((name, name.encode("utf-8", "replace")) for name in names), form=form)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        known = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    assert list(known) == names
    assert read(tmp_path, "tar", content) == known


def test_a_size_in_a_pax_header_or_in_base_256_is_the_size(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {"size": "3"}
    pax = tarred((info, b"abc"), ("b.png", b"b"), form=tarfile.PAX_FORMAT)
    assert read(tmp_path, "tar", pax) == {"a.png": b"abc", "b.png": b"b"}
    gnu = renumbered(tarred(("a.png", b"abc")), b"\x80" + (3).to_bytes(11, "big"))
    assert read(tmp_path, "tar", gnu) == {"a.png": b"abc"}


def test_members_of_a_tar_that_are_no_honest_files_are_refused(tmp_path: Path) -> None:
    content = tarred(
        special("soft.png", tarfile.SYMTYPE, "/etc/passwd"),
        special("hard.png", tarfile.LNKTYPE, "a.png"),
        *(special("device.png", tarfile.CHRTYPE), special("volume.png", b"V")),
        *(special("fifo.png", tarfile.FIFOTYPE), special("fifo", tarfile.FIFOTYPE)),
        *(("../up.png", b"up"), ("/abs.png", b"abs"), ("a.png", b"a")),
    )
    assert read(tmp_path, "tar", content) == {
        "soft.png": "a link",
        "hard.png": "a hard link",
        "device.png": "a device",
        "fifo.png": "a FIFO",
        "volume.png": "a member of kind b'V'",
        "../up.png": "a member whose path climbs out",
        "/abs.png": "a member with an absolute path",
        "a.png": b"a",
    }
    skipped = Skipped()
    assert len(list(members(str(tmp_path / "a.tar"), Limits(), skipped))) == 8
    assert skipped == Skipped({"other file": 1})
    link = renumbered(tarred(special("a.png", tarfile.LNKTYPE)), b"%011o" % 100 + bytes(1))
    assert read(tmp_path, "tar", link) == {"a.png": "a hard link"}  # of which no data is stored


@pytest.mark.parametrize("dialect", ["gnu", "pax"])
def test_a_sparse_member_is_refused_and_the_next_is_read(tmp_path: Path, dialect: str) -> None:
    if dialect == "pax":
        info = tarfile.TarInfo("GNUSparseFile.0/x")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "s.png"}
        content = tarred((info, b"1\n0\n0\n"), ("a.png", b"a"), form=tarfile.PAX_FORMAT)
    else:
        whole = tarred(special("s.png", tarfile.GNUTYPE_SPARSE), ("a.png", b"a"))
        header = bytearray(whole[:512])
        header[482] = 1  # the map of its holes goes on in another block
        content = renumbered(bytes(header), whole[124:136]) + bytes(512) + whole[512:]
    assert read(tmp_path, "tar", content) == {"s.png": "a sparse file", "a.png": b"a"}


def test_members_of_a_zip_that_are_no_honest_files_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    content = zipped(
        ("secret.png", b"s"), (link, b"/etc/passwd"), ("../up.png", b"u"), ("/abs.png", b"a"),
        ("C:\\abs.png", b"a"), ("version.png", b"v"), ("crc.png", b"c"), ("a.png", b"a"),
    )  # fmt: skip
    content = patched(patched(content, 8, b"\1\0"), 10, struct.pack("<H", 97), which=5)
    content = patched(content, 16, b"\0\0\0\0", which=6)
    rows = read(tmp_path, "zip", content)
    assert "Bad CRC-32" in str(rows.pop("crc.png"))
    assert rows == {
        "secret.png": "encrypted",
        "link.png": "a link",
        "../up.png": "a member whose path climbs out",
        "/abs.png": "a member with an absolute path",
        "C:\\abs.png": "a member with an absolute path",
        "version.png": "compressed by method 97: only 0 and 8 (deflate) are read",
        "a.png": b"a",
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bounds_are_refused(tmp_path: Path, method: int) -> None:
    rows = read(tmp_path, "zip", zipped(("a.png", bytes(100)), method=method))
    assert f"method {method}" in str(rows["a.png"])


@pytest.mark.parametrize("ending", ["zip", *PACK])
def test_a_member_over_the_limit_is_refused(tmp_path: Path, ending: str) -> None:
    content = packed(ending, ("big.png", bytes(101)), ("fits.png", bytes(100)))
    rows = read(tmp_path, ending, content, Limits(max_bytes=100))
    why = "101 bytes, over the limit of 100 (--max-bytes)"
    assert rows == {"big.png": why, "fits.png": bytes(100)}


@pytest.mark.parametrize("ending", ["zip", "npz"])
def test_a_zip_of_a_million_members_is_refused_before_its_directory_is_read(
    tmp_path: Path, ending: str
) -> None:
    count, entry = 1_000_000, b"PK\1\2" + bytes(42)
    record = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, count * len(entry), 0)
    end = b"PK\6\6" + record + b"PK\6\7" + struct.pack("<IQI", 0, count * len(entry), 1)
    end += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(entry * count + end)
    tracemalloc.start()
    items = open_inputs([str(path)], Opening(Limits(), Skipped()))
    (item,) = items
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(item, Item)
    assert "a directory of 46,000,000 bytes, over the limit of 33,554,432" in str(item.image)
    assert peak < 1_000_000


def test_a_zip_bomb_is_refused_and_a_small_blank_picture_is_not(tmp_path: Path) -> None:
    content = zipped(("bomb.bmp", bytes(SMALL_MEMBER + 1)), ("bl.bmp", bytes(SMALL_MEMBER)))
    rows = read(tmp_path, "zip", content)
    assert str(rows["bomb.bmp"]).startswith("a bomb: 1,0")
    assert rows["bl.bmp"] == bytes(SMALL_MEMBER)


@pytest.mark.parametrize("ending", ["tar.gz", "tar.zst"])
def test_a_tar_bomb_ends_with_its_archive(tmp_path: Path, ending: str) -> None:
    blank = tarred(("a.bmp", bytes(1 << 20)))[:-10240] * 8
    assert len(blank) < SMALL_TAR
    path = tmp_path / f"bomb.{ending}"
    path.write_bytes(PACK[ending](blank) * (2 * SMALL_TAR // len(blank)))
    *rows, last = ((name, str(why)[:6]) for name, why, _ in members(str(path), Limits(), Skipped()))
    assert last == (str(path), "a bomb")
    assert len(rows) <= SMALL_TAR >> 20


@pytest.mark.parametrize(("size", "said"), [(1, "Bad CRC-32"), (5000, "truncated: 3,000 of 5,000")])
def test_a_zip_that_lies_about_a_size_is_found_out(tmp_path: Path, size: int, said: str) -> None:
    content = zipped(("lie.png", os.urandom(3000)), ("a.png", b"a"))
    rows = read(tmp_path, "zip", patched(content, 24, struct.pack("<I", size)))
    assert said in str(rows["lie.png"])
    assert rows["a.png"] == b"a"


def test_members_that_a_damaged_directory_hides_are_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    data = bytearray(zipped(*((name, b"x") for name in ("1.png", "2.png", "3.png"))))
    second = data.find(b"PK\1\2", data.find(b"PK\1\2") + 1)
    data[second + 28 : second + 30] = b"\xff\x00"  # its name would reach over what follows
    path.write_bytes(data)
    items = list(members(str(path), Limits(), Skipped()))
    assert items[0].name == f"{path}/1.png"
    assert items[-1].name == str(path)
    assert str(items[-1].image) == "damaged: 2 members found, 3 promised"


@pytest.mark.parametrize("cut", [None, 30])
def test_members_that_no_directory_lists_are_missed(tmp_path: Path, cut: int | None) -> None:
    first, second = zipped(("a.png", b"a")), zipped(("b.png", b"b"))
    rows = read(tmp_path, "zip", first + second[:cut])
    assert str(rows.pop("")).startswith("damaged: its directory does not list")
    assert rows == ({"b.png": b"b"} if cut is None else {"a.png": b"a"})


def test_what_an_honest_zip_has_around_its_members_is_no_damage(tmp_path: Path) -> None:
    content = io.BytesIO(b"#!/bin/sh\n")
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("a.png", b"a")
        archive.comment = b"a comment"
    assert read(tmp_path, "zip", content.getvalue() + bytes(4096)) == {"a.png": b"a"}


def test_a_number_of_members_that_needs_zip64_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    content = bytearray(zipped(("a.png", b"a"), ("b.png", b"b")))
    content[-22 + 8 : -22 + 12] = b"\xff" * 4  # as where there are 65,535 and more
    assert read(tmp_path, "zip", bytes(content)) == {"a.png": b"a", "b.png": b"b"}
    content[content.rindex(b"PK\6\6") + 32] ^= 1
    assert "2 members found, 3 promised" in str(read(tmp_path, "zip", bytes(content))[""])


def test_a_zip_without_a_file_is_a_row(tmp_path: Path) -> None:
    assert read(tmp_path, "zip", zipped()) == {"": "it holds no file"}
    assert read(tmp_path, "zip", zipped(("notes.txt", b""), ("notes/", b""))) == {}


def test_a_zip_whose_directory_misspells_its_only_picture_is_a_row(tmp_path: Path) -> None:
    content = patched(zipped(("a.png", b"a")), 46, b"a.pnf")
    assert "differ" in str(read(tmp_path, "zip", content)[""])


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    content = zipped(*((f"{n}.png", b"x" * 100) for n in range(3)), method=zipfile.ZIP_STORED)
    reaching = patched(content, 20, struct.pack("<I", 200))  # into the second member
    images = list(read(tmp_path, "zip", reaching).values())
    assert "reaches into the next" in str(images[0])
    assert images[1:] == [b"x" * 100] * 2
    shared = patched(content, 42, bytes(4), which=1)  # the first member's own place
    images = list(read(tmp_path, "zip", shared).values())
    assert ["reaches into" in str(image) for image in images] == [True, True, False]


@pytest.mark.parametrize("field", [20, 24, 30, 42])
def test_a_zip_directory_of_nonsense_gives_rows(tmp_path: Path, field: int) -> None:
    content = patched(zipped(("a.png", b"a"), ("b.png", b"b")), field, b"\xff\xff")
    assert any(isinstance(row, str) for row in read(tmp_path, "zip", content).values())


@pytest.mark.parametrize("ending", ["zip", *PACK])
def test_an_archive_that_is_none_is_one_row(tmp_path: Path, ending: str) -> None:
    for content in (b"", b"x", b"no archive at all " * 100, b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"):
        ((name, why),) = read(tmp_path, ending, content).items()
        assert name == ""
        assert isinstance(why, str)


def test_what_is_no_file_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:  # root, who may run the tests, is never refused
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    (tmp_path / "shut.zip").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo.tar")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "link.tar").symlink_to("/dev/zero")
    expected = dict.fromkeys(["fifo.tar", "folder.zip", "link.tar"], "not a regular file")
    expected["shut.zip"] = "Permission denied"
    expected |= {"missing.zip": "No such file or directory", "nul\0.zip": "embedded null byte"}
    for name, said in expected.items():
        (item,) = members(str(tmp_path / name), Limits(), Skipped())
        assert (item.name, str(item.image)) == (str(tmp_path / name), said)


def test_without_zstandard_the_command_to_get_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed("tar.zst", ("a.png", b"a"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtra, match=r"tinydigits\[zstd\]"):
        read(tmp_path, "tar.zst", content)


@pytest.mark.linux
@pytest.mark.parametrize("ending", ["zip", *PACK])
def test_all_is_closed_early(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(packed(ending, *((f"{n}.png", b"x") for n in range(10))))
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - a listing of the moment
    reading = members(str(path), Limits(), Skipped())
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
