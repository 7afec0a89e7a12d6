"""A table of truths is taken as people write it, and refused with the line that is wrong."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.support.files import zipped
from tinydigits import SourceError
from tinydigits.bounds import Limits
from tinydigits.errors import ImageError
from tinydigits.items import Item, Skipped
from tinydigits.sources import Opening
from tinydigits.sources.truths import pictures, read_truths

OPENING = Opening(Limits(), Skipped())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a picture in it, and two pictures in another folder."""
    for name in ("here.png", "other/a.png", "other/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(text: str | bytes, name: str = "truth.csv") -> str:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


@pytest.mark.parametrize(
    "text",
    [
        "here.png,3\nother/a.png,12\n",
        "file,truth\nhere.png,3\nother/a.png,12",
        'File,Truth\r\n\r\nhere.png, 3 \r\n"other/a.png","12"\r\n',
        "file\ttruth\nhere.png\t3\nother/a.png\t12\n",
        "file;truth\nhere.png;3\nother/a.png;12\n",
        "label,score,path\n3,0.5,here.png\n12,0.9,other/a.png\n",
        "\ufefffile,truth\nhere.png,3\nother/a.png,12\n",
        "\ufeffhere.png,3\n\ufeffother/a.png,12\n",
        "file\ttruth\nhere.png\t3\nother/a.png\t12\n".encode("utf-16"),
        "here.png,3\nother/a.png,12\nhere.png,3\n",
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_table_is_taken_as_people_and_programs_write_it(text: str | bytes) -> None:
    assert read_truths(table(text)).texts == {"here.png": "3", "other/a.png": "12"}


def test_files_are_beside_the_table_or_in_the_working_directory(folder: Path) -> None:
    """A file beside the table comes first; a folder that is named comes before both."""
    (folder / "other" / "here.png").touch()
    name = table("here.png,1\na.png,2\n", "other/truth.csv")
    assert read_truths(name).texts == {"other/here.png": "1", "other/a.png": "2"}
    name = table(f"here.png,1\nother/b.png,2\n{folder}/other/a.png,3\n", "../truth.csv")
    expected = {"here.png": "1", "other/b.png": "2", f"{folder}/other/a.png": "3"}
    assert read_truths(name).texts == expected
    assert next(iter(read_truths(name, "other").texts)) == "other/here.png"


def test_names_need_not_be_utf_8(folder: Path) -> None:
    name = os.fsdecode(b'\xff,".png')
    (folder / name).touch()
    assert read_truths(table(b'"\xff,"".png",7\n')).texts == {name: "7"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "truth.csv: is empty; each line needs a file and its truth"),
        ("here.png,\n", "truth.csv: line 1: here.png: has no truth"),
        ("file,truth\n\n,3\n", "line 3: : has no file"),
        ("here.png,3\nhere.png,4\n", "line 2: here.png: has the truth 4, but 3 further up"),
        ("file,class\nhere.png,3\n", "header row names no column truth or label, but file, class"),
        ("non.png,3\nno.png,3\nhere.png,3", r"non.png and 1 more of its files: no such file in ."),
        ("\x1b[2J.png,3", r"truth.csv: \\x1b\[2J.png: no such file"),
        ("other,3", "other: no such file"),
        (f"{'x' * 5000},3", "xxx: no such file"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_read(text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read_truths(table(text))


def test_pictures_in_archives_and_arrays_have_truths_too(folder: Path) -> None:
    names = ("in/1.png", "in/2.png", "in/3.png")
    (folder / "a.zip").write_bytes(zipped(*((name, name.encode()) for name in names)))
    np.save(
        folder / "all.npy", np.arange(5, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2)
    )
    text = "a.zip/in/3.png,3\na.zip/in/9.png,9\nall.npy/4,4\nhere.png,1\na.zip/in/1.png,1\n"
    truths = read_truths(table(text))
    assert truths.inputs == ("a.zip", "all.npy", "here.png")
    found = {item.name: item.image for item in pictures(truths, OPENING) if isinstance(item, Item)}
    first = ["a.zip/in/1.png", "a.zip/in/3.png", "all.npy/4", "here.png"]
    assert [*found] == [*first, "a.zip/in/9.png"]
    assert np.array_equal(np.asarray(found["all.npy/4"]), np.full((28, 28), 4))
    assert isinstance(found["a.zip/in/9.png"], ImageError)
