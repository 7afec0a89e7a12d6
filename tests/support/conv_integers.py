"""What the C of the recipes conv, light and small computes, in NumPy: the same integers."""

import numpy as np
from numpy.typing import NDArray

from tinydigits_export.c.quantise_conv import SHIFT, Integers, QuantisedConv


def logits_of(model: QuantisedConv, images: NDArray[np.uint8]) -> Integers:
    """Compute logits. images: uint8 [N, 28, 28] → int64 [N, K], in units of 2 ** -fraction."""
    maps = images[..., np.newaxis].astype(np.int64)
    for number, layer in enumerate(model.convolutions, 1):
        maps = np.clip((_convolved(maps, layer.weights) + layer.biases) >> SHIFT, 0, 255)
        if number in model.layout.pooled:
            maps = _pooled(maps)
    sums = np.einsum("nyxc,yxc->nc", maps, model.places) + model.place_biases
    result: Integers = (sums >> SHIFT) @ model.head + model.biases
    return result


def _convolved(maps: Integers, weights: Integers) -> Integers:
    """Convolve maps [N, H, W, in] with weights [3, 3, in, out], in a border of zeros → [N, H, W,
    out]; or with weights [5, 5, in, out], at every second place without a border.

    It computes in float64, which is fast and holds integers of this size exactly.
    """
    size = len(weights)
    border, step = (1, 1) if size == 3 else (0, 2)
    padded = np.pad(maps, ((0, 0), (border, border), (border, border), (0, 0))).astype(np.float64)
    kernel = weights.astype(np.float64)
    end = padded.shape[1] - size + 1
    sums = sum(
        padded[:, y : y + end : step, x : x + end : step] @ kernel[y, x]
        for y in range(size)
        for x in range(size)
    )
    return np.asarray(sums).astype(np.int64)


def _pooled(maps: Integers) -> Integers:
    """Take the largest of each 2×2: [N, H, W, C] → [N, H / 2, W / 2, C]."""
    images, height, width, channels = maps.shape
    squares = maps.reshape(images, height // 2, 2, width // 2, 2, channels)
    return np.asarray(squares.max(axis=(2, 4)))
