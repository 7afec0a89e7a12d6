"""Networks of other people's making: linear ones, which need no training."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinydigits_export.ranges import Range
from tinydigits_train.labelled_folder import Dataset, Digits

FEW = 2000  # digits: enough for about 80 %

Floats = NDArray[np.float32]


def few(data: Dataset) -> Dataset:
    """Return so few digits of MNIST that Keras reads them in no time."""
    train, test = (
        Digits(digits.images[:count], digits.labels[:count])
        for digits, count in ((data.train, FEW), (data.test, 500))
    )
    return Dataset(train, test, data.name, data.source)


def linear(digits: Digits, range_: Range) -> tuple[Floats, Floats]:
    """Return kernel [784, 10] and bias [10] of logits, by least squares on pixels in a range."""
    pixels = range_.of(digits.images[:FEW]).reshape(-1, 784).astype(np.float64)
    values = np.c_[pixels, np.full(len(pixels), pixels.std())]
    power = values.T @ values
    power += np.eye(785) * power.trace() / 785 * 0.01
    weights = np.linalg.solve(power, values.T @ np.eye(10)[digits.labels[:FEW]]) * 10
    bias = weights[-1] * pixels.std()
    return weights[:-1].astype(np.float32), bias.astype(np.float32)


def keras_linear(keras: Any, digits: Digits, range_: Range, *around: Any) -> Any:
    """Return the same as a Keras model of images [28, 28, 1].

    around: layers before and after the flat product, with None in its place.
    """
    product = keras.layers.Dense(10)
    at = around.index(None)
    layers = [*around[:at], keras.layers.Flatten(), product, *around[at + 1 :]]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    product.set_weights(linear(digits, range_))
    return model


def onnx_linear(
    path: Path,
    weights: tuple[Floats, Floats],
    shape: list[Any],
    last: str = "Identity",
    *,
    fixed: bool = False,
    opset: int = 17,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write the same as an ONNX file that takes `shape`. fixed: its graph takes one image, whatever
    `shape` says. last: an operator after the product. kind: the type of input and output.
    """
    arrays = {
        "kernel": weights[0],
        "scores": weights[1],
        "flat": np.array([1 if fixed else -1, 784]),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast", "flat"], ["pixels"]),
        helper.make_node("MatMul", ["pixels", "kernel"], ["product"]),
        # A name that the wrapped file has too, for something else.
        helper.make_node("Add", ["product", "scores"], ["logits"]),
        helper.make_node(last, ["logits"], ["last"]),
        helper.make_node("Cast", ["last"], ["output"], to=kind),
    ]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info("output", kind, [shape[0], 10])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path
