"""A trained model and its bundle, made once for all tests of this folder."""

from pathlib import Path

import pytest

from tinydigits_export.bundle import export
from tinydigits_export.keras_model import open_original
from tinydigits_train.data import load_data
from tinydigits_train.training import save, train

FORMATS = ("onnx", "tflite", "int8", "c")


@pytest.fixture(scope="session")
def bundles(few_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As --bundles takes it: dense/, which learned from few digits."""
    data = load_data(str(few_digits))
    keras = tmp_path_factory.mktemp("trained") / "dense.keras"
    save(train("dense", data, seed=0), keras)
    folder = tmp_path_factory.mktemp("bundles")
    export(open_original(keras), folder / "dense", FORMATS, data)
    return folder
