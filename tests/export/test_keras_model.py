"""Any Keras digit model is opened, and never one that could run code."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.files import zipped
from tests.support.lessons import few, keras_linear
from tinydigits import ModelError
from tinydigits_export.fold import folded
from tinydigits_export.keras_model import open_original
from tinydigits_export.ranges import RANGES, UNIT
from tinydigits_train.labelled_folder import Dataset, Digits
from tinydigits_train.tensorflow import load_tensorflow


def saved(
    folder: Path, *layers: Any, shape: tuple[int, ...] = (784,), name: str = "digits.keras"
) -> Path:
    keras = load_tensorflow("a test", "train").keras
    path = folder / name
    keras.Sequential([keras.Input(shape), *layers]).save(path)
    return path


def dense(units: int = 10, activation: str = "sigmoid") -> Any:
    return load_tensorflow("a test", "train").keras.layers.Dense(units, activation=activation)


@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 1)])
def test_each_input_shape_of_the_contract_is_taken(tmp_path: Path, shape: tuple[int, ...]) -> None:
    flatten = load_tensorflow("a test", "train").keras.layers.Flatten()
    original = open_original(saved(tmp_path, flatten, dense(), shape=shape))
    assert original.input_shape == shape
    assert original.scores(np.zeros((3, 28, 28), np.uint8)).shape == (3, 10)
    assert original.record == {}


@pytest.mark.parametrize(
    ("shape", "units", "activation", "said"),
    [
        ((100,), 10, "sigmoid", r"float32 \[None, 100\] → float32 \[None, 10\]"),
        ((28, 28), 10, "sigmoid", r"→ float32 \[None, 28, 10\]"),
    ],
)
def test_another_network_is_refused(
    tmp_path: Path, shape: tuple[int, ...], units: int, activation: str, said: str
) -> None:
    with pytest.raises(ModelError, match=f"digits.keras: .*{said}"):
        open_original(saved(tmp_path, dense(units, activation), shape=shape))


LESSONS: dict[str, tuple[str, Callable[[Any, Digits], Any]]] = {
    "softmax": ("0..1", lambda k, d: keras_linear(k, d, UNIT, None, k.layers.Softmax())),
    "logits": ("-1..1", lambda k, d: keras_linear(k, d, RANGES["-1..1"], None)),
    "rescaling": (
        "0..255",
        lambda k, d: keras_linear(
            k, d, UNIT, k.layers.Rescaling(1 / 255), None, k.layers.Activation("softmax")
        ),
    ),
    "nested": (
        "normalised",
        lambda k, d: k.Sequential(
            [keras_linear(k, d, RANGES["normalised"], None), k.layers.Softmax()]
        ),
    ),
    "sigmoids": (
        "0..1", lambda k, d: keras_linear(k, d, UNIT, None, k.layers.Activation("sigmoid"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("written", ["digits.keras", "digits.h5", "functional"])
def test_the_networks_of_lessons_are_taken(
    lesson: str, written: str, mnist: Dataset, tmp_path: Path
) -> None:
    """Whatever they end in and whatever range they take, scores come of pixels in 0..1, and the
    layers are a plain chain, which every format takes."""
    keras, data = load_tensorflow("a test", "train").keras, few(mnist)
    range_, make = LESSONS[lesson]
    model = make(keras, data.train)
    if written == "functional":
        values = start = keras.Input((28, 28, 1))
        for layer in model.layers:
            values = layer(values)
        model = keras.Model(start, values)
    path = tmp_path / (written if "." in written else "digits.keras")
    model.save(path)
    original = open_original(path).adapted(data.test, data.labels)
    assert original.found is not None
    assert original.found.range.name == range_
    scores = original.scores(data.test.images)
    assert (scores.argmax(axis=1) == data.test.labels).mean() > 0.7
    assert (original.activation == "softmax") == (lesson != "sigmoids")
    if lesson != "sigmoids":
        assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    if (lesson, written) != ("nested", "functional"):
        assert [type(layer).__name__ for layer in folded(original.model).layers][:2] == [
            *("Flatten", "Dense")
        ]
        pixels = (data.test.images[:20, ..., None] / 255).astype(np.float32)
        assert np.allclose(folded(original.model)(pixels), scores[:20], atol=1e-5)


def test_the_data_has_as_many_classes(tmp_path: Path, mnist: Dataset) -> None:
    nine = open_original(saved(tmp_path, dense(9)))
    with pytest.raises(ModelError, match=r"9 outputs, where 10 labels .* --data"):
        nine.adapted(mnist.test, mnist.labels)


def test_a_model_that_is_not_built_is_refused(tmp_path: Path, keras: Any) -> None:
    path = tmp_path / "digits.keras"
    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([keras.layers.Dense(10, activation="sigmoid")]).save(path)
    with pytest.raises(ModelError, match="holds a Sequential, not a model that is ready to run"):
        open_original(path)


def test_a_name_that_an_int8_form_would_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="rename it"):
        open_original(tmp_path / "digits.int8.keras")


def test_a_damaged_record_is_refused(keras_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "digits.keras"
    path.write_bytes(keras_path.read_bytes())
    record = json.loads(keras_path.with_suffix(".train.json").read_text())
    damages: list[dict[str, Any]] = [{"labels": None}, {"data": 3}, {"metrics": []}]
    for damage in damages:
        path.with_suffix(".train.json").write_text(json.dumps(record | damage))
        with pytest.raises(ModelError, match=r"digits\.train\.json: damaged"):
            open_original(path)


def test_code_in_a_layer_is_refused(tmp_path: Path, keras: Any) -> None:
    with pytest.raises(ModelError, match="cannot open it safely"):
        open_original(saved(tmp_path, keras.layers.Lambda(lambda x: x), dense()))
    with pytest.raises(
        ModelError, match=r"digits\.h5: Keras cannot open it safely: it holds a Lam"
    ):
        open_original(saved(tmp_path, keras.layers.Lambda(lambda x: x), dense(), name="digits.h5"))
    weights = tmp_path / "digits.weights.h5"
    keras.Sequential([keras.Input((784,)), dense()]).save_weights(weights)
    with pytest.raises(ModelError, match="it holds weights alone: save the whole model"):
        open_original(weights)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({"weights": [1, 2]}), "a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", r"an HDF5 file: rename it to digits\.h5"),
        (b"\x08\x08", "an ONNX file, which `tinydigits adopt` takes"),
        (b"text", "starts with b'text'"),
        (b"", "starts with b''"),
        (zipped(("a.txt", b"text")), "Keras cannot open it"),
        (zipped(("config.json", b"{}"))[:-10], "Keras cannot open it"),
    ],
)
def test_what_is_no_keras_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "digits.keras"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"digits.keras: .*{said}"):
        open_original(path)


def test_a_missing_file_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"No such file.*tinydigits train"):
        open_original(tmp_path / "digits.keras")


def test_the_record_counts_only_for_its_own_file(keras_path: Path, tmp_path: Path) -> None:
    assert open_original(keras_path).record["recipe"] == "dense"
    other = saved(tmp_path, dense())
    record = keras_path.with_suffix(".train.json").read_bytes()
    other.with_suffix(".train.json").write_bytes(record)
    assert open_original(other).record == {}
