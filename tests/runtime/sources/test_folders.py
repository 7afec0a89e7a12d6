"""Every named input and every image below a folder is one Item, in natural order, and nothing that
is no regular file is ever opened."""

import io
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.files import encoded
from tinydigits.bounds import Limits
from tinydigits.cli.summary import skipped_text
from tinydigits.errors import SourceError
from tinydigits.items import Skipped
from tinydigits.names import ENDINGS, Kind, natural_key
from tinydigits.sources import Opening, open_inputs
from tinydigits.sources.folders import walked


def names(inputs: list[str], skipped: Skipped | None = None, stdin: bytes = b"") -> list[str]:
    items = open_inputs(
        inputs,
        Opening(Limits(), Skipped() if skipped is None else skipped, lambda: io.BytesIO(stdin)),
    )
    return [str(item.name) for item in items]


def names_in(folder: str) -> list[str]:
    return [each if isinstance(each, str) else str(each.name) for each in walked(folder, Skipped())]


def touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def test_numbers_in_names_sort_by_value() -> None:
    shuffled = ["b", "a10.png", "a2.png", "a02.png", "a1b3", "a1b20", "10", "9"]
    expected = ["9", "10", "a1b3", "a1b20", "a02.png", "a2.png", "a10.png", "b"]
    assert sorted(shuffled, key=natural_key) == expected
    assert sorted(["9" * 5000, "8" * 5000, "9" * 4999], key=natural_key)[0] == "9" * 4999


@given(st.lists(st.text("ab0129/. ", max_size=9)))
def test_the_order_is_that_of_texts_and_numbers_in_turn(names: list[str]) -> None:
    def parts(name: str) -> tuple[list[str | int], str]:
        split = re.split("([0-9]+)", name)
        return [int(each) if at % 2 else each for at, each in enumerate(split)], name

    assert sorted(names, key=natural_key) == sorted(names, key=parts)


def test_a_folder_is_walked_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "10.png", "2.png", "sub10/1.JPG", "sub9/5.tiff", "sub9/deep/0.webp")
    found = [os.path.relpath(name, tmp_path) for name in names([str(tmp_path)])]
    assert found == ["2.png", "10.png", "sub9/5.tiff", "sub9/deep/0.webp", "sub10/1.JPG"]


def test_a_folder_nested_thousands_deep_is_walked(tmp_path: Path) -> None:
    here = os.getcwd()  # noqa: PTH109 - a path this long has no absolute form
    os.chdir(tmp_path)
    try:
        for _ in range(1500):
            os.mkdir("d")  # noqa: PTH102
            os.chdir("d")
        touch(Path(), "a.png")
    finally:
        os.chdir(here)
    touch(tmp_path, "b.png")
    found = names([str(tmp_path)])
    assert found[0] == str(tmp_path / "b.png")
    assert len(found) == 2
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # too deep for pytest


@pytest.mark.parametrize("name", ["{}.png", "{}", ".{}.png", "{}.jp2", "{}.pdf", "a{}.TIFF"])
def test_names_that_differ_in_digits_alone_are_walked_as_any_others(
    name: str, tmp_path: Path
) -> None:
    """Whatever has such a name: a file, a folder, a pipe, or a link to one of them or to none."""
    for folder in (tmp_path / "alike", tmp_path / "others"):
        folder.mkdir()
        paths = [folder / name.format(digit) for digit in range(9)]
        touch(folder, *(path.name for path in paths[:5:2]))
        paths[1].mkdir()
        touch(paths[1], "1.png", "2.png")
        os.mkfifo(paths[3])
        for link, to in zip(paths[5:], (*paths[:4:2], paths[1], folder / "none"), strict=True):
            link.symlink_to(to)
    touch(tmp_path / "others", "not alike.txt")
    found = []
    for kind, more in (("alike", 0), ("others", 1)):
        skipped = Skipped({"other file": -more})
        items = list(walked(str(tmp_path / kind), skipped))
        found.append((str(items).replace(kind, ""), +skipped))
    assert found[0] == found[1]


def test_what_is_skipped_text_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", ".hidden.png", ".git/b.png", "notes.txt")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    skipped = Skipped()
    assert len(names([str(tmp_path)], skipped)) == 1
    assert skipped == Skipped({"hidden": 2, "other file": 2, "link to a folder": 1})


# Kinds of which a name says something, and how they are counted.
NOT_WALKED = {
    "video": ("a.mp4", "B.MOV", "c.avi"),
    "raw photograph": ("a.dng", "b.CR2"),
    "JPEG XL picture": ("a.jxl", "b.JXL"),
    "picture of another format": ("b.psd", "c.jp2", "d.ico"),
    "drawing": ("a.svg", "b.eps"),
    "document": ("a.docx", "b.odt", "c.xlsx"),
    "archive": ("a.zip", "b.7z", "c.rar", "d.tar.gz"),
    "file of arrays": ("a.npy",),
    "other file": ("a.txt", "README", "mp4", "b.", "Thumbs.db"),
    "hidden": (".DS_Store", "__MACOSX/a.png"),
}


def test_what_a_walk_skips_is_counted_by_kind(tmp_path: Path) -> None:
    for kind, paths in NOT_WALKED.items():
        touch(tmp_path, *(path if kind == "hidden" else f"{kind}/{path}" for path in paths))
    skipped = Skipped()
    assert names([str(tmp_path)], skipped) == []
    assert skipped == Skipped({kind: len(paths) for kind, paths in NOT_WALKED.items()})
    assert skipped_text(Skipped({"video": 1, "hidden": 2, "other file": 1, "drawing": 0})) == (
        " · skipped: 1 video, 2 hidden, 1 other file"
    )
    text = skipped_text(Skipped({**dict.fromkeys(NOT_WALKED, 1000), "link to a folder": 2}))
    assert text == (
        " · skipped: 1,000 videos, 1,000 raw photographs, 1,000 JPEG XL pictures, "
        "1,000 pictures of other formats, 1,000 drawings, 1,000 documents, 1,000 archives, "
        "1,000 files of arrays, 1,000 hidden, 2 links to folders, 1,000 other files"
    )


def test_every_ending_of_a_picture_is_walked(tmp_path: Path) -> None:
    endings = [*ENDINGS[Kind.PICTURE], *ENDINGS[Kind.DOCUMENT]]
    touch(tmp_path, *(f"a{ending}" for ending in endings), *(f"B{e.upper()}" for e in endings))
    assert len(names([str(tmp_path)])) == 2 * len(endings)


def test_links_to_files_are_followed_and_broken_ones_are_rows(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "in" / "a.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "gone")
    found = {Path(name).name for name in names([str(tmp_path)])}
    assert found == {"a.png", "link.png", "broken.png"}


def test_a_named_file_is_an_input_whatever_its_ending(tmp_path: Path) -> None:
    touch(tmp_path, "scan.dat", ".hidden")
    inputs = [str(tmp_path / name) for name in ("scan.dat", ".hidden", "missing.png")]
    assert names(inputs) == inputs


def test_a_list_gives_one_item_a_line() -> None:
    listed = names(["-"], stdin=b"b.png\r\na.png\n\n some name .png\n\xff.png")
    assert listed == ["b.png", "a.png", " some name .png", os.fsdecode(b"\xff.png")]


class Slow(io.BytesIO):
    """Gives one byte at a time."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(1 if size else 0)


@pytest.mark.parametrize("stream", [io.BytesIO, Slow])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_a_list_that_windows_has_written_is_read(encoding: str, stream: type[io.BytesIO]) -> None:
    expected = ["b.png", "sub\\ü 数.png", "c.png"]
    for text in ("\r\n".join(expected), "\n".join([*expected, ""])):
        mark = "\ufeff" if "16" in encoding else ""
        lines = stream((mark + text).encode(encoding))
        opening = Opening(Limits(), Skipped(), lambda lines=lines: lines)  # type: ignore[misc]
        assert [item.name for item in open_inputs(["-"], opening)] == expected


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_of_utf_16_needs_no_mark(encoding: str) -> None:
    expected = ["sub\\b.png", "ü 数.png"]
    assert names(["-"], stdin="\r\n".join(expected).encode(encoding)) == expected
    assert names(["-"], stdin=b"1\x002\x00./a\0") == ["1", "2", "./a"]


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "PDF"])
def test_a_picture_in_place_of_a_list_is_called_one(format_: str) -> None:
    picture = encoded(Image.new("RGB", (30, 30)), format_)
    with pytest.raises(SourceError, match=f"this is a {format_} itself: name it"):
        names(["-"], stdin=picture)
    with pytest.raises(SourceError, match="this is a JPEG XL picture itself: name it"):
        names(["-"], stdin=b"\xff\x0a\xba\x5d")


def test_names_that_begin_like_pictures_are_names() -> None:
    assert names(["-"], stdin=b"BM.png\nP5 a.png") == ["BM.png", "P5 a.png"]


def test_a_folder_that_cannot_be_listed_is_one_item(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert names_in(gone) == [gone]


def test_names_that_differ_in_digits_alone_are_in_order_too(tmp_path: Path) -> None:
    for number in (10, 9, 11, 2):
        (tmp_path / f"scan-{number:03}.png").touch()
    found = [Path(name).name for name in names_in(str(tmp_path))]
    assert found == ["scan-002.png", "scan-009.png", "scan-010.png", "scan-011.png"]
