"""A trained network is trained further: for its own classes, for others, and from corrections."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.commands import run
from tests.train.test_data import small_mnist
from tests.train.test_labelled_folder import listed, shapes
from tinydigits import ModelError
from tinydigits_train import batches, starting
from tinydigits_train.batches import joined
from tinydigits_train.labelled_folder import Dataset, Digits, no_pictures
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


def test_what_it_knew_is_rehearsed_and_all_of_ones_own_is_learnt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "REHEARSED", 100)
    own = Digits(np.full((20, 28, 28), 9, np.uint8), np.arange(20, dtype=np.uint8) % 10)
    old = Digits(np.zeros((300, 28, 28), np.uint8), np.arange(300, dtype=np.uint8) % 10)
    none = np.full((5, 28, 28), 5, np.uint8)
    data = Dataset(own, own, "a name", "a test", others=none)
    mnist = Dataset(old, old, "a name", "a test")
    mixed = rehearsed(data, mnist, 0)
    assert (mixed.train.images[:, 0, 0] == 9).sum() == 4 * 20
    assert (mixed.train.images[:, 0, 0] == 0).sum() == 100
    assert len(mixed.others) == 4 * 5
    assert mixed.validation is not None
    assert (mixed.validation.images[:, 0, 0] == 9).tolist() == [True] * 20 + [False] * 30
    assert mixed.known is not None
    assert len(mixed.known.labels) == 30
    assert mixed.test is own
    assert rehearsed(data, None, 0) is data
    letters = Dataset(own, own, "a name", "a test", tuple("abcdefghij"))
    assert rehearsed(letters, mnist, 0) is letters


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (-1.0, 1.7, 0.4),  # its own picture is learnt, and no more is changed than that needs
        (0.2, 1.7, 0.0),  # it reads that picture already
        (-1.0, -2.0, 0.0),  # it does not learn it
    ],
)
def test_weights_go_back_to_the_nearest_that_read_the_most(
    old: float, new: float, kept: float
) -> None:
    model, own, known = two_weights(), pixels(1, 0), pixels(2, 1)
    model.set_weights([weights(new, -1.0)])
    settle(model, [weights(old, -1.0)], judged(own, known))
    assert model.get_weights()[0][1, 0] == pytest.approx(old + kept * (new - old))


def test_weights_that_forget_are_not_kept() -> None:
    model, own, known = two_weights(), pixels(1, 0), pixels(2, 0)
    model.set_weights([weights(1.0, -2.0)])
    settle(model, [weights(-1.0, 1.0)], judged(own, known))
    assert np.array_equal(model.get_weights()[0], weights(-1.0, 1.0))


def test_weights_that_refuse_pictures_of_no_class_are_kept() -> None:
    model, nothing, known = (
        two_weights(),
        Digits(no_pictures(), np.zeros(0, np.uint8)),
        pixels(2, 1),
    )
    model.set_weights([weights(-1.0, -1.0)])
    data = judged(nothing, known)
    settle(model, [weights(1.0, -1.0)], replace(data, others=pixels(1, 0).images))
    assert model.get_weights()[0][1, 0] == pytest.approx(0.0, abs=0.21)


def judged(own: Digits, known: Digits) -> Dataset:
    both = joined(own, known)
    return Dataset(own, own, "a name", "a test", validation=both, known=known)


def two_weights() -> Any:
    """Two classes; the first is read where the weight of a bright pixel is above 0."""
    keras = load_tensorflow("a test", "train").keras
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False)]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


def weights(first: float, second: float) -> NDArray[np.float32]:
    """Of pixels 1 and 2, for the first class."""
    kernel = np.zeros((784, 2), np.float32)
    kernel[1:3, 0] = first, second
    return kernel


def pixels(at: int, label: int) -> Digits:
    """Four images in which only this pixel is bright."""
    images = np.zeros((4, 784), np.uint8)
    images[:, at] = 255
    return Digits(images.reshape(4, 28, 28), np.full(4, label, np.uint8))


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
    assert "list.csv: pictures without a truth: 2; it learns that they are none of the" in progress
    assert after.startswith("after: it reads 12 of 12 pictures of list.csv (100.00%), ")
    assert after.endswith("refuses 2 of 2 without a truth")
    assert json.loads((tmp_path / "new.train.json").read_text())["data"]["from"] == "old"


def test_other_classes_get_a_new_head_and_what_is_not_known_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "FEWEST_PICTURES_SHOWN", 640)
    for folder, names in (("one", ("round", "tick")), ("two", ("round", "10 bars"))):
        shapes(tmp_path / folder, dict.fromkeys(names, 8))
    words = ("--recipe", "pictures", "--fit", "auto", "--data", "one", "--epochs", "2")
    assert run("train", *words, "-o", "one.keras", cwd=tmp_path)[0] == 0
    again = ("--from", "one.keras", "--data", "two", "--epochs", "2", "-o", "two.keras")
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
        assert "list.csv: holds no readable picture with a truth to learn from" in said


def test_a_model_that_cannot_be_trained_further_is_named(tmp_path: Path) -> None:
    message = "no such file; bundled: conv, light, dense; `tinydigits train`"
    with pytest.raises(ModelError, match=message):
        open_start(str(tmp_path / "none.keras"))
    (tmp_path / "bad.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"bad\.keras: Keras cannot open it safely"):
        open_start(str(tmp_path / "bad.keras"))
