"""The recipes conv, light and small in integers: what the C computes, and how these are found.

Weights are int8, activations uint8, and every convolution ends in `(sum + bias) >> 8`, cut off at
0 and 255: no multiplication to rescale, and on an 8-bit processor not even a shift. That costs
nothing, because behind a ReLU each map may have its own scale, for which the weights that read the
map compensate (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", 2019): the scale of a map is chosen so that the shift is 8. It
decides 2 of 10,000 MNIST test digits otherwise than Keras does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError
from tinydigits_export.fold import folded
from tinydigits_export.keras_model import Original
from tinydigits_train.tensorflow import load_tensorflow

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

SIDE = 28  # px
CALIBRATION = 2_000  # training images that the scales are taken from
SHIFT = 8  # bits, after every sum
BATCH = 250  # images at once
MAX_SUM = 2**23 - 1  # 24 bits on an AVR
MAX_HEAD = 2**15 - 1  # weights of the last layer have 16 bits


@dataclass(frozen=True, slots=True)
class Layout:
    """The layers of a recipe: convolutions, all but the first of 3×3 with a border of zeros."""

    recipe: str
    first: tuple[int, str, int]  # side, padding and step of the first convolution
    pooled: tuple[int, ...]  # the convolutions, from 1, that max pooling over 2×2 follows
    half: int  # places each way before the last pooling
    quarter: int  # after it: those that the depthwise convolution reads
    convolutions: int = 5
    # Maps at most that C sums at once: an AVR has registers for 8, and 4 take less code.
    group: int = 8

    @property
    def chain(self) -> str:
        """The kinds of its layers, as a message shows them."""
        convolutions = (
            "Conv2D → ReLU" + " → MaxPooling2D" * (number in self.pooled)
            for number in range(1, self.convolutions + 1)
        )
        return " → ".join([*convolutions, "DepthwiseConv2D → Flatten → Dense"])

    def fits(self, layers: Sequence[Any]) -> bool:
        """Tell whether layers with weights, of the kinds of the chain, are like this."""
        size, padding, step = self.first
        shapes = [tuple(layer.get_weights()[0].shape) for layer in layers[:-1]]
        return (
            all(layer.dilation_rate == (1, 1) for layer in layers[:-1])
            and (shapes[0][:2], layers[0].padding) == ((size, size), padding)
            and layers[0].strides == (step, step)
            and all(shape[:2] == (3, 3) for shape in shapes[1:-1])
            and all(layer.padding == "same" for layer in layers[1:-2])
            and all(layer.strides == (1, 1) for layer in layers[1:-1])
            and shapes[-1][:2] == (self.quarter, self.quarter)
            and shapes[-1][3] == 1
        )


CONV = Layout("conv", (3, "same", 1), (2, 4), 14, 7)
LIGHT = Layout("light", (5, "valid", 2), (2,), 12, 6)
SMALL = Layout("small", (5, "valid", 2), (2,), 12, 6, convolutions=4, group=4)


@dataclass(frozen=True, slots=True)
class Convolution:
    """3×3 with a border of zeros, or 5×5 at every second pixel without a border; then ReLU: uint8 =
    clip((sum + bias) >> 8, 0, 255).
    """

    weights: Integers  # int8 range, [3 or 5, 3 or 5, maps in, maps out]
    biases: Integers  # int24 range, [maps out]; half a unit is in them, so that the shift rounds

    @property
    def largest(self) -> int:
        """The largest absolute value of a sum with its bias, partial sums included."""
        return _largest(self.weights, self.biases)


@dataclass(frozen=True, slots=True)
class QuantisedConv:
    """A network of one of the recipes in integers."""

    layout: Layout
    convolutions: tuple[Convolution, ...]
    # int8 range, [quarter, quarter, C]: a weight for each place of each of the C last maps
    places: Integers
    # int24 range, [C]; with half a unit, as above. feature = (sum + bias) >> 8, of either sign.
    place_biases: Integers
    head: Integers  # int16 range, [C, K]
    biases: Integers  # int32 range, [K]. logit = (features @ head + biases) / 2 ** fraction
    fraction: int

    @property
    def fits(self) -> bool:
        """Whether no image can make a sum, a feature or a logit overflow."""
        sums = [*(layer.largest for layer in self.convolutions), self.largest_feature_sum]
        return max(sums) <= MAX_SUM and self.largest_logit < 2**31

    @property
    def largest_feature_sum(self) -> int:
        """The largest absolute value of the sum of a feature, with its bias."""
        return _largest(self.places, self.place_biases)

    @property
    def largest_feature(self) -> Integers:
        """[C]: the largest absolute value of each feature."""
        sums = 255 * np.abs(self.places).sum(axis=(0, 1)) + np.abs(self.place_biases)
        result: Integers = sums // 2**SHIFT + 1
        return result

    @property
    def largest_logit(self) -> int:
        """The largest absolute value of a logit, partial sums included."""
        return int((self.largest_feature @ np.abs(self.head) + np.abs(self.biases)).max())


def quantise_conv(original: Original, train_images: NDArray[np.uint8]) -> QuantisedConv:
    """Find the integers. train_images: uint8 [N, 28, 28], never test images: they set the ranges.

    Raises ModelError if the network is of no such recipe, or its numbers are too large.
    """
    model = folded(original.model)
    layout, layers = _layers(original, model)
    ranges = _ranges(model, layers[:-2], train_images[:: max(1, len(train_images) // CALIBRATION)])
    scales = np.full(1, 1 / 255)  # of each map: what one unit of it is worth
    convolutions = []
    for layer, most in zip(layers[:-2], ranges, strict=True):
        kernel, bias = _values(layer)
        kernel = kernel * scales[:, np.newaxis]
        needed = np.abs(kernel).max(axis=(0, 1, 2)) * 2**SHIFT / 127  # so that weights are int8
        scales = np.maximum(np.maximum(most / 255, needed), 1e-9)
        kernel, bias = kernel / scales * 2**SHIFT, bias / scales * 2**SHIFT
        convolutions.append(Convolution(_whole(kernel), _bias(bias)))
    kernel, bias = _values(layers[-2])
    kernel = kernel[..., 0] * scales
    scales = np.maximum(np.abs(kernel).max(axis=(0, 1)), 1e-9) / 127  # of each sum
    places, place_biases = _whole(kernel / scales), _bias(bias / scales)
    kernel, bias = _values(layers[-1])
    kernel = kernel * (scales * 2**SHIFT)[:, np.newaxis]
    for fraction in range(24, 9, -1):
        head, biases = _whole(kernel * 2**fraction), _whole(bias * 2**fraction)
        found = QuantisedConv(
            layout, tuple(convolutions), places, place_biases, head, biases, fraction
        )
        if np.abs(head).max() <= MAX_HEAD and found.fits:
            return found
    raise ModelError(
        f"{original.path}: its weights are too large for sums of 24 and logits of 32 bits; was the "
        "training cut short, or gone astray?"
    )


def _layers(original: Original, model: Any) -> tuple[Layout, list[Any]]:
    """Return the layout, and the layers with weights: convolutions, the depthwise one over all
    places, and the dense one."""
    kinds = [type(layer).__name__ for layer in model.layers]
    found = " → ".join(kind for kind in kinds if kind != "InputLayer")
    layers = [layer for layer in model.layers if layer.get_weights()]
    for layout in (CONV, LIGHT, SMALL):
        is_shape = found == layout.chain and model.input_shape[1:] == (SIDE, SIDE, 1)
        if is_shape and layout.fits(layers):
            return layout, layers
    raise ModelError(
        f"{original.path}: holds {found} with {original.model.count_params():,} parameters, where "
        "C can be written for one Dense layer, or for the layers of `conv`, `light` and `small`"
    )


def _ranges(model: Any, layers: Sequence[Any], images: NDArray[np.uint8]) -> list[Floats]:
    """Return the largest value of each map of each convolution, [maps out] each."""
    keras = load_tensorflow("export", "export").keras
    probe = keras.Model(model.inputs[0], [layer.output for layer in layers])
    found = [np.zeros(layer.output.shape[-1]) for layer in layers]
    for at in range(0, len(images), BATCH):
        batch = images[at : at + BATCH, ..., np.newaxis].astype(np.float32) / np.float32(255)
        for most, maps in zip(found, probe(batch, training=False), strict=True):
            np.maximum(most, np.asarray(maps).max(axis=(0, 1, 2)), out=most)
    return found


def _values(layer: Any) -> tuple[Floats, Floats]:
    """Return kernel and bias."""
    kernel, bias = (np.asarray(values, np.float64) for values in layer.get_weights())
    return kernel, bias


def _whole(values: Floats) -> Integers:
    return np.rint(values).astype(np.int64)


def _bias(values: Floats) -> Integers:
    return _whole(values + 2 ** (SHIFT - 1))


def _largest(weights: Integers, biases: Integers) -> int:
    """Return the largest absolute sum. weights: [..., outputs], for inputs in 0..255."""
    inputs = tuple(range(weights.ndim - 1))
    each = [np.maximum(sign * weights, 0).sum(axis=inputs) for sign in (1, -1)]
    return int((255 * np.maximum(*each) + np.abs(biases)).max())
