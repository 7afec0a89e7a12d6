"""What the C of the conv recipe computes, in NumPy: the same integers."""

import numpy as np
from numpy.typing import NDArray

from tinydigits_export.c.quantise_conv import SHIFT, Integers, QuantisedConv


def logits_of(model: QuantisedConv, images: NDArray[np.uint8]) -> Integers:
    """Compute logits. images: uint8 [N, 28, 28] → int64 [N, K], in units of 2 ** -fraction."""
    maps = images[..., np.newaxis].astype(np.int64)
    for number, layer in enumerate(model.convolutions, 1):
        maps = np.clip((_convolved(maps, layer.weights) + layer.biases) >> SHIFT, 0, 255)
        if number in (2, 4):
            maps = _pooled(maps)
    sums = np.einsum("nyxc,yxc->nc", maps, model.places) + model.place_biases
    result: Integers = (sums >> SHIFT) @ model.head + model.biases
    return result


def _convolved(maps: Integers, weights: Integers) -> Integers:
    """Convolve maps [N, H, W, in], in a border of zeros, with weights [3, 3, in, out] → [N, H, W,
    out].

    It computes in float64, which is fast and holds integers of this size exactly.
    """
    height, width = maps.shape[1:3]
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0))).astype(np.float64)
    kernel = weights.astype(np.float64)
    sums = sum(
        padded[:, y : y + height, x : x + width] @ kernel[y, x] for y in range(3) for x in range(3)
    )
    return np.asarray(sums).astype(np.int64)


def _pooled(maps: Integers) -> Integers:
    """Take the largest of each 2×2: [N, H, W, C] → [N, H / 2, W / 2, C]."""
    images, height, width, channels = maps.shape
    squares = maps.reshape(images, height // 2, 2, width // 2, 2, channels)
    return np.asarray(squares.max(axis=(2, 4)))
