"""A folder of one's own pictures becomes a split data set, and what is wrong with it is said."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tinydigits import SourceError
from tinydigits_train.data import load_data
from tinydigits_train.labelled_folder import classes_in, load_folder

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
    train, test, labels, unreadable = load_folder(tmp_path, 0, "auto")
    assert (labels, unreadable) == (("2 bars", "10 bars", "round", "tick"), ())
    assert np.bincount(train.labels).tolist() == [8] * 4
    assert np.bincount(test.labels).tolist() == [2] * 4
    assert train.images.max() == 255
    assert train.images[:, 0].max() == 0  # fitted: bright on dark, off the border


def test_the_seed_splits_and_no_picture_is_on_both_sides(tmp_path: Path) -> None:
    shapes(tmp_path, {"round": 30, "tick": 30})
    random = np.random.default_rng(0)
    for path in tmp_path.rglob("*.png"):  # no two alike
        Image.fromarray(random.integers(0, 256, (28, 28), dtype=np.uint8)).save(path)
    train, test, *_ = load_folder(tmp_path, 0, "resize")
    again = load_folder(tmp_path, 0, "resize")[1]
    other = load_folder(tmp_path, 1, "resize")[1]
    assert np.array_equal(test.images, again.images)
    assert not np.array_equal(test.images, other.images)
    sides = [{image.tobytes() for image in part.images} for part in (train, test)]
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
