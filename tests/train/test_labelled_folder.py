"""A folder of one's own pictures becomes a split data set, and what is wrong with it is said."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.train.test_data import small_mnist
from tinydigits import SourceError
from tinydigits_train.data import load_data
from tinydigits_train.labelled_folder import DIGITS, classes_in, load_folder

SHAPES = ("tick", "round", "2 bars", "10 bars")


def shapes(folder: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """A labelled folder of shaken drawings, dark on paper."""
    random = np.random.default_rng(seed)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = Image.new("L", (64, 64), 240)
            draw = ImageDraw.Draw(image)
            x, y = random.uniform(-4, 4, 2)
            width = int(random.integers(4, 8))
            if name == "round":
                draw.ellipse((18 + x, 16 + y, 46 + x, 48 + y), outline=20, width=width)
            elif name == "tick":
                points = [(16 + x, 32 + y), (28 + x, 48), (50, 14 + y)]
                draw.line(points, fill=20, width=width, joint="curve")
            else:
                for bar in (20, 40) if name == "2 bars" else (16, 30, 44):
                    draw.line([(bar + x, 14 + y), (bar - x, 50 - y)], fill=20, width=width)
            image.save(folder / name / f"{number}.png")
    return folder


def test_sub_folders_are_the_classes_in_natural_order(tmp_path: Path) -> None:
    shapes(tmp_path, dict.fromkeys((*SHAPES, ".hidden", "__MACOSX"), 10))
    (tmp_path / "a link").symlink_to(tmp_path / "round")  # as `classify` and `evaluate` do
    assert classes_in(tmp_path) == ["2 bars", "10 bars", "round", "tick"]
    (split,) = load_folder(tmp_path, 0, ["auto"])
    train, test = split.train, split.test
    assert (split.labels, split.unreadable) == (("2 bars", "10 bars", "round", "tick"), ())
    assert np.bincount(train.labels).tolist() == [8] * 4
    assert np.bincount(test.labels).tolist() == [2] * 4
    assert train.images.max() == 255
    assert train.images[:, 0].max() == 0  # fitted: bright on dark, off the border


def test_the_seed_splits_and_no_picture_is_on_both_sides(tmp_path: Path) -> None:
    shapes(tmp_path, {"round": 30, "tick": 30})
    random = np.random.default_rng(0)
    for path in tmp_path.rglob("*.png"):  # no two alike
        Image.fromarray(random.integers(0, 256, (28, 28), dtype=np.uint8)).save(path)
    split, again, other = (load_folder(tmp_path, seed, ["resize"])[0] for seed in (0, 0, 1))
    assert np.array_equal(split.test.images, again.test.images)
    assert not np.array_equal(split.test.images, other.test.images)
    sides = [{image.tobytes() for image in part.images} for part in (split.train, split.test)]
    assert not sides[0] & sides[1]


def test_what_cannot_be_read_is_told_and_left_out(tmp_path: Path) -> None:
    shapes(tmp_path, {"round": 6, "tick": 6})
    (tmp_path / "tick" / "broken.png").write_bytes(b"no image")
    (tmp_path / "tick" / "notes.txt").touch()
    dataset = load_data(str(tmp_path))
    assert len(dataset.train.labels) + len(dataset.test.labels) == 12
    (line,) = dataset.unreadable
    assert line.startswith(f"{tmp_path / 'tick' / 'broken.png'}: not a PNG")
    assert (dataset.labels, dataset.fit) == (("round", "tick"), "auto")


def test_plain_resizing_can_be_asked_for(tmp_path: Path) -> None:
    shapes(tmp_path, {"round": 6, "tick": 6})
    fitted, resized = (load_data(str(tmp_path), fit=how) for how in ("auto", "resize"))
    assert resized.fit == "resize"
    assert not np.array_equal(fitted.train.images, resized.train.images)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"round": 6}, "1 sub-folders, where 2 to 100 classes"),
        ({"round": 6, "tick": 4}, "4 readable pictures, 5 are needed"),
        ({"round": 6, "new\nline": 6}, "a label has to be printable"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_refused(
    tmp_path: Path, counts: dict[str, int], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        load_data(str(shapes(tmp_path, counts)))


def test_more_classes_than_can_be_trained_are_refused(tmp_path: Path) -> None:
    for number in range(101):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(SourceError, match="101 sub-folders"):
        load_data(str(tmp_path))


@pytest.mark.parametrize(
    ("names", "validates"),
    [(("train", "val", "test"), True), (("Training", "validation"), False)],
)
def test_splits_are_kept_as_they_are(
    tmp_path: Path, names: tuple[str, ...], validates: bool
) -> None:
    for count, name in zip((9, 3, 4), names, strict=False):
        shapes(tmp_path / name, {"round": count, "tick": count})
    data = load_data(str(tmp_path))
    assert data.labels == ("round", "tick")
    assert len(data.train.labels) == 18
    assert len(data.test.labels) == (8 if validates else 6)
    assert (data.validation is not None and len(data.validation.labels) == 6) == validates


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"val": ("round", "tick"), "test": ("round",)}, "val, and no train to learn from"),
        ({"train": ("round", "tick"), "test": ("2 bars",)}, "2 bars are no classes in train"),
        ({"ann": ("round", "tick"), "ben": ("round", "tick")}, "round, tick repeat below ann, ben"),
        ({"all": ("round", "tick")}, "1 sub-folders, .* pass .*all"),
    ],
)
def test_splits_that_cannot_be_trained_on_are_refused(
    tmp_path: Path, counts: dict[str, tuple[str, ...]], said: str
) -> None:
    for name, classes in counts.items():
        shapes(tmp_path / name, dict.fromkeys(classes, 5))
    with pytest.raises(SourceError, match=said):
        load_data(str(tmp_path))


def listed(folder: Path, *rows: tuple[str, str]) -> str:
    lines = [",".join(row) for row in (("file", "truth"), *rows)]
    (folder / "list.csv").write_text("\n".join(lines), "utf-8")
    return str(folder / "list.csv")


def test_a_list_of_files_and_truths_is_read_like_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes(tmp_path / "in", {"round": 5, "tick": 5})
    names = [f"in/{name}/{number}.png" for name in ("round", "tick") for number in range(5)]
    path = listed(tmp_path, *((name, name.split("/")[1]) for name in names), ("gone.png", "tick"))
    (tmp_path / "else").mkdir()
    for folder in (tmp_path, tmp_path / "else"):  # names count from here, or from the list
        monkeypatch.chdir(folder)
        data = load_data(path)
        assert data.labels == ("round", "tick")
        assert (len(data.train.labels), len(data.test.labels)) == (8, 2)
        assert "gone.png" in data.unreadable[0]


def test_all_of_a_list_of_digits_is_trained_on_where_mnist_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes(tmp_path, {"round": 2})
    monkeypatch.setenv("TINYDIGITS_DATA", str(small_mnist(tmp_path)))
    path = listed(tmp_path, ("round/0.png", "0"), ("round/1.png", "6"))
    data = load_data(path, labels=DIGITS)
    assert data.train.labels.tolist() == [0, 6]
    assert len(data.test.labels) == 4
    with pytest.raises(SourceError, match=r"round/0\.png is said to be 'x', which is no class: 0"):
        load_data(listed(tmp_path, ("round/0.png", "x")), labels=DIGITS)


def test_a_picture_without_a_truth_is_kept_apart(tmp_path: Path) -> None:
    shapes(tmp_path, {"round": 3})
    path = listed(tmp_path, ("round/0.png", "0"), ("round/1.png", "0"), ("round/2.png", ""))
    data = load_data(path)
    assert data.labels == DIGITS
    assert data.train.labels.tolist() == [0, 0]
    assert len(data.others) == 1


def test_a_list_is_taken_as_spreadsheets_save_it_and_from_documents_and_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shapes(tmp_path, {"round": 2})
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("round/1.png", "in/1.png")
    path = tmp_path / "list.csv"
    rows = ("File,Truth", "round/0.png, o ", "a.zip/in/1.png,x")
    for separator, encoding in (",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-16"):
        lines = "\r\n".join(rows).replace(",", separator)
        path.write_text(lines, encoding)
        data = load_data(str(path))
        assert data.labels == ("o", "x")
        assert sorted(data.train.labels) == [0, 1]
        assert not data.unreadable


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("x" * 200_000, "7")], "field larger than"),
        ([("round/0.png", "7"), ("round/0.png", "3")], "has the truth 3, but 7 further up"),
        ([(f"{n}.png", f"{n}") for n in range(300)], "names 300 classes, where 2 to 100"),
        ([("gone.png", "7")], r"no picture that can be read, such as .*gone\.png: No such"),
    ],
)
def test_a_list_that_cannot_be_trained_on_is_refused(
    tmp_path: Path, rows: list[tuple[str, str]], said: str
) -> None:
    shapes(tmp_path, {"round": 1})
    with pytest.raises(SourceError, match=said):
        load_data(listed(tmp_path, *rows))
