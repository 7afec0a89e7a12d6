"""Plots show what they say, can be read on any page and with any labels, and are the same again."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

from tests.train.test_data import small_mnist
from tinydigits import MissingExtra, SinkError
from tinydigits.evaluation import wilson
from tinydigits_train import plot_style as plots_card
from tinydigits_train import plots
from tinydigits_train.data import load_data
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.training import Epoch, Evaluation, Trained, train

pytestmark = pytest.mark.tensorflow

ALL = ["samples", "curves", "confusion", "classes", "mistakes", "weights"]
LABELS = tuple("0123456789")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    data = load_data(str(small_mnist(tmp_path_factory.mktemp("mnist"))))
    return train("dense", data, epochs=2, seed=0)


def evaluation(confusion: NDArray[np.int64]) -> Evaluation:
    right, total = int(np.trace(confusion)), int(confusion.sum())
    return Evaluation(right / total, total - right, confusion)


def digits(labels: list[int]) -> Digits:
    """Pictures of noise, no two alike."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
    return Digits(images, np.array(labels, np.uint8))


def captions(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def drawn(line: Line2D) -> list[float]:
    """The values along the line, y where they differ."""
    across, up = np.asarray(line.get_data(), np.float64)
    values: list[float] = (across if len(set(up)) == 1 else up).tolist()
    return values


def sheet(figure: Figure) -> NDArray[np.float32]:
    """What the gallery's one image shows; NaN between the pictures."""
    array = figure.axes[0].images[0].get_array()
    assert isinstance(array, np.ma.MaskedArray)
    return array.filled(np.nan)


def test_each_is_written_as_png_and_svg_and_the_same_again(
    trained: Trained, tmp_path: Path
) -> None:
    one, other = tmp_path / "new" / "one", tmp_path / "other"
    for folder in (one, other):
        plots.make_folder(folder)
        assert plots.write_plots(trained, folder) == ALL
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(f"{name}.{kind}" for name in ALL for kind in ("png", "svg"))
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_the_page_behind_does_not_matter(trained: Trained, tmp_path: Path) -> None:
    plots.write_plots(trained, tmp_path)
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            low, high = image.convert("RGBA").getchannel("A").getextrema()
            assert (low, high) == (255, 255), path.name
    for path in tmp_path.glob("*.svg"):
        ground = next(ElementTree.parse(path).iter(f"{SVG}path"))
        assert f"fill: {plots_card.CARD}" in ground.attrib["style"], path.name


def test_ink_can_be_read_on_the_card_and_none_on_white_and_black_at_once() -> None:
    contrast = plots_card.contrast
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WCAG's own example
    for ink in (plots_card.INK, plots_card.QUIET):
        assert contrast(ink, plots_card.CARD) >= 4.5
    for colour in (plots_card.BLUE, plots_card.ORANGE):
        assert contrast(colour, plots_card.CARD) >= 3
    greys = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
    assert not any(contrast(g, "#ffffff") >= 4.5 <= contrast(g, "#0d1117") for g in greys)


def test_what_the_user_set_for_matplotlib_changes_nothing(trained: Trained) -> None:
    def files() -> list[bytes]:
        return [plots_card.rendered(figure, "svg") for figure in plots.draw(trained).values()]

    usual = files()
    with rc_context(
        {"font.size": 20, "text.color": "red", "axes.labelsize": 30, "font.family": "x"}
    ):
        assert files() == usual


def test_nothing_is_left_in_matplotlib_of_the_whole_process() -> None:
    code = (
        "import sys; from tinydigits_train.plots import *; import matplotlib; "
        "before = matplotlib.rcParams.copy(); rendered(samples(Digits(np.zeros((2, 28, 28), "
        "np.uint8), np.array([0, 1], np.uint8)), 'ab'), 'png'); "
        "assert matplotlib.rcParams.copy() == before; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_samples_are_the_first_of_each_class_under_its_label() -> None:
    shown = digits([1, 0, 1, 2, 0])
    figure = plots.samples(shown, ("a", "b", "c"))
    assert captions(figure.axes[0]) == ["a", "a", "b", "b", "c"]
    pixels = sheet(figure)
    each = pixels[~np.isnan(pixels)].reshape(28, 5, 28).swapaxes(0, 1)
    assert np.array_equal(each, shown.images[[1, 4, 0, 2, 3]])


def contains(pixels: NDArray[np.float32], image: NDArray[np.uint8]) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (28, 28))
    return bool((windows == image).all(axis=(2, 3)).any())


def test_a_hundred_classes_are_shown_once_each_and_ten_ten_times() -> None:
    shown = digits([*range(100)] * 12)
    names = [f"class {number}" for number in range(100)]
    assert captions(plots.samples(shown, names).axes[0]) == names
    tens = Digits(shown.images, shown.labels % 10)
    assert captions(plots.samples(tens, LABELS).axes[0]) == [
        each for each in LABELS for _ in LABELS
    ]


def test_curves_are_those_of_the_history() -> None:
    history = [Epoch(1, 2.0, 0.5), Epoch(2, 0.5, 0.75)]
    good, poor = evaluation(np.diag([9, 1])), evaluation(np.array([[3, 1], [0, 0]]))
    figure = plots.curves(history, good, poor, "about")
    (loss,), (ran, first, second) = (axes.lines for axes in figure.axes)
    assert (drawn(loss), figure.axes[0].get_yscale()) == ([2.0, 0.5], "linear")
    assert drawn(ran) == [0.5, 0.75]
    assert (first.get_label(), second.get_label()) == (
        "train, at the end: 100.00%",
        "test, at the end: 75.00%",
    )
    bare = [Epoch(1, 2.0, None), Epoch(2, 0.1, None)]
    (panel,) = plots.curves(bare, good, poor, "about").axes
    assert panel.get_yscale() == "log"
    assert not panel.texts


def test_where_images_are_less_changed_a_line_is_drawn() -> None:
    history, good = (
        [Epoch(number, 1 / number, None) for number in (1, 2, 3)],
        evaluation(np.diag([1, 1])),
    )
    (panel,) = plots.curves(history, good, good, "about", eased=1).axes
    loss, mark = panel.lines
    assert len(drawn(loss)) == 3
    assert np.unique(np.asarray(mark.get_xdata())).tolist() == [2.5]
    assert panel.texts[0].get_text().startswith("images less changed")
    (panel,) = plots.curves(history, good, good, "about", eased=1, after=1).axes
    edges = [np.unique(np.asarray(mark.get_xdata())).tolist() for mark in panel.lines[1:]]
    assert edges == [[1.5], [2.5]]
    (panel,) = plots.curves(history, good, good, "about", after=1).axes
    assert len(panel.lines) == 1


def test_colours_of_the_confusion_matrix_are_of_mistakes_alone() -> None:
    found = np.diag([5000, 4000, 3000])
    found[0, 2] = 7
    axes = plots.confusion(evaluation(found), ("a", "b", "c"), "about").axes[0]
    (image,) = axes.images
    assert image.norm.vmax == 7
    array = image.get_array()
    assert isinstance(array, np.ma.MaskedArray)
    assert np.array_equal(array.mask, np.eye(3, dtype=bool))
    placed = {text.get_position(): text.get_text() for text in axes.texts}
    assert placed == {(0, 0): "5,000", (1, 1): "4,000", (2, 2): "3,000", (2, 0): "7"}


def test_numbers_in_the_matrix_can_be_read_on_their_colour() -> None:
    found = np.arange(400).reshape(20, 20)
    axes = plots.confusion(evaluation(found), [str(number) for number in range(20)], "about").axes[
        0
    ]
    image = axes.images[0]
    assert len(axes.texts) == 399  # all but the 0
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        ground = plots_card.LINES
        if row != column:
            red, green, blue, _ = image.cmap(image.norm(found[row, column]), bytes=True)
            ground = f"#{red:02x}{green:02x}{blue:02x}"
        assert plots_card.contrast(str(text.get_color()), ground) >= 4.5


def test_classes_have_their_accuracy_and_interval() -> None:
    found = np.array([[8, 2, 0], [4, 1, 0], [0, 0, 0]])
    axes = plots.classes(evaluation(found), ("a", "b", "c"), "about").axes[0]
    assert captions(axes) == ["80.0% of 10", "20.0% of 5", "no test pictures"]
    interval, dot, *_ = axes.lines
    assert drawn(interval) == list(wilson(8, 10))
    assert drawn(dot) == [0.8]
    assert 0 < axes.get_xlim()[0] < wilson(1, 5)[0]


def test_weights_are_a_template_for_each_class_of_a_single_layer(trained: Trained) -> None:
    learnt = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32)
    figure = plots.weights(learnt, LABELS)
    assert captions(figure.axes[0]) == list(LABELS)
    for column in learnt.T:
        assert contains(sheet(figure), column.reshape(28, 28))
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high  # so that white is nothing

    class TwoLayers:
        input_shape = (None, 784)
        predict = staticmethod(trained.model.predict)

        def get_weights(self) -> list[NDArray[np.float32]]:
            return [np.zeros((784, 784), np.float32), np.zeros((784, 10), np.float32)]

    assert list(plots.draw(replace(trained, model=TwoLayers()))) == ALL[:-1]


def test_mistakes_come_with_truth_answer_and_score_the_surest_first() -> None:
    shown = digits([0, 1, 2, 0])
    scores = np.array([[0.9, 0, 0], [0.6, 0.1, 0], [0, 0.8, 0.7], [0.1, 0, 0.2]], np.float32)
    figure = plots.mistakes(shown, scores, ("a", "b", "c"))
    assert captions(figure.axes[0]) == [
        "c read as\nb  0.800",
        "b read as\na  0.600",
        "a read as\nc  0.200",
    ]
    assert not contains(sheet(figure), shown.images[0])
    assert "3 of 3 mistakes on 4 test pictures" in figure.texts[1].get_text()


def test_no_mistakes_are_said_so() -> None:
    figure = plots.mistakes(digits([0, 1]), np.eye(2, dtype=np.float32), "ab")
    assert figure.texts[1].get_text() == "There is none on 2 test pictures"
    assert plots_card.rendered(figure, "png")


@pytest.mark.parametrize("count", [2, 21, 100])
def test_any_labels_can_be_drawn(count: int) -> None:
    labels = [
        "$x_1$",
        "$\\frac$",
        "a rather long label",
        "\u0488\ua66f",
        *map(str, range(4, count)),
    ]
    labels = labels[:count] if count > 2 else ["$", "\u3042"]
    found = evaluation(np.full((count, count), 3))
    shown = digits(list(range(count)) * 2)
    scores = np.random.default_rng(0).random((2 * count, count), np.float32)
    for figure in (
        plots.samples(shown, labels),
        plots.confusion(found, labels, "about $ and \u3042"),
        plots.classes(found, labels, "about"),
        plots.weights(scores[:1].repeat(784, axis=0), labels),
        plots.mistakes(shown, scores, labels),
    ):
        assert plots_card.rendered(figure, "svg")  # a missing glyph would be a warning, an error


def test_a_long_label_keeps_both_ends_and_an_unknown_character_its_code() -> None:
    with plots_card.style("", ["handwriting-17", "\U0010ffff", "$"]) as (_, names):
        assert names == ["handwr…ng-17", "\\U0010ffff", "$"]


def test_characters_that_another_font_has_are_left_as_they_are() -> None:
    one = "\u210a"  # STIX, which comes with matplotlib, has it
    texts, fonts = plots_card.legible([one])
    assert texts == [one]
    assert len(fonts) == 2


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"--plots needs matplotlib: .*tinydigits\[train\]"):
        plots.make_folder(tmp_path / "plots")
    assert not (tmp_path / "plots").exists()


def test_a_folder_that_cannot_be_made_or_written_is_an_error(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SinkError, match="file/plots: cannot be written: Not a directory"):
        plots.make_folder(file / "plots")
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", Mock(side_effect=OSError(30, os.strerror(30))))
        with pytest.raises(SinkError, match="Read-only file system"):
            plots.make_folder(tmp_path)
    (tmp_path / "classes.svg").mkdir()
    with pytest.raises(SinkError, match="cannot be written: Is a directory"):
        plots.write_plots(trained, tmp_path)
