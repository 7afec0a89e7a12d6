"""A trained network is trained further: for its own classes, for others, and from corrections."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import run
from tests.train.test_data import small_mnist
from tests.train.test_labelled_folder import listed, shapes
from tinydigits import ModelError
from tinydigits_train import batches, starting
from tinydigits_train.data import Dataset
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.starting import Start, open_start, rehearsed, settle
from tinydigits_train.tensorflow import load_tensorflow

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def start() -> Start:
    keras = load_tensorflow("a test", "train").keras
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="sigmoid")]
    return Start(
        "old", keras.Sequential([keras.Input((28, 28, 1)), *layers]), ("a", "b", "c"), "auto"
    )


def test_known_classes_keep_their_weights_and_new_ones_get_others(start: Start) -> None:
    keras = load_tensorflow("a test", "train").keras
    model = keras.Sequential(start.layers(("c", "new", "a")))
    kernel, bias = start.model.layers[-1].get_weights()
    found, offsets = model.layers[-1].get_weights()
    assert np.array_equal(found[:, [0, 2]], kernel[:, [2, 0]])
    assert found[:, 1].std() == pytest.approx(784**-0.5, rel=0.2)
    assert offsets.tolist() == [bias[2], 0, bias[0]]
    assert start.layers(start.labels)[1:] == start.model.layers


def test_what_it_knew_is_rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "REHEARSED", 100)
    own = Digits(np.full((20, 28, 28), 9, np.uint8), np.arange(20, dtype=np.uint8) % 10)
    old = Digits(np.zeros((300, 28, 28), np.uint8), np.arange(300, dtype=np.uint8) % 10)
    data, mnist = (Dataset(each, each, "a name", "a test") for each in (own, old))
    mixed = rehearsed(data, mnist, 0, listed=False)
    assert (mixed.train.images[:, 0, 0] == 9).sum() == 5 * 20
    assert (mixed.train.images[:, 0, 0] == 0).sum() == 100
    assert mixed.validation is not None
    assert (mixed.validation.images[:, 0, 0] == 9).tolist() == [True] * 2 + [False] * 30
    assert mixed.known is not None
    assert len(mixed.known.labels) == 30
    assert mixed.test is own
    assert rehearsed(data, None, 0, listed=False) is data
    letters = Dataset(own, own, "a name", "a test", tuple("abcdefghij"))
    assert rehearsed(letters, mnist, 0, listed=False) is letters


def test_all_corrections_are_learnt_from_and_pictures_of_no_class_are_shown_as_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "REHEARSED", 100)
    own = Digits(np.full((20, 28, 28), 9, np.uint8), np.arange(20, dtype=np.uint8) % 10)
    none = np.full((5, 28, 28), 5, np.uint8)
    data = Dataset(own, own, "a name", "a test", others=none)
    mixed = rehearsed(data, data, 0, listed=True)
    assert len(mixed.train.labels) == 4 * 20 + 18
    assert len(mixed.others) == 4 * 5
    assert mixed.validation is not None
    assert len(mixed.validation.labels) == 20 + 2


@pytest.mark.parametrize(("new", "kept"), [(-1.0, 0.6), (0.0, 1.0)])
def test_weights_go_back_until_no_more_is_read_wrong(new: float, kept: float) -> None:
    keras = load_tensorflow("a test", "train").keras
    dense = keras.layers.Dense(2, use_bias=False)
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), dense])
    bright = Digits(np.full((4, 28, 28), 255, np.uint8), np.zeros(4, np.uint8))
    before, after = np.full((784, 2), 0.0, np.float32), np.full((784, 2), 0.0, np.float32)
    before[:, 0], after[:, 0] = 1.7, new  # above 0, class 0 is read, and below it, class 1
    model.set_weights([after])
    settle(model, [before], Dataset(bright, bright, "a name", "a test"), bright)
    assert model.get_weights()[0][0, 0] == pytest.approx(1.7 + kept * (new - 1.7))


def test_corrections_are_learnt_and_what_is_right_is_said_before_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "FEWEST_PICTURES_SHOWN", 640)
    monkeypatch.setenv("TINYDIGITS_DATA", str(small_mnist(tmp_path)))
    shapes(tmp_path, {"round": 6, "tick": 6})
    first = ("--recipe", "pictures", "--data", str(tmp_path), "--epochs", "1", "-o", "old.keras")
    assert run("train", *first, cwd=tmp_path)[0] == 0
    corrected = [(f"{name}/{n}.png", truth) for name, truth in (("round", "6"), ("tick", "1"))
                 for n in range(6)]  # fmt: skip
    shapes(tmp_path, {"none": 5})
    path = listed(tmp_path, *corrected, ("none/0.png", ""), ("none/1.png", ""))
    words = ("--from", "old.keras", "--data", path, "--epochs", "8", "-o", "new.keras")
    status, figures, progress = run("train", *words, cwd=tmp_path)
    assert status == 0, progress
    before, after = figures.splitlines()[:2]
    assert before.startswith("before: old reads ")
    assert "of 12 pictures of list.csv" in before
    assert "of 4 test digits of MNIST" in before
    assert before.endswith(" of 2 without a truth")
    assert "2 pictures of list.csv have no truth: it learns that they are none of the" in progress
    assert after.startswith("after: it reads 12 of 12 pictures of list.csv (100.00%), ")
    assert json.loads((tmp_path / "new.train.json").read_text())["data"]["from"] == "old"


def test_other_classes_get_a_new_head_and_what_is_not_known_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "FEWEST_PICTURES_SHOWN", 640)
    for folder, names in (("one", ("round", "tick")), ("two", ("round", "10 bars"))):
        shapes(tmp_path / folder, dict.fromkeys(names, 8))
    words = (
        "--recipe",
        "pictures",
        "--fit",
        "auto",
        "--data",
        "one",
        "--epochs",
        "5",
        "-o",
        "one.keras",
    )
    assert run("train", *words, cwd=tmp_path)[0] == 0
    again = ("--from", "one.keras", "--data", "two", "--epochs", "5", "-o", "two.keras")
    status, figures, _ = run("train", *again, cwd=tmp_path)
    assert status == 0
    assert figures.startswith("before: one reads ")
    assert figures.splitlines()[0].endswith("; it does not know 10 bars")
    assert json.loads((tmp_path / "two.train.json").read_text())["labels"] == ["10 bars", "round"]


def test_a_list_without_a_truth_is_refused_where_mnist_cannot_be_rehearsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    shapes(tmp_path, {"none": 1})
    words = ("--data", listed(tmp_path, ("none/0.png", "")), "-o", "new.keras")
    for start in ((), ("--from", "conv")):
        status, _, said = run("train", *start, *words, cwd=tmp_path)
        assert status == 2
        assert "list.csv: lists no picture with a truth to learn from" in said


def test_a_model_that_cannot_be_trained_further_is_named(tmp_path: Path) -> None:
    message = "no such file; bundled: conv, light, dense; `tinydigits train`"
    with pytest.raises(ModelError, match=message):
        open_start(str(tmp_path / "none.keras"))
    (tmp_path / "bad.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"bad\.keras: Keras cannot open it safely"):
        open_start(str(tmp_path / "bad.keras"))
