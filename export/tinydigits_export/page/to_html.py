"""Keras → one HTML page that reads drawn digits and pictures, in any browser, offline.

The page holds everything: the layers as JSON, their weights as base64, the fit as WebAssembly
(runtime/core/fit.c, which runtime/core/wasm.sh compiled), the network in JavaScript, and its style.
It fetches nothing, and its content security policy forbids it.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ModelError
from tinydigits.info import ModelInfo
from tinydigits_export.fold import folded, scaling
from tinydigits_export.keras_model import Original
from tinydigits_export.templates import fill

TEMPLATES = Path(__file__).with_name("templates")
# In the order in which the page reads them.
SCRIPTS = (
    *("fit.js", "network.js", "pictures.js", "strokes.js", "numbers.js"),
    *("answer.js", "page.js"),
)
MODEL_OPENS, MODEL_CLOSES = '<script id="model" type="application/json">', "</script>"
MOST_WEIGHTS = 4_000_000  # 16 MB, 21 in base64: a larger page takes seconds to open

_ACTIVATIONS = ("linear", "relu", "sigmoid", "softmax", "tanh")
_SHAPE_ONLY = ("Flatten", "Reshape", "Dropout", "SpatialDropout2D")  # at inference
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}

Weights = NDArray[np.float32]


def to_html(original: Original, info: ModelInfo) -> bytes:
    """Return the page, in UTF-8. Raises ModelError if it does not know a layer of the network."""
    layers, weights = network_of(original)
    model = {
        "info": json.loads(info.to_json(indent=None)),
        "layers": layers,
        "weights": b64encode(weights.astype("<f4").tobytes()).decode("ascii"),
    }
    text = json.dumps(model, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)
    parts = {
        "fit": b64encode((TEMPLATES / "fit.wasm").read_bytes()).decode("ascii"),
        "style": (TEMPLATES / "page.css").read_text("utf-8"),
        "model": text,
        "script": "\n".join((TEMPLATES / name).read_text("utf-8") for name in SCRIPTS),
    }
    return fill(TEMPLATES / "page.html", parts).encode("utf-8", "backslashreplace")


def network_of(original: Original) -> tuple[list[dict[str, Any]], Weights]:
    """Return the layers as network.js takes them, and all their weights, one after another."""
    model, where = folded(original.model), str(original.path)
    if type(model).__name__ != "Sequential":
        raise ModelError(f"{where}: a page can be made only from a plain chain of layers")
    if (count := model.count_params()) > MOST_WEIGHTS:
        raise ModelError(
            f"{where}: {count:,} weights would make a page of {count * 4 * 4 // 3:,} bytes, and "
            f"{MOST_WEIGHTS:,} weights are allowed: export it to onnx or tflite"
        )
    layers: list[dict[str, Any]] = []
    arrays: list[Weights] = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in _SHAPE_ONLY:
            continue
        if kind not in _READERS:
            raise ModelError(
                f"{where}: {layer.name} is a {kind}, which the page does not know; it knows "
                f"{', '.join(sorted((*_READERS, *_SHAPE_ONLY)))}"
            )
        described, own = _READERS[kind](layer, where)
        described.setdefault("shape", list(layer.output.shape[1:]))
        described["arrays"] = [array.size for array in own]
        layers.append(described)
        arrays += own
    return layers, np.concatenate([array.ravel() for array in arrays]).astype(np.float32)


_Read = tuple[dict[str, Any], list[Weights]]


def _dense(layer: Any, where: str) -> _Read:
    return {"kind": "dense", "activation": _activation(layer, where)}, layer.get_weights()


def _convolution(layer: Any, where: str) -> _Read:
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    if set(layer.dilation_rate) != {1} or (not depthwise and layer.groups != 1):
        raise ModelError(
            f"{where}: {layer.name} is dilated or grouped, which the page does not know"
        )
    kind, activation = "depthwise" if depthwise else "conv", _activation(layer, where)
    window = _window(layer, layer.kernel_size, where)
    return {"kind": kind, "activation": activation, **window}, layer.get_weights()


def _pool(layer: Any, where: str) -> _Read:
    kind = "max_pool" if type(layer).__name__.startswith("Max") else "average_pool"
    return {"kind": kind, "activation": "linear", **_window(layer, layer.pool_size, where)}, []


def _global_average(layer: Any, _where: str) -> _Read:
    """Describe it as a window over the whole map."""
    height, width, maps = layer.input.shape[1:]
    size = {"from": [height, width, maps], "window": [height, width], "strides": [1, 1]}
    rest = {"before": [0, 0], "shape": [1, 1, maps]}
    return {"kind": "average_pool", "activation": "linear", **size, **rest}, []


def _window(layer: Any, window: tuple[int, int], where: str) -> dict[str, Any]:
    """Return how a window moves over the map, and how many of its cells lie outside at first."""
    if layer.data_format != "channels_last":
        raise ModelError(f"{where}: {layer.name} is {layer.data_format}: channels_last is expected")
    from_, to = layer.input.shape[1:], layer.output.shape[1:]
    before = [0, 0]
    strides = list(layer.strides)
    if layer.padding == "same":  # the odd one is added at the end, as TensorFlow does
        reached = [(to[axis] - 1) * strides[axis] + window[axis] for axis in (0, 1)]
        before = [max(reached[axis] - from_[axis], 0) // 2 for axis in (0, 1)]
    return {"from": list(from_), "window": list(window), "strides": strides, "before": before}


def _rescaling(layer: Any, _where: str) -> _Read:
    ones = np.ones(layer.input.shape[-1])
    return _scale(layer.scale * ones, layer.offset * ones)


def _scale(factor: Any, offset: Any) -> _Read:
    arrays = [np.asarray(values, np.float32) for values in (factor, offset)]
    return {"kind": "scale", "activation": "linear"}, arrays


def _activation_layer(layer: Any, where: str) -> _Read:
    return {"kind": "activation", "activation": _activation(layer, where)}, []


def _relu(layer: Any, where: str) -> _Read:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise ModelError(
            f"{where}: {layer.name} is not a plain ReLU, the only one that the page knows"
        )
    return {"kind": "activation", "activation": "relu"}, []


def _activation(layer: Any, where: str) -> str:
    name = str(getattr(layer.activation, "__name__", layer.activation))
    if name == "softmax" and len(layer.output.shape) > 2:  # of each place: a page has no such
        name = f"softmax over {list(layer.output.shape[1:])}"
    if name not in _ACTIVATIONS:
        raise ModelError(
            f"{where}: {layer.name} has activation {name}, which the page does not know; it knows "
            f"{', '.join(_ACTIVATIONS)}"
        )
    return name


_READERS: Mapping[str, Any] = {
    "Activation": _activation_layer,
    "AveragePooling2D": _pool,
    # One that could not be folded: a factor and an offset for each channel.
    "BatchNormalization": lambda layer, _where: _scale(*scaling(layer)),
    "Conv2D": _convolution,
    "Dense": _dense,
    "DepthwiseConv2D": _convolution,
    "GlobalAveragePooling2D": _global_average,
    "MaxPooling2D": _pool,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Softmax": lambda _layer, _where: ({"kind": "activation", "activation": "softmax"}, []),
}
