"""Only a Keras file of the contract is opened, and never one that could run code."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinydigits import ModelError
from tinydigits_export.keras_model import open_original
from tinydigits_train.tensorflow import load_tensorflow


def saved(folder: Path, *layers: Any, shape: tuple[int, ...] = (784,)) -> Path:
    keras = load_tensorflow("a test", "train").keras
    path = folder / "digits.keras"
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
        ((784,), 9, "sigmoid", "9 outputs, where 10 labels"),
        ((784,), 10, "softmax", "activation softmax, where sigmoid"),
        ((28, 28), 10, "sigmoid", r"→ float32 \[None, 28, 10\]"),
    ],
)
def test_another_network_is_refused(
    tmp_path: Path, shape: tuple[int, ...], units: int, activation: str, said: str
) -> None:
    with pytest.raises(ModelError, match=f"digits.keras: .*{said}"):
        open_original(saved(tmp_path, dense(units, activation), shape=shape))


def test_a_model_that_is_not_built_is_refused(tmp_path: Path) -> None:
    keras = load_tensorflow("a test", "train").keras
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


def test_code_in_a_layer_is_refused(tmp_path: Path) -> None:
    keras = load_tensorflow("a test", "train").keras
    with pytest.raises(ModelError, match="cannot open it safely"):
        open_original(saved(tmp_path, keras.layers.Lambda(lambda x: x), dense()))


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({"weights": [1, 2]}), "a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", "a Keras 2 HDF5 file"),
        (b"text", "starts with b'text'"),
        (b"", "starts with b''"),
        (zipped("a.txt", b"text"), "Keras cannot open it"),
        (zipped("config.json", b"{}")[:-10], "Keras cannot open it"),
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
