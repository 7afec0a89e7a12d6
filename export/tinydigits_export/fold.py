"""Fold batch normalisation into the linear layer before it, and scaled pixels into the one after.

At inference each multiplies by a constant and adds another, which the weights and bias of a linear
layer can do themselves (Jacob et al., 2018, section 3.2). The converters fold after some kinds of
layers only; this module folds for all of them, once, for every format.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits_train.tensorflow import load_tensorflow


def folded(model: Any) -> Any:
    """Return the same function without BatchNormalization directly after a linear layer, nor
    Rescaling before one.

    A model that is not a plain chain of layers is returned as it is.
    """
    keras = load_tensorflow("export", "export").keras
    linear = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    if type(model) is not keras.Sequential:
        return model
    chain: list[Any] = []
    weights: list[list[Any]] = []
    layers, (scale, offset) = _rescaled(keras, model.layers, linear)
    for layer in layers:
        follows = (
            chain
            and isinstance(chain[-1], linear)
            and chain[-1].activation is keras.activations.linear
        )
        if isinstance(layer, keras.layers.BatchNormalization) and follows:
            weights[-1] = _absorbed(keras, chain[-1], weights[-1], layer)
            continue
        config = layer.get_config()
        if isinstance(layer, linear):
            config["use_bias"] = True
        chain.append(type(layer).from_config(config))
        weights.append(_with_bias(layer) if isinstance(layer, linear) else layer.get_weights())
        if isinstance(layer, linear) and (scale, offset) != (1, 0):
            weights[-1] = _of_scaled(keras, layer, weights[-1], scale, offset)
            scale, offset = 1.0, 0.0
    result = keras.Sequential([keras.Input(model.input_shape[1:]), *chain], name=model.name)
    for layer, values in zip(chain, weights, strict=True):
        layer.set_weights(values)
    return result


def chained(keras: Any, model: Any) -> list[Any] | None:
    """Return the layers of a plain chain in order, those of nested chains too. None where a layer
    has more than one input or output, or is used twice, or two have the same name.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if type(model) is not keras.Sequential:
        given = [model.inputs[0], *(layer.output for layer in layers)]
        taken = [*(layer.input for layer in layers), model.outputs[0]]
        if any(one is not other for one, other in zip(given, taken, strict=True)):
            return None
    result: list[Any] = []
    for layer in layers:
        inner = chained(keras, layer) if isinstance(layer, keras.Model) else [layer]
        if inner is None:
            return None
        result += inner
    return result if len({layer.name for layer in result}) == len(result) else None


def _rescaled(keras: Any, layers: list[Any], linear: Any) -> tuple[list[Any], tuple[float, float]]:
    """Take the Rescaling layers off the beginning where the first linear layer can do their work.

    Returns the layers that are left, and the factor and the offset for that layer.
    """
    same = keras.layers.Flatten, keras.layers.Reshape, keras.layers.Dropout
    scale, offset, left = 1.0, 0.0, list[Any]()
    for at, layer in enumerate(layers):
        if isinstance(layer, keras.layers.Rescaling) and np.ndim(layer.scale) == 0:
            scale, offset = scale * layer.scale, offset * layer.scale + layer.offset
        elif isinstance(layer, same):
            left.append(layer)
        elif isinstance(layer, linear) and (
            # A border holds zeros, to which no offset was added.
            offset == 0 or getattr(layer, "padding", "valid") == "valid"
        ):
            return [*left, *layers[at:]], (scale, offset)
        else:
            break
    return layers, (1.0, 0.0)


def _of_scaled(
    keras: Any, layer: Any, weights: list[Any], scale: float, offset: float
) -> list[Any]:
    """Return the kernel and bias with which `layer` takes what was not rescaled."""
    kernel, bias = (values.astype(np.float64) for values in weights)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    inputs = (0, 1) if depthwise else tuple(range(kernel.ndim - 1))
    summed = kernel.sum(axis=inputs).ravel()
    return [(kernel * scale).astype(np.float32), (bias + offset * summed).astype(np.float32)]


def _with_bias(layer: Any) -> list[Any]:
    """Return kernel and bias; zeros for a layer without a bias."""
    values = layer.get_weights()
    return values if layer.use_bias else [*values, np.zeros(layer.output.shape[-1], np.float32)]


def _absorbed(keras: Any, layer: Any, weights: list[Any], normalisation: Any) -> list[Any]:
    """Return the kernel and bias with which `layer` does the work of `normalisation` too."""
    kernel, bias = (values.astype(np.float64) for values in weights)
    factor, offset = scaling(normalisation)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        # [height, width, maps in, maps out for each]: the maps out lie in that order.
        kernel = kernel * factor.reshape(kernel.shape[2:])
    else:
        kernel = kernel * factor
    return [kernel.astype(np.float32), (bias * factor + offset).astype(np.float32)]


def scaling(normalisation: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the factor and the offset by which BatchNormalization changes each channel."""
    mean = np.asarray(normalisation.moving_mean, np.float64)
    variance = np.asarray(normalisation.moving_variance, np.float64)
    gamma = np.asarray(normalisation.gamma) if normalisation.scale else np.ones(len(mean))
    beta = np.asarray(normalisation.beta) if normalisation.center else np.zeros(len(mean))
    factor = gamma / np.sqrt(variance + normalisation.epsilon)
    return factor, beta - mean * factor
