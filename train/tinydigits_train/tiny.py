"""The network for 1 kB of flash: all its weights are small whole numbers while it is trained.

A pixel counts as ink or as paper. The image is cut into BANDS × BANDS regions, finest in the
middle, and all pixels of a region share their weights. Each pixel of ink adds the UNITS weights of
its region to as many sums. Each class adds up those sums, none below 0, with weights of its own.

With 20 units it reads 95 of 100 MNIST test digits. A single layer of 4-bit weights over all 784
pixels, as ink or paper, reads 92, and takes five times the flash.
"""

from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

SIDE = 28  # px
EDGES = (0, *range(6, 23, 2), SIDE)  # px: where bands of rows, and of columns, begin
BANDS = len(EDGES) - 1
INK = 96  # the least value of a pixel, of 255, that counts as ink
UNITS = 20
REGION_WEIGHTS = -2, 1  # the least and the largest: 2 bits
CLASS_WEIGHTS = -8, 7  # 4 bits
CEILING = 127  # of a unit, so that no total of a class is over 65535 in C
SOFTNESS = 64.0  # the difference of two totals that makes one class e times as likely as the other


def tiny(keras: ModuleType, classes: int) -> list[Any]:
    """The layers that are trained: 784 pixels → 100 regions → 20 units → a softmax.

    The forward pass rounds the weights. Rounding has no useful derivative, so the backward pass
    leaves it out ("straight-through estimator", Bengio et al., "Estimating or Propagating Gradients
    Through Stochastic Neurons", 2013).
    """

    class RoundedDense(keras.layers.Dense):  # type: ignore[misc, name-defined]
        """A dense layer that computes with its weights rounded to whole numbers low..high."""

        def __init__(self, units: int, grid: tuple[int, int], name: str) -> None:
            low, high = self.grid = grid
            super().__init__(
                units,
                use_bias=False,
                kernel_initializer=keras.initializers.RandomNormal(stddev=(high - low) / 6),
                # A weight far out of range would take long to come back.
                kernel_constraint=lambda weights: keras.ops.clip(weights, low - 0.45, high + 0.45),
                name=name,
            )

        @property
        def kernel(self) -> Any:
            exact = super().kernel
            rounded = keras.ops.clip(keras.ops.floor(exact + 0.5), *self.grid)
            return exact + keras.ops.stop_gradient(rounded - exact)

    return _layers(keras, classes, RoundedDense)


def settled(keras: ModuleType, trained: Any) -> Any:
    """The network that was trained, in Keras's own layers and with whole numbers for weights."""
    model = plain(keras, trained.output_shape[-1])
    kernels = [np.rint(layer.kernel) for layer in trained.layers if layer.weights]
    model.set_weights(kernels)
    return model


def plain(keras: ModuleType, classes: int) -> Any:
    """The model that is written: the layers of `tiny`, all Keras's own, and scores; weights 0.

    All sums are whole numbers below 2**24, which float32 holds exactly. The softmax keeps apart
    what is not equal: whatever the image, the highest score is at least 0.003 above the next,
    unless the totals of the two classes are equal.
    """

    def dense(units: int, _: tuple[int, int], name: str) -> Any:
        return keras.layers.Dense(units, use_bias=False, name=name)

    # Scores of 0.02 to 0.98, which end in a sigmoid as those of every model do.
    scores = [keras.layers.Rescaling(8.0, -4.0), keras.layers.Activation("sigmoid")]
    model = keras.Sequential([*_layers(keras, classes, dense), *scores], name="tiny")
    for name in ("regions", "classes"):
        layer = model.get_layer(name)
        layer.set_weights([np.zeros(layer.kernel.shape)])
    return model


def _layers(keras: ModuleType, classes: int, dense: Any) -> list[Any]:
    """dense: (units, (least, largest weight), name) → a layer."""
    layers = keras.layers
    bands = np.zeros((SIDE, BANDS), np.float32)  # 1 where a row, or a column, is in a band
    for band, (start, end) in enumerate(pairwise(EDGES)):
        bands[start:end, band] = 1

    def summed(name: str) -> Any:
        """Adds up the last axis by bands."""
        layer = layers.Dense(BANDS, use_bias=False, trainable=False, name=name)
        layer.build((None, SIDE))
        layer.set_weights([bands])
        return layer

    return [
        keras.Input((SIDE * SIDE,), name="pixels"),
        # 0 up to a pixel of INK - 1, 1 from one of INK on: 4 a step, far from any rounding.
        layers.Rescaling(4 * 255.0, 0.5 - 4 * (INK - 0.5)),
        layers.ReLU(1.0, name="ink"),
        layers.Reshape((SIDE, SIDE)),
        layers.Permute((2, 1)),
        summed("bands_of_rows"),
        layers.Permute((2, 1)),
        summed("bands_of_columns"),
        layers.Flatten(),
        dense(UNITS, REGION_WEIGHTS, name="regions"),
        layers.ReLU(float(CEILING), name="units"),
        dense(classes, CLASS_WEIGHTS, name="classes"),
        layers.Rescaling(1 / SOFTNESS),
        layers.Softmax(),
    ]
