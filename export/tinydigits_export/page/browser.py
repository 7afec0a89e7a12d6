"""The network inside a page, run in NumPy, to prove what `to_html` wrote into it.

It reads the layers and weights back from the bytes of the page and computes as network.js does. A
test in a browser proves that the script does the same: tests/export/page/test_to_html.py.
"""

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tinydigits.errors import ModelError
from tinydigits.info import ModelInfo
from tinydigits_export.page.to_html import MODEL_CLOSES, MODEL_OPENS

BATCH = 256  # images at a time: the windows of so many take 60 MB in `conv`

Floats = NDArray[np.float32]


class HtmlBackend:
    """A `tinydigits.model.Backend`."""

    name = "numpy"
    metadata: ModelInfo | None
    classes: int
    sha256: str

    def __init__(self, data: bytes, origin: str) -> None:
        try:
            text = data.decode("utf-8").split(MODEL_OPENS)[1].split(MODEL_CLOSES)[0]
            model = json.loads(text)
            self.metadata = ModelInfo.from_json(json.dumps(model["info"]), origin)
            self._layers = _with_arrays(model)
            self.classes = self._layers[-1]["shape"][-1]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ModelError(
                f"{origin}: not a page that `tinydigits export` wrote: {error!r}"
            ) from error
        self.sha256 = hashlib.sha256(data).hexdigest()

    def scores(self, images: NDArray[np.uint8]) -> Floats:
        """Run the network. images: uint8 [N, 28, 28] → float32 [N, K]."""
        parts = [self._run(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
        return np.concatenate(parts)

    def _run(self, images: NDArray[np.uint8]) -> Floats:
        values: Floats = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
        for layer in self._layers:
            values = _LAYERS[layer["kind"]](values, layer).reshape(len(images), -1)
            values = _ACTIVATIONS[layer["activation"]](values)
        return values


def _with_arrays(model: Any) -> list[dict[str, Any]]:
    """Return the layers, each with its arrays from the one text that holds them all."""
    weights = np.frombuffer(b64decode(model["weights"], validate=True), "<f4").astype(np.float32)
    ends = np.cumsum([size for layer in model["layers"] for size in layer["arrays"]])
    if ends[-1] != len(weights):
        raise ValueError(f"{len(weights):,} weights, where the layers hold {ends[-1]:,}")
    arrays = iter(np.split(weights, ends[:-1]))
    return [
        {**layer, "arrays": [next(arrays) for _ in layer["arrays"]]} for layer in model["layers"]
    ]


def _dense(values: Floats, layer: Mapping[str, Any]) -> Any:
    kernel, bias = layer["arrays"]
    kernel = kernel.reshape(-1, len(bias))
    return values.reshape(-1, len(kernel)) @ kernel + bias


def _conv(values: Floats, layer: Mapping[str, Any]) -> Any:
    kernel, bias = layer["arrays"]
    windows = _windows(values, layer, 0)  # [N, H, W, maps, down, across]
    kernel = kernel.reshape(*layer["window"], layer["from"][2], len(bias))
    return np.tensordot(windows, kernel, ((4, 5, 3), (0, 1, 2))) + bias


def _depthwise(values: Floats, layer: Mapping[str, Any]) -> Any:
    kernel, bias = layer["arrays"]
    maps = layer["from"][2]
    kernel = kernel.reshape(*layer["window"], maps, -1)
    found = np.einsum("nhwmda,damk->nhwmk", _windows(values, layer, 0), kernel)
    return found.reshape(*found.shape[:3], -1) + bias


def _max_pool(values: Floats, layer: Mapping[str, Any]) -> Any:
    return _windows(values, layer, -np.inf).max(axis=(4, 5))


def _average_pool(values: Floats, layer: Mapping[str, Any]) -> Any:
    """Average the cells that lie within the map."""
    return np.nanmean(_windows(values, layer, np.nan), axis=(4, 5), dtype=np.float32)


def _scale(values: Floats, layer: Mapping[str, Any]) -> Any:
    factor, offset = layer["arrays"]
    return values.reshape(-1, len(factor)) * factor + offset


def _windows(values: Floats, layer: Mapping[str, Any], outside: float) -> Any:
    """[N, H, W, maps, down, across]: what lies under the window at each place."""
    height, width, maps = layer["from"]
    (down, across), (top, left) = layer["window"], layer["before"]
    strides, shape = layer["strides"], layer["shape"]
    bottom = max(0, (shape[0] - 1) * strides[0] + down - height - top)
    right = max(0, (shape[1] - 1) * strides[1] + across - width - left)
    padding = ((0, 0), (top, bottom), (left, right), (0, 0))
    padded = np.pad(values.reshape(-1, height, width, maps), padding, constant_values=outside)
    windows = sliding_window_view(padded, (down, across), axis=(1, 2))
    return windows[:, :: strides[0], :: strides[1]][:, : shape[0], : shape[1]]


def _sigmoid(values: Floats) -> Any:
    with np.errstate(over="ignore"):  # exp(…) = inf gives 0, as it should
        return 1 / (1 + np.exp(-values))


def _softmax(values: Floats) -> Any:
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


_LAYERS: Mapping[str, Any] = {
    "activation": lambda values, _layer: values,
    "average_pool": _average_pool,
    "conv": _conv,
    "dense": _dense,
    "depthwise": _depthwise,
    "max_pool": _max_pool,
    "scale": _scale,
}
_ACTIVATIONS: Mapping[str, Any] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "tanh": np.tanh,
}
