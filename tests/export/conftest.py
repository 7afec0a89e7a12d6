"""A trained model and its bundle, made once for all tests of this folder."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import MadeOnce
from tests.support.chromium import chromium
from tests.support.pages import Opens, opened, opener
from tests.support.programs import tools_or_skip
from tinydigits_export.bundle import export
from tinydigits_export.c.backend import host_compiler
from tinydigits_export.keras_model import Original, open_original
from tinydigits_train.data import load_data
from tinydigits_train.labelled_folder import Dataset
from tinydigits_train.recipes import RECIPES
from tinydigits_train.tensorflow import load_tensorflow

HERE = Path(__file__).parent
FORMATS = ("onnx", "tflite", "int8", "c", "html")  # those that are trained on take longer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder: each begins with a Keras model."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("tensorflow")


@pytest.fixture(scope="session")
def mnist(mnist_dir: Path) -> Dataset:
    return load_data(str(mnist_dir))


@pytest.fixture(scope="session")
def keras() -> Any:
    return load_tensorflow("a test", "train").keras


@pytest.fixture(scope="session")
def bundle(keras_path: Path, mnist: Dataset, made_once: MadeOnce) -> Path:
    """Exported to FORMATS. Tests that change it copy it first."""
    return made_once(
        "bundle", lambda folder: export(open_original(keras_path), folder, FORMATS, mnist)
    )


@pytest.fixture(scope="session")
def compiler() -> None:
    """Tests that use it are skipped where there is no C compiler."""
    with tools_or_skip():
        host_compiler()


@pytest.fixture(scope="module")
def original(keras_path: Path) -> Original:
    return open_original(keras_path)


@pytest.fixture(scope="module")
def dense(keras_path: Path) -> Original:
    return open_original(keras_path)


@pytest.fixture(scope="module")
def conv(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """Its layers, untrained."""
    return opened(RECIPES["conv"].build(keras, 100, 10), tmp_path_factory.mktemp("conv"))


@pytest.fixture(scope="session")
def read_conv(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """`conv` with the weights of the bundled model: it takes too long to train in a test."""
    return _bundled(keras, "conv", tmp_path_factory.mktemp("conv"))


@pytest.fixture(scope="session")
def read_light(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """`light` likewise."""
    return _bundled(keras, "light", tmp_path_factory.mktemp("light"))


@pytest.fixture(scope="session")
def read_small(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """`small` with the weights that `tinydigits train --recipe small` found on MNIST."""
    model = RECIPES["small"].build(keras, 100, 10)
    with np.load(HERE / "small.npz") as found:
        model.set_weights(list(found.values()))
    path = tmp_path_factory.mktemp("small") / "small.keras"
    model.save(path)
    return open_original(path)


def _bundled(keras: Any, recipe: str, folder: Path) -> Original:
    import onnx

    graph = onnx.load(str(resources.files("tinydigits") / "models" / f"{recipe}.onnx")).graph
    known = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = [
        known[name]
        for node in graph.node
        if node.op_type in ("Conv", "MatMul", "Add")
        for name in node.input
        if name in known
    ]
    model = RECIPES[recipe].build(keras, 100, 10)
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([found.pop(0).transpose(2, 3, 0, 1)])
        elif isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([found.pop(0).transpose(2, 3, 1, 0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            ones, bias = np.ones(layer.gamma.shape), found.pop(0)
            layer.set_weights([ones, bias, 0 * ones, ones - layer.epsilon])
        elif isinstance(layer, keras.layers.Dense):
            layer.set_weights(found)
    path = folder / f"{recipe}.keras"
    model.save(path)
    return open_original(path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from chromium(tmp_path_factory.mktemp("chromium"))


@pytest.fixture
def opens(browser: Any, tmp_path: Path) -> Iterator[Opens]:
    yield from opener(browser, tmp_path)
