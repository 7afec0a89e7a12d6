"""Every named input and every image below a folder is one Item, in natural order, and nothing that
is no regular file is ever opened."""

import io
import os
import re
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tinydigits.images import Limits
from tinydigits.items import Skipped
from tinydigits.names import natural_key
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


def test_what_is_skipped_text_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", ".hidden.png", ".git/b.png", "notes.txt")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    skipped = Skipped()
    assert len(names([str(tmp_path)], skipped)) == 1
    assert skipped == Skipped({"hidden": 2, "other file": 2, "link to a folder": 1})


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


def test_a_folder_that_cannot_be_listed_is_one_item(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert names_in(gone) == [gone]


def test_names_that_differ_in_digits_alone_are_in_order_too(tmp_path: Path) -> None:
    for number in (10, 9, 11, 2):
        (tmp_path / f"scan-{number:03}.png").touch()
    found = [Path(name).name for name in names_in(str(tmp_path))]
    assert found == ["scan-002.png", "scan-009.png", "scan-010.png", "scan-011.png"]
