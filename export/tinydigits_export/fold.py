"""Folding batch normalisation into the layer before it.

At inference it multiplies each map by a constant and adds another, which the weights and bias of a
linear layer can do themselves (Jacob et al., 2018, section 3.2). The converters fold it after some
kinds of layers only; this module folds it after all of them, once, for every format.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits_train.tensorflow import load_tensorflow


def folded(model: Any) -> Any:
    """Return the same function without BatchNormalization layers directly after a linear layer.

    A model that is not a plain chain of layers is returned as it is.
    """
    keras = load_tensorflow("export", "export").keras
    linear = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    if type(model) is not keras.Sequential:
        return model
    chain: list[Any] = []
    weights: list[list[Any]] = []
    for layer in model.layers:
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
    result = keras.Sequential([keras.Input(model.input_shape[1:]), *chain], name=model.name)
    for layer, values in zip(chain, weights, strict=True):
        layer.set_weights(values)
    return result


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
    """Return the factor and the offset of each channel that a BatchNormalization layer applies at
    inference.
    """
    mean = np.asarray(normalisation.moving_mean, np.float64)
    variance = np.asarray(normalisation.moving_variance, np.float64)
    gamma = np.asarray(normalisation.gamma) if normalisation.scale else np.ones(len(mean))
    beta = np.asarray(normalisation.beta) if normalisation.center else np.zeros(len(mean))
    factor = gamma / np.sqrt(variance + normalisation.epsilon)
    return factor, beta - mean * factor
