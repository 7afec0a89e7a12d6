"""Run a converter on a network that it may not know: it may fail, or take the process with it."""

import multiprocessing
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from tinydigits import MissingExtra, ModelError
from tinydigits.quiet import own_process
from tinydigits_export.keras_model import Original
from tinydigits_train.tensorflow import load_tensorflow

# Kinds of layers that every converter was seen to survive.
SURVIVED = (
    *("Activation", "AveragePooling2D", "BatchNormalization", "Conv2D", "Dense", "DepthwiseConv2D"),
    *("Dropout", "Flatten", "GlobalAveragePooling2D", "MaxPooling2D", "Permute", "ReLU"),
    *("Rescaling", "Reshape", "Softmax", "SpatialDropout2D"),
)
_PLAIN = (None, "linear", "relu", "sigmoid", "softmax", "tanh")  # activations
LONGEST_CAUSE = 160  # characters; the TFLite converter writes a page


def convert(
    converter: Callable[..., bytes], original: Original, *args: Any, kills: bool = False
) -> bytes:
    """Return converter(original, *args). Raises ModelError, which names the layer, if it fails.

    kills: whether this converter can end the process. Then it gets one of its own, if the network
    has a layer that is not in SURVIVED.
    """
    try:
        if not kills or all(type(layer).__name__ in SURVIVED for layer in _layers(original.model)):
            return converter(original, *args)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, _begin) as pool:
            return pool.submit(converter, original, *args).result()
    except (ModelError, MissingExtra):
        raise
    except BrokenProcessPool as error:
        raise _failed(original, "the converter crashed") from error
    # The converters raise errors of protobuf, MLIR, TensorFlow and onnx, which have no common base.
    except Exception as error:
        raise _failed(original, str(error)) from error


def _begin() -> None:
    own_process()
    load_tensorflow("export", "export")


def _failed(original: Original, text: str) -> ModelError:
    lines = (line.rpartition("error: ")[2].strip() for line in text.splitlines())  # after the place
    cause = next((line for line in lines if line), "it gives no reason")
    if len(cause) > LONGEST_CAUSE:
        cause = "it does not know what the layer computes"
    return ModelError(
        f"{original.path}: {_blamed(original.model, text)} cannot be converted: {cause}"
    )


def _blamed(model: Any, text: str) -> str:
    """Return the layer that a converter failed at: the first of an uncommon kind, of those that its
    message names if there are any such.
    """
    layers = _layers(model)
    # TensorFlow numbers the names of layers that are called once more.
    named = [layer for layer in layers if re.search(rf"\b{re.escape(layer.name)}(_\d+)?/", text)]
    odd = [layer for layer in layers if not _is_plain(layer)]
    found = [layer for layer in odd if layer in named] or odd or named
    if not found:
        return "the network"
    more = (_activation(found[0]), found[0].dtype_policy.name)
    with_ = ", ".join(str(name) for name in more if name not in (*_PLAIN, "float32"))
    return f"layer {found[0].name} ({type(found[0]).__name__}{with_ and f', {with_}'})"


def _layers(model: Any) -> list[Any]:
    """Return the layers, those of nested models in place of these."""
    result = []
    for layer in model.layers:
        result += _layers(layer) if hasattr(layer, "layers") else [layer]
    return [layer for layer in result if type(layer).__name__ != "InputLayer"]


def _activation(layer: Any) -> str | None:
    return getattr(getattr(layer, "activation", None), "__name__", None)


def _is_plain(layer: Any) -> bool:
    known = type(layer).__name__ in SURVIVED and _activation(layer) in _PLAIN
    return known and layer.dtype_policy.name == "float32"
