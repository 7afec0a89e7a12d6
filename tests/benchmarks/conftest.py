"""A trained model and its bundle, made once for all tests of this folder."""

import dataclasses
from pathlib import Path

import pytest

from tinydigits_export.bundle import export
from tinydigits_export.keras_model import open_original
from tinydigits_train.data import load_data
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.training import save, train

FORMATS = ("onnx", "tflite", "int8", "c")


@pytest.fixture(scope="session")
def bundles(mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As --bundles takes it: dense/, which learned from fewer digits than there are."""
    data = load_data(str(mnist_dir))
    few = Digits(data.train.images[:4000], data.train.labels[:4000])
    keras = tmp_path_factory.mktemp("trained") / "dense.keras"
    save(train("dense", dataclasses.replace(data, train=few), seed=0), keras)
    folder = tmp_path_factory.mktemp("bundles")
    export(open_original(keras), folder / "dense", FORMATS, data)
    return folder
