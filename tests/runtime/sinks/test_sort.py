"""Each picture comes into the folder of its class, nothing is overwritten or lost, nothing leaves
the sort folder."""

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinydigits import Prediction, SinkError
from tinydigits.errors import ImageError
from tinydigits.items import Chunk
from tinydigits.judging import Answers, Status
from tinydigits.reading import Reading
from tinydigits.sinks.move_log import LOG
from tinydigits.sinks.sort import LABEL_BYTES, SortBy, Sorter, class_folder, sort_sink
from tinydigits.sinks.unsort import unsort

NOT_UTF8 = os.fsdecode(b"not-utf8-\xff")


pytestmark = pytest.mark.usefixtures("in_tmp_path")


def answers(*read: tuple[str | None, str], images: Any = None) -> Answers:
    """What was read: names and labels; `?` is uncertain and `!` an error."""
    statuses = {"?": Status.UNCERTAIN, "!": Status.ERROR}
    predictions = [
        Prediction(
            name, None if label in statuses else label, 1.0, statuses.get(label, Status.OK), None
        )
        for name, label in read
    ]
    names = [name for name, _ in read]
    paths: Any = names
    chunk = Chunk(names, paths if images is None else images)
    return Answers(chunk, Reading(np.zeros((len(names), 10), np.float32), {}), predictions)


def touch(*names: str) -> None:
    """Files that hold their own names."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(os.fsencode(name))


def held(folder: str = "out") -> dict[str, str]:
    """What the files in a folder hold, without its log."""
    return {
        str(path.relative_to(folder)): os.fsdecode(path.read_bytes())
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name != LOG
    }


def sort(
    by: SortBy, inputs: tuple[str, ...], *read: tuple[str | None, str], images: Any = None
) -> Sorter:
    with sort_sink("out", by, inputs) as sorter:
        sorter(answers(*read, images=images))
    return sorter


def log_lines() -> list[dict[str, str]]:
    return [json.loads(line) for line in Path("out", LOG).read_bytes().splitlines()]


@pytest.mark.parametrize("by", ["copy", "link", "move"])
def test_pictures_go_into_the_folders_of_their_classes(by: SortBy) -> None:
    touch("scans/a/b.png", "scans/c.png", "scans/d.png")
    sorter = sort(
        by, ("scans",), ("scans/a/b.png", "7"), ("scans/c.png", "?"), ("scans/d.png", "!")
    )
    assert held() == {
        "7/a/b.png": "scans/a/b.png",
        "_uncertain/c.png": "scans/c.png",
        "_unreadable/d.png": "scans/d.png",
    }
    assert sorter.failed == []
    assert Path("scans/a/b.png").exists() is (by != "move")
    assert Path("out/7/a/b.png").is_symlink() is (by == "link")


def test_links_are_absolute() -> None:
    touch("scans/a.png")
    sort("link", ("scans",), ("scans/a.png", "7"))
    assert Path("out/7/a.png").readlink() == Path.cwd() / "scans/a.png"


@pytest.mark.parametrize("by", ["copy", "move"])
def test_times_are_kept(by: SortBy) -> None:
    touch("a.png")
    os.utime("a.png", ns=(10**18, 10**18))
    sort(by, ("a.png",), ("a.png", "7"))
    assert Path("out/7/a.png").stat().st_mtime_ns == 10**18


@pytest.mark.parametrize(
    ("inputs", "name", "expected"),
    [
        (("scans",), "scans/a/b.png", "a/b.png"),
        (("scans/",), "scans/a/b.png", "a/b.png"),
        (("scans", "scans/a"), "scans/a/b.png", "a/b.png"),  # a: the longest, by its base name
        (("scans", "more"), "scans/a/b.png", "scans/a/b.png"),
        (("scans", "x.png"), "scans/a/b.png", "a/b.png"),
        ((".",), "./scans/a/b.png", "scans/a/b.png"),
        (("scans/a/b.png",), "scans/a/b.png", "b.png"),
        (("-",), "scans/a/b.png", "scans/a/b.png"),
        (("-",), "scans/../scans//a/./b.png", "scans/scans/a/b.png"),
        (("-", "scans"), "scans/a/b.png", "a/b.png"),
    ],
)
def test_the_path_below_the_input_is_kept(
    inputs: tuple[str, ...], name: str, expected: str, tmp_path: Path
) -> None:
    touch("scans/a/b.png")
    Path("more").mkdir()
    folder = str(tmp_path.parent / f"{tmp_path.name}-sorted")
    with sort_sink(folder, "copy", inputs) as sorter:
        sorter(answers((name, "7")))
    assert held(folder) == {f"7/{expected}": "scans/a/b.png"}


def test_absolute_names_in_a_list_stay_below_the_sort_folder(tmp_path: Path) -> None:
    touch("a.png")
    sort("copy", ("-",), (str(tmp_path / "a.png"), "7"))
    assert list(held()) == [f"7{tmp_path}/a.png"]


@pytest.mark.parametrize("by", ["copy", "link", "move"])
def test_names_never_collide_and_nothing_is_overwritten(by: SortBy) -> None:
    touch("x/a.png", "y/a.png", "z/a.png", "out/7/a.png", "out/7/a~3.png")
    inputs = ("x/a.png", "y/a.png", "z/a.png")
    sort(by, inputs, *((name, "7") for name in inputs))
    assert held() == {
        "7/a.png": "out/7/a.png",
        "7/a~2.png": "x/a.png",
        "7/a~3.png": "out/7/a~3.png",
        "7/a~4.png": "y/a.png",
        "7/a~5.png": "z/a.png",
    }


def test_a_broken_link_in_the_way_is_not_written_through() -> None:
    touch("a.png")
    Path("out/7").mkdir(parents=True)
    Path("out/7/a.png").symlink_to("../../elsewhere.png")
    sort("copy", ("a.png",), ("a.png", "7"))
    assert not Path("elsewhere.png").exists()
    assert Path("out/7/a~2.png").read_text() == "a.png"


def test_a_file_and_a_folder_of_one_name_both_find_a_place() -> None:
    touch("x/n.png", "y/n.png/a.png", "y/sub/b.png", "z/sub")
    read = [("x/n.png", "7"), ("y/n.png/a.png", "7"), ("y/sub/b.png", "7"), ("z/sub", "7")]
    told: list[str] = []
    with sort_sink("out", "copy", ("x/n.png", "y", "z/sub"), told.append) as sorter:
        sorter(answers(*read))
    sort("copy", ("x/n.png", "y", "z/sub"), *read)
    assert held() == {
        "7/n.png": "x/n.png",
        "7/n~2.png/a.png": "y/n.png/a.png",
        "7/sub/b.png": "y/sub/b.png",
        "7/sub~2": "z/sub",
    }
    assert {line.split(" → out/")[1] for line in told} == set(held())


def test_a_linked_folder_in_the_sort_folder_leads_nothing_out_of_it() -> None:
    touch("scans/a/b.png", "scans/c.png")
    for folder in ("elsewhere", "out/7"):
        Path(folder).mkdir(parents=True)
    Path("out/7/a").symlink_to("../../elsewhere")
    sort("copy", ("scans",), ("scans/a/b.png", "7"))
    assert Path("out/7/a~2/b.png").exists()
    Path("out/8").symlink_to("../elsewhere")
    with pytest.raises(SinkError, match="8: not a folder: move it away"):
        sort("copy", ("scans",), ("scans/c.png", "8"))
    assert not any(Path("elsewhere").iterdir())


@pytest.mark.parametrize(
    "label",
    [
        "../x",
        "a/b",
        ".",
        "..",
        "",
        "_uncertain",
        "a" * 300,
        "é" * 150,
        "x\0y",
        "a\\b",
        LOG,
        " ",
        "%",
        "\ud800",
        "\x1b[2J",
    ],
)
def test_no_label_leaves_the_sort_folder(label: str) -> None:
    touch("a.png")
    sort("copy", ("a.png",), ("a.png", label))
    (path,) = held()
    assert Path(path).parts == (class_folder(label), "a.png")
    assert not path.startswith((".", "_"))
    assert len(os.fsencode(class_folder(label))) <= LABEL_BYTES
    assert {entry.name for entry in Path().iterdir()} == {"a.png", "out"}


def test_plain_labels_are_their_folders_names_and_different_ones_differ() -> None:
    assert [class_folder(label) for label in ("7", "é", "a-b")] == ["7", "é", "a-b"]
    odd = ["%", "%25", "", "_a", "%5Fa", "a/b", "a%2Fb", "a" * 300, "a" * 301]
    assert len({class_folder(label) for label in odd}) == len(odd)


def test_long_names_are_cut_where_a_number_makes_them_too_long() -> None:
    name = "é" * 125 + ".jpeg"
    touch(f"x/{name}", f"y/{name}", f"z/{'a' * 255}", f"w/{'a' * 255}")
    inputs = (f"x/{name}", f"y/{name}", f"z/{'a' * 255}", f"w/{'a' * 255}")
    sort("copy", inputs, *((path, "7") for path in inputs))
    found = set(held())
    assert found == {
        f"7/{name}",
        f"7/{'é' * 124}~2.jpeg",
        f"7/{'a' * 255}",
        f"7/{'a' * 253}~2",
    }


def test_names_that_are_not_utf8_are_moved_logged_and_moved_back() -> None:
    name = f"scans/{NOT_UTF8}/{NOT_UTF8}.png"
    touch(name)
    sort("move", ("scans",), (name, "7"))
    assert list(held()) == [f"7/{NOT_UTF8}/{NOT_UTF8}.png"]
    assert log_lines()[0]["from"] == str(Path.cwd() / name)
    assert unsort("out") == (1, [])
    assert Path(name).read_bytes() == os.fsencode(name)


@pytest.mark.parametrize("by", ["copy", "link", "move"])
def test_what_is_no_regular_file_is_left_alone(by: SortBy) -> None:
    touch("scans/a.png")
    os.mkfifo("pipe.png")
    Path("broken.png").symlink_to("nothing")
    names = ("missing.png", "scans", "pipe.png", "broken.png", "nul\0.png")
    sorter = sort(by, names, *((name, "!") for name in names))
    assert sorter.failed == []
    assert not Path("out").exists()
    sorter = sort(by, names, ("missing.png", "7"), ("pipe.png", "?"))
    assert [name for name, _ in sorter.failed] == ["missing.png", "pipe.png"]


def test_a_file_that_vanishes_at_the_last_moment_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    touch("b.png")
    monkeypatch.setattr("tinydigits.sinks.sort._is_regular", lambda _: True)
    bys: tuple[SortBy, ...] = ("copy", "move")
    for by in bys:
        sorter = sort(by, ("a.png", "b.png"), ("a.png", "7"), ("b.png", "7"))
        assert sorter.failed == [("a.png", "No such file or directory")]
    assert held() == {"7/b.png": "b.png", "7/b~2.png": "b.png"}


def test_a_linked_picture_is_copied_as_its_contents_and_moved_as_a_link(tmp_path: Path) -> None:
    touch("real.png")
    Path("link.png").symlink_to(tmp_path / "real.png")
    sort("copy", ("link.png",), ("link.png", "7"))
    assert not Path("out/7/link.png").is_symlink()
    sort("move", ("link.png",), ("link.png", "8"))
    assert Path("out/8/link.png").readlink() == tmp_path / "real.png"
    assert not os.path.lexists("link.png")
    assert Path("real.png").exists()


def test_bytes_and_arrays_are_written() -> None:
    array = np.arange(784, dtype=np.uint8).reshape(28, 28)
    read = [("a.zip/in/x.png", "7"), ("b.npy/17", "?"), (None, "7"), ("a.zip/bad.png", "!")]
    images = [b"encoded", array, b"nameless", ImageError("damaged")]
    sort("copy", ("a.zip", "b.npy"), *read, images=images)
    assert len(held()) == 3
    assert Path("out/7/a.zip/in/x.png").read_bytes() == b"encoded"
    assert Path("out/7/image").read_bytes() == b"nameless"
    assert np.array_equal(np.asarray(Image.open("out/_uncertain/b.npy/17.png")), array)
    sort("copy", ("b.npy",), ("b.npy/3", "7"), images=array[np.newaxis])
    assert np.array_equal(np.asarray(Image.open("out/7/3.png")), array)


def test_hostile_names_in_archives_stay_in_their_class() -> None:
    deep = "d/" * 1500
    names = ["../../up.png", "/etc/root.png", "..", "n\0ul.png", "a" * 300 + ".png", deep + "x.png"]
    names += ["d" * 200 + "/" + "e/" * 3000]
    read = [(f"a.zip/{name}", "7") for name in names]
    sorter = sort("copy", ("a.zip",), *read, images=[b"x"] * len(read))
    assert {entry.name for entry in Path().iterdir()} == {"out"}
    assert {entry.name for entry in Path("out").iterdir()} == {"7", LOG}
    at_top = {entry.name for entry in Path("out/7").iterdir()}
    assert at_top - {"d" * 200} == {
        *("up.png", "etc", "image", "n%00ul.png", "a" * 251 + ".png", "d"),
    }
    assert sorter.failed == [(read[-1][0], os.strerror(errno.ENAMETOOLONG))]
    subprocess.run(["rm", "-rf", "out"], check=True)  # too deep for pytest


@pytest.mark.parametrize("by", ["link", "move"])
def test_pictures_in_archives_and_arrays_can_only_be_copied(by: SortBy) -> None:
    for name in ("a.tar.gz", "train-images-idx3-ubyte", "a.npy"):
        with pytest.raises(SinkError, match="can only be copied"), sort_sink("out", by, (name,)):
            pass
    touch("a.png")
    with pytest.raises(SinkError, match="can only be copied"):
        sort(by, ("-",), ("a.zip/x.png", "7"), images=[b"x"])
    assert not Path("out").exists()


def test_a_folder_may_be_called_as_an_archive_is() -> None:
    touch("photos.zip/a.png")
    sort("move", ("photos.zip",), ("photos.zip/a.png", "7"))
    assert held() == {"7/a.png": "photos.zip/a.png"}


def test_the_sort_folder_is_never_inside_an_input() -> None:
    touch("scans/a.png")
    Path("link").symlink_to("scans")
    for folder in ("scans", "scans/sub/out", "link/out", "./x/../scans"):
        with (
            pytest.raises(SinkError, match="lies in the input scans"),
            sort_sink(folder, "copy", ("scans",)),
        ):
            pass
    assert os.listdir("scans") == ["a.png"]  # noqa: PTH208
