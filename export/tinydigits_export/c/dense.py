"""Keras → C: one dense layer of sigmoids as a .c and a .h for microcontrollers.

Weights become int8 with one scale for each class. They are rounded pixel by pixel, and the weights
of the remaining pixels compensate for what each rounding does to the logits of training images
(Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers", 2022): of 10,000 MNIST test digits, 5 are then decided otherwise than by Keras; with
plain rounding it is 29.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.source import (
    PIXELS,
    STEPS,
    CSource,
    check_classes,
    filled_source,
    registers,
    rows,
)
from tinydigits_export.fold import folded
from tinydigits_export.keras_model import Original

GROUP = 10  # classes at most that are summed in one pass: as many as an AVR has registers for
MAX_RUN = 127  # of the two numbers of a run, which are stored among the int8 weights
MAX_SUM = 2**23 - 1  # 24 bits on an AVR
DAMPING = 0.01  # of the mean power of a pixel: keeps the inverse stable where pixels correlate


@dataclass(frozen=True, slots=True)
class Quantised:
    """A dense layer in integers: logit = (pixels @ weights * scales + biases) / one."""

    weights: NDArray[np.int64]  # int8 range, [784, K]; 0 for pixels that are left out
    scales: NDArray[np.int64]  # 1..255, [K]
    biases: NDArray[np.int64]  # int32 range, [K]
    fraction: int  # `one` is 2 ** fraction

    @property
    def sums(self) -> NDArray[np.int64]:
        """[2, K]: the least and the most that pixels @ weights can be, partial sums included."""
        negative = np.minimum(self.weights, 0).sum(axis=0)
        positive = np.maximum(self.weights, 0).sum(axis=0)
        return 255 * np.stack([negative, positive])

    @property
    def logits(self) -> NDArray[np.int64]:
        """[2, K]: the least and the most that a logit can be."""
        return self.sums * self.scales + self.biases

    @property
    def fits(self) -> bool:
        """Whether no image can make a sum, a logit or a value in between overflow."""
        largest = max(abs(self.sums * self.scales).max(), abs(self.logits).max())
        return bool(abs(self.sums).max() <= MAX_SUM and largest < 2**31)


def to_c(original: Original, info: ModelInfo, train_images: NDArray[np.uint8]) -> CSource:
    """Write a network of one dense layer as C. train_images: uint8 [N, 28, 28], never test images.

    Raises ModelError if the network is not one dense layer of 2 to 100 sigmoids.
    """
    kernel, bias = dense_layer(original)
    pixels = train_images.reshape(len(train_images), PIXELS)
    return _written(info, quantise(kernel, bias, pixels), pixels.max(axis=0) > 0)


def dense_layer(original: Original) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return kernel [784, K] and bias [K] of the only layer."""
    layers = [
        layer
        for layer in folded(original.model).layers
        if type(layer).__name__ not in ("InputLayer", "Flatten", "Reshape", "Dropout")
    ]
    found = " → ".join(type(layer).__name__ for layer in layers)
    if found != "Dense":
        raise ModelError(
            f"{original.path}: holds {found} with {original.model.count_params():,} parameters, "
            "where C can be written for one Dense layer (the recipe `dense`), or for the recipe "
            "`conv`"
        )
    kernel, bias = (np.asarray(values, np.float64) for values in layers[0].get_weights())
    check_classes(original.path, len(bias))
    return kernel, bias


def quantise(
    kernel: NDArray[np.float64], bias: NDArray[np.float64], pixels: NDArray[np.uint8]
) -> Quantised:
    """Find the integers. kernel [784, K] and bias [K] are for pixels in [0, 1]; pixels: uint8
    [N, 784], training images.

    The scales are as fine as 8 bits, and the bounds of sums and logits, allow.
    """
    lit = pixels.max(axis=0) > 0
    wanted = np.maximum(np.abs(kernel[lit]).max(axis=0, initial=0), 1e-6) / 127 / 255
    factors = _error_factors(pixels)
    for fraction in range(int(np.log2(255 / wanted.max())), 9, -1):
        one = 2**fraction
        scales = np.maximum(np.ceil(wanted * one), 1)
        weights = _rounded(np.where(lit[:, None], kernel, 0) / 255 * one / scales, factors)
        result = Quantised(
            np.where(lit[:, None], weights, 0).astype(np.int64),
            scales.astype(np.int64),
            np.rint(bias * one).astype(np.int64),
            fraction,
        )
        if result.fits:
            return result
    raise ModelError(
        f"weights up to {np.abs(kernel).max():.3g} and biases up to {np.abs(bias).max():.3g} are "
        "too large for logits of 32 bits; was the training cut short, or gone astray?"
    )


def _error_factors(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """float64 [784, 784], upper triangle: the Cholesky factor of the inverse of pixels' power."""
    power = np.zeros((PIXELS, PIXELS))
    for start in range(0, len(pixels), 10_000):
        part = pixels[start : start + 10_000].astype(np.float32) / 255
        power += part.T @ part
    power += np.eye(PIXELS) * max(DAMPING * power.trace() / PIXELS, 1e-6)
    return np.asarray(np.linalg.cholesky(np.linalg.inv(power)).T)


def _rounded(weights: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round weights [784, K] to whole numbers in -127..127 that change the logits least."""
    left = weights.copy()
    for pixel, factor in enumerate(factors):
        rounded = np.clip(np.rint(left[pixel]), -127, 127)
        error = (left[pixel] - rounded) / factor[pixel]
        left[pixel + 1 :] -= factor[pixel + 1 :, None] * error
        left[pixel] = rounded
    return left


def _written(info: ModelInfo, model: Quantised, lit: NDArray[np.bool_]) -> CSource:
    classes = len(model.biases)
    groups = -(-classes // GROUP)
    group = -(-classes // groups)
    weights = _stream(model.weights, lit, group)
    values = {
        "group": group,
        "groups": groups,
        "stack": (24 if groups == 1 else 44) + 4 * group * groups,  # measured on a Cortex-M0+
        "table_bytes": len(weights) + 5 * classes + STEPS + 1,
        "weight_bytes": len(weights),
        "weights": rows(weights),
        "scales": rows(model.scales.tolist()),
        "biases": rows(model.biases.tolist()),
        "bounds": _bounds(model),
        "each": registers(group),
        "each_k": " ".join(f"DO({k})" for k in range(group)),
    }
    return filled_source("dense", info, model.fraction, values)


def _stream(weights: NDArray[np.int64], lit: NDArray[np.bool_], group: int) -> list[int]:
    """Return for each group of classes: runs of (skip, take, take × group weights), then (0, 0)."""
    stream = []
    for first in range(0, weights.shape[1], group):
        part = weights[:, first : first + group]
        part = np.pad(part, ((0, 0), (0, group - part.shape[1])))
        at = 0
        for start, end in _runs(lit):
            stream += [start - at, end - start, *part[start:end].ravel().tolist()]
            at = end
        stream += [0, 0]
    return stream


def _runs(lit: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where pixels are taken, (start, end) each. Gaps and runs are MAX_RUN long at most. A
    pixel with weights of 0 is taken in the middle of a longer gap."""
    runs: list[tuple[int, int]] = []
    at = 0
    for pixel in np.flatnonzero(lit).tolist():
        while pixel - at > MAX_RUN:
            runs.append((at + MAX_RUN, at + MAX_RUN + 1))
            at += MAX_RUN + 1
        if runs and runs[-1][1] == pixel and pixel - runs[-1][0] < MAX_RUN:
            runs[-1] = (runs[-1][0], pixel + 1)
        else:
            runs.append((pixel, pixel + 1))
        at = pixel + 1
    return runs


def _bounds(model: Quantised) -> str:
    low, high = model.sums
    least, most = model.logits
    head = " *   class          sum from          to        logit from           to"
    found = enumerate(zip(low, high, least, most, strict=True))
    lines = [f" *   {k:5} {a:17,} {b:11,} {c:17,} {d:12,}" for k, (a, b, c, d) in found]
    return "\n".join([head, *lines])
