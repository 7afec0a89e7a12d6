"""Folding changes the layers and not the function."""

from typing import Any

import numpy as np
import pytest

from tinydigits_export.fold import folded
from tinydigits_train.tensorflow import load_tensorflow


def random_weights(model: Any) -> Any:
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("kind", ["conv", "depthwise", "multiplied", "dense"])
@pytest.mark.parametrize("bias", [False, True])
def test_the_function_stays_and_the_normalisation_goes(kind: str, bias: bool) -> None:
    layers = (keras := load_tensorflow("a test", "train").keras).layers
    layer = {
        "conv": lambda: layers.Conv2D(5, 3, use_bias=bias),
        "depthwise": lambda: layers.DepthwiseConv2D(3, use_bias=bias),
        "multiplied": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=bias),
        "dense": lambda: layers.Dense(5, use_bias=bias),
    }[kind]()
    model = random_weights(
        keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layer,
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Flatten(),
                layers.Dense(4),
            ]
        )
    )
    result = folded(model)
    assert not [x for x in result.layers if isinstance(x, layers.BatchNormalization)]
    images = np.random.default_rng(1).normal(0, 0.1, (7, 8, 8, 3)).astype(np.float32)
    before, after = (np.asarray(m(images, training=False)) for m in (model, result))
    assert np.ptp(before) > 0
    assert np.allclose(before, after, rtol=1e-4, atol=1e-4)


def test_a_normalisation_after_an_activation_stays(keras: Any) -> None:
    model = random_weights(
        keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(3, activation="relu"),
                keras.layers.BatchNormalization(),
            ]
        )
    )
    result = folded(model)
    assert isinstance(result.layers[-1], keras.layers.BatchNormalization)
    values = np.random.default_rng(1).normal(0, 1, (7, 4)).astype(np.float32)
    before, after = (np.asarray(m(values, training=False)) for m in (model, result))
    assert np.allclose(before, after)
