"""Classifier.read reads whole numbers: drawn rows of real digits, in each way of writing them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from benchmarks.harness.rows import KINDS, Writing, picture, pictures
from tests.support.files import encoded
from tinydigits import Classifier, ImageError, TinydigitsError
from tinydigits.bounds import Limits
from tinydigits.images import decoded
from tinydigits.model import MODELS
from tinydigits_train.labelled_folder import Digits

COUNT = 20
# MNIST holds digits that nobody reads without their neighbours.
FEWEST = {
    "apart": 17, "one pair touches": 13, "two pairs touch": 10, "ruled": 17, "slanted": 16,
    "three rows": 13, "in a box": 16, "in cells": 16, "in a box each": 15, "on a comb": 16,
    "on squared paper": 14, "in cells, slanted": 14, "in a box each, slanted": 15,
}  # fmt: skip
MODEL = "conv"  # of `classifier`


@pytest.fixture(scope="module")
def clear(mnist_test: Digits, classifier: Classifier) -> Digits:
    """A digit of each class that the network is sure of."""
    places = []
    for label in range(10):
        own = np.flatnonzero(mnist_test.labels[:500] == label)
        places.append(int(own[classifier.scores(mnist_test.images[own])[:, label].argmax()]))
    return Digits(mnist_test.images[places], mnist_test.labels[places])


@pytest.fixture(scope="module")
def row(clear: Digits) -> tuple[Image.Image, str]:
    return picture(clear, Writing(), np.random.default_rng(2))


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_rows_are_read(kind: str, mnist_test: Digits, classifier: Classifier) -> None:
    images, truth = zip(*pictures(mnist_test, kind, COUNT, seed=3), strict=True)
    found = [number.text for number in classifier.read_many([*images])]
    exact = [one == other for one, other in zip(found, truth, strict=True)]
    assert sum(exact) >= FEWEST[kind], [*zip(found, truth, strict=True)]


def test_two_digits_are_read_in_a_box_each(mnist_test: Digits, classifier: Classifier) -> None:
    """The lines of two boxes are too short to be told from strokes: a box is known as one."""
    random = np.random.default_rng(3)
    writing = Writing(digits=2, printed=KINDS["in a box each"].printed)
    images, truth = zip(*(picture(mnist_test, writing, random) for _ in range(COUNT)), strict=True)
    found = [number.text for number in classifier.read_many([*images])]
    assert sum(map(str.__eq__, map(str, found), truth)) >= 12, [*zip(found, truth, strict=True)]


def test_boxes_are_those_of_the_upright_picture(
    row: tuple[Image.Image, str], classifier: Classifier
) -> None:
    image, text = row
    size = (image.width * 8, image.height * 8)  # which is read at a smaller scale
    exif = Image.Exif()
    exif[0x0112] = 6  # a camera held upright: the file lies on its side
    data = encoded(image.resize(size).rotate(90, expand=True), "JPEG", exif=exif)
    number = classifier.read(data)
    assert number.text == text
    small = classifier.read(image)
    for digit, same in zip(number.lines[0], small.lines[0], strict=True):
        assert digit.label == same.label
        assert np.abs(np.array(digit.box) / 8 - np.array(same.box)).max() < 4
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
    # Where memory is short, a JPEG is decoded at a reduced scale.
    reduced = decoded(data, Limits(), reduced=True)
    assert isinstance(reduced, Image.Image)
    assert reduced.width < size[0] / 2
    for digit, same in zip(classifier.read(reduced).lines[0], number.lines[0], strict=True):
        assert digit.label == same.label
        assert np.abs(np.array(digit.box) - np.array(same.box)).max() < 32


def test_what_is_no_digit_is_left_out_and_counted(
    row: tuple[Image.Image, str], classifier: Classifier
) -> None:
    image, text = row
    marked = image.copy()
    pixels = np.asarray(image).astype(int)
    dark = max(pixels.min(), pixels.max(), key=lambda level: abs(level - np.median(pixels)))
    right, bottom = classifier.read(image).lines[0][-1].box[2:]
    before = classifier.read(image).left_out
    draw = ImageDraw.Draw(marked)
    draw.ellipse((right + 8, bottom - 8, right + 16, bottom), fill=int(dark))
    number = classifier.read(marked)
    assert (number.text, number.left_out) == (text, before + 1)


def test_small_digits_on_a_large_sheet_are_read(
    row: tuple[Image.Image, str], classifier: Classifier
) -> None:
    image, text = row
    sheet = Image.new("L", (2600, 3400), int(np.median(np.asarray(image))))
    sheet.paste(image, (700, 900))
    number = classifier.read(sheet)
    assert number.text == text
    assert number.lines[0][0].box[0] > 700


def test_one_line_is_read_across_heights(clear: Digits, classifier: Classifier) -> None:
    """Signs at very different heights are one line if the caller says that there is one."""
    canvas = Image.new("L", (160, 120))
    for place, (left, top) in enumerate(((10, 5), (70, 60))):
        canvas.paste(Image.fromarray(clear.images[place + 2]).resize((50, 50)), (left, top))
    assert classifier.read(canvas).text == "2\n3"
    assert classifier.read(canvas, lines="one").text == "23"


def test_a_row_that_is_twice_as_tall_as_another_is_read(
    clear: Digits, classifier: Classifier
) -> None:
    large, small = (
        np.concatenate([Image.fromarray(clear.images[at]).resize((side, side)) for at in row], 1)
        for row, side in (((4, 0, 7), 112), ((2, 5, 8, 3, 6), 50))
    )
    sheet = np.zeros((240, 400), np.uint8)
    sheet[20:132, 20:356] = large
    sheet[160:210, 20:270] = small
    assert classifier.read(255 - sheet).text == "407\n25836"


def test_a_blank_sheet_is_blank(classifier: Classifier) -> None:
    number = classifier.read(np.full((300, 400), 230, np.uint8))
    assert (number.text, number.reason, number.lines) == (None, "blank", ())


def test_a_one_that_fills_the_picture_is_no_ruled_line(
    mnist_test: Digits, classifier: Classifier
) -> None:
    ones = mnist_test.images[mnist_test.labels == 1][:40]
    found = [number.text for number in classifier.read_many([*ones])]
    assert found.count("1") >= 38
    line = np.full((400, 600), 255, np.uint8)
    line[40:360, 100:103] = 0
    assert classifier.read(line).reason == "blank"


@pytest.mark.parametrize(("side", "box"), [(28, (13, 4, 16, 24)), (56, (25, 8, 31, 48))])
def test_ink_that_fills_its_surroundings_is_told_from_paper(
    side: int, box: tuple[int, int, int, int], classifier: Classifier
) -> None:
    image = Image.new("L", (side, side), 255)
    image.paste(0, box)
    assert classifier.read(image).text == "1"
    assert classifier.read(ImageChops.invert(image)).text == "1"


def test_many_are_read_in_order_by_workers_as_by_one(
    mnist_test: Digits, classifier: Classifier, tmp_path: Path
) -> None:
    names = []
    for place, (image, _) in enumerate(pictures(mnist_test, "apart", 6, seed=4)):
        names.append(str(tmp_path / f"{place}.png"))
        image.save(names[-1])
    (tmp_path / "2.png").write_bytes(b"no picture")
    alone = list(classifier.read_many(names, batch_size=2))
    assert [number.path for number in alone] == names
    assert [number.status == "error" for number in alone] == [place == 2 for place in range(6)]
    assert list(classifier.read_many(str(tmp_path), batch_size=2, workers=2)) == alone


def test_what_cannot_be_read_or_is_out_of_range_is_refused(
    classifier: Classifier, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.png"
    with pytest.raises(ImageError, match=r"missing\.png: "):
        classifier.read(missing)
    with pytest.raises(TinydigitsError, match="digits"):
        classifier.read(missing, digits=(3, 2))
    with pytest.raises(TinydigitsError, match="choose from many, one"):
        classifier.read(missing, lines="two")  # type: ignore[arg-type]
    with pytest.raises(TinydigitsError, match="not bytes"):
        classifier.read_many(b"picture")


def test_a_second_network_is_asked_where_the_first_is_bundled(
    row: tuple[Image.Image, str], classifier: Classifier
) -> None:
    """Scores of `conv` are the mean of its own and of `light`'s. Other models answer alone."""
    image, _ = row
    scores = [
        [digit.score for line in model.read(image).lines for digit in line]
        for model in (classifier, Classifier(MODELS / "conv.onnx"), Classifier("light"))
    ]
    both, first, second = np.array(scores)
    assert np.allclose(both, (first + second) / 2, atol=1e-6)
    assert not np.allclose(first, second, atol=1e-6)


@pytest.mark.parametrize(("at", "status"), [(2, "uncertain"), (4, "ok")])
def test_a_sign_that_is_left_out_between_digits_makes_the_number_uncertain(
    at: int, status: str, clear: Digits, classifier: Classifier
) -> None:
    """It may be a digit that was not known again. At an end it may be a unit or a currency."""
    signs = [Image.fromarray(clear.images[label]).resize((56, 56)) for label in (2, 3, 4, 6)]
    sign = Image.new("L", (56, 56))
    for ends in ((12, 10, 44, 46), (44, 10, 12, 46), (28, 8, 28, 48)):  # a star
        ImageDraw.Draw(sign).line(ends, fill=255, width=5)
    signs.insert(at, sign)
    row = np.concatenate([np.asarray(each) for each in signs], axis=1)
    number = classifier.read(np.pad(row, 30))
    assert (number.text, number.status, number.left_out) == ("2346", status, 1)
    assert number.detail == ("digit 3 of line 1" if status == "uncertain" else None)


@pytest.mark.parametrize(("slim", "text"), [(False, "2346"), (True, "12346")])
def test_a_small_digit_at_an_end_and_a_tall_slim_one_make_a_number_uncertain(
    slim: bool, text: str, clear: Digits, classifier: Classifier
) -> None:
    """One was left out and is no unit. The other may be the side of a box."""
    signs = [Image.fromarray(clear.images[label]).resize((56, 56)) for label in (2, 3, 4, 6)]
    first = np.zeros((56, 56), np.uint8)
    row = np.pad(np.concatenate([first, *map(np.asarray, signs)], axis=1), 30)
    if slim:
        row[28:86, 65:74] = 255  # the others are 40 px tall
    else:
        row[50:78, 50:78] = clear.images[5]
    number = classifier.read(row)
    assert (number.text, number.status, number.detail) == (text, "uncertain", "digit 1 of line 1")
