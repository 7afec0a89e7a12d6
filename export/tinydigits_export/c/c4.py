"""Keras → C with 4-bit weights: one dense layer of sigmoids in half the flash of `c`.

Pixels keep their upper 4 bits. Weights have 4 bits and one scale a class, and are trained on: the
rounded network goes on learning from the training digits, categorically as before, and so do the
scales (Esser et al., "Learned Step Size Quantization", 2020). Rounding alone would cost 1 to 4
points of accuracy, this costs none. What is made is therefore not the original rounded, but a
network next to it: it decides two digits in a hundred otherwise, and is proved by its accuracy. Its
scores are not those of the original, whose thresholds do not hold for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.dense import PIXELS, CSource, dense_layer
from tinydigits_export.c.quantise import Floats, accuracy, learn, rounded
from tinydigits_export.c.text import STEPS, common, filled, rows
from tinydigits_export.keras_model import Original
from tinydigits_train.batches import split
from tinydigits_train.labelled_folder import Digits

LOW, HIGH = -8, 7  # of a weight
INK = 15  # of a pixel: 0 to this
MOST_CLASSES = 10  # as many sums as an AVR has registers for
SELDOM = 1 / 600  # of the training digits: a pixel that fewer of them light is left out
SEEDS = (0, 1, 2)  # of the trainings, of which the validation digits choose one
EPOCHS, BATCH, RATE = 20, 256, 2e-3
FRACTION = 16  # bits of a logit: a class's scale then has about 11
MAX_SKIP = 255  # of a run's two numbers, which are bytes


@dataclass(frozen=True, slots=True)
class FourBit:
    """Integers: logit = (ink @ weights * scales + biases) / 2**FRACTION, ink = pixel // 16."""

    weights: NDArray[np.int64]
    """LOW..HIGH, [784, K]; 0 for pixels that are left out."""

    scales: NDArray[np.int64]
    """1..32767, [K]."""

    biases: NDArray[np.int64]
    """int32 range, [K]."""

    taken: NDArray[np.bool_]
    """[392]: pairs of pixels, 2 i and 2 i + 1, of which any counts."""

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """images: uint8 [N, 28, 28] → int64 [N, K]: what the C gives, computed in NumPy."""
        ink = _ink(images).astype(np.float64)
        sums = (ink @ self.weights.astype(np.float64)).astype(np.int64)  # exact: all below 2**53
        return sums * self.scales + self.biases

    @property
    def sums(self) -> NDArray[np.int64]:
        """[2, K]: the least and the most that a sum can be."""
        parts = np.minimum(self.weights, 0), np.maximum(self.weights, 0)
        return INK * np.stack([part.sum(axis=0) for part in parts])


def to_c4(original: Original, info: ModelInfo, train: Digits) -> CSource:
    """The C and its header, called as those of `to_c` are.

    train: the training digits, never test ones. Raises ModelError where the network is not one
    dense layer of 2 to MOST_CLASSES sigmoids.
    """
    return written(info, fine_tuned(original, train))


def fine_tuned(original: Original, train: Digits) -> FourBit:
    """Trained on from the original's weights; the best of SEEDS on digits that are set aside."""
    kernel, bias = dense_layer(original)
    if len(bias) > MOST_CLASSES:
        raise ModelError(
            f"{original.path}: {len(bias)} classes, where 4-bit C can be written for 2 to "
            f"{MOST_CLASSES}; the format `c` takes more"
        )
    shown, aside = split(train, SEEDS[0])
    kept = (_ink(shown.images) > 0).mean(axis=0) >= SELDOM
    found = []
    for seed in SEEDS:
        learner = _Learner(kernel, bias, shown, kept)
        learn(learner, len(shown.labels), epochs=EPOCHS, batch=BATCH, seed=seed)
        found.append(learner.result())
    best = max(found, key=lambda model: accuracy(model.logits(aside.images).argmax(axis=1), aside))
    return _levelled(best, original.scores(aside.images), aside)


def _levelled(model: FourBit, scores: NDArray[np.float32], digits: Digits) -> FourBit:
    """The model, all logits moved by the same, so that the best scores are about the original's
    `scores` of these `digits`. No decision changes: the loss knows ratios of scores only, so in
    training they sink together.
    """
    wanted = np.clip(scores.max(axis=1).astype(np.float64), 1e-6, 1 - 1e-6)
    found = model.logits(digits.images).max(axis=1) / 2**FRACTION
    shift = np.median(np.log(wanted / (1 - wanted)) - found)
    return replace(model, biases=model.biases + round(float(shift) * 2**FRACTION))


class _Learner:
    """Parameters: weights [784, K], biases [K] and scales [K], all as floats."""

    def __init__(
        self,
        kernel: NDArray[np.float64],
        bias: NDArray[np.float64],
        shown: Digits,
        kept: NDArray[np.bool_],
    ) -> None:
        weights = (kernel * kept[:, None]).astype(np.float32)
        scales = 2 * np.abs(weights[kept]).mean(axis=0) / np.sqrt(np.float32(HIGH))  # as Esser's
        self.parameters: Sequence[Floats] = (
            weights,
            bias.astype(np.float32),
            np.maximum(scales, 1e-6).astype(np.float32),
        )
        self.rates = (RATE, RATE, RATE)
        self._ink = (_ink(shown.images) * kept).astype(np.float32) / np.float32(INK)
        self._wanted = np.eye(len(bias), dtype=np.float32)[shown.labels]
        self._kept = kept
        # Esser's too: a scale, which all weights of a class pull at, learns no faster than they do.
        self._calm = np.float32(1 / np.sqrt(kept.sum() * HIGH))

    def gradients(self, chosen: NDArray[np.int64]) -> Sequence[Floats]:
        weights, biases, scales = self.parameters
        ink = self._ink[chosen]
        steps = weights / scales
        whole = rounded(steps, LOW, HIGH)
        scores = _sigmoid(ink @ (whole * scales) + biases)
        # -log(score of the right class / sum of the scores). Keras trains the recipe with the
        # softmax of the logits instead, which here reads 0.3 points less of the validation digits.
        shares = scores / np.maximum(scores.sum(axis=1, keepdims=True), np.float32(1e-12))
        at_logits = (shares - self._wanted[chosen]) * (1 - scores)
        at_logits /= np.float32(len(chosen))
        at_weights = ink.T @ at_logits
        inside = (steps >= LOW) & (steps <= HIGH)
        at_scales = (at_weights * np.where(inside, whole - steps, whole)).sum(axis=0) * self._calm
        return at_weights * inside, at_logits.sum(axis=0), at_scales

    def settle(self) -> None:
        np.maximum(self.parameters[2], np.float32(1e-6), out=self.parameters[2])

    def result(self) -> FourBit:
        weights, biases, scales = self.parameters
        one = 2**FRACTION
        whole = rounded(weights / scales, LOW, HIGH).astype(np.int64) * self._kept[:, None]
        model = FourBit(
            whole,
            np.rint(scales.astype(np.float64) / INK * one).astype(np.int64),
            np.rint(biases.astype(np.float64) * one).astype(np.int64),
            np.logical_or(self._kept[::2], self._kept[1::2]),
        )
        largest = np.abs(model.sums * model.scales).max() + np.abs(model.biases).max()
        if np.abs(model.sums).max() >= 2**15 or model.scales.max() >= 2**15 or largest >= 2**31:
            raise ModelError("weights too large for sums of 16 bits; was the training cut short?")
        return model


def _ink(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """images: uint8 [N, 28, 28] → uint8 [N, 784], 0..INK."""
    return np.right_shift(images, 4, dtype=np.uint8).reshape(-1, PIXELS)


def _sigmoid(logits: Floats) -> Floats:
    one = np.float32(1)
    return one / (one + np.exp(-np.clip(logits, -80, 80)))  # where float32 still differs


def written(info: ModelInfo, model: FourBit) -> CSource:
    """As text; `info` gives the names."""
    classes = len(model.biases)
    pairs = -(-classes // 2)
    stream = _stream(model, pairs)
    name = f"{info.name}_c4"
    values = {
        **common(name, info),
        "fraction": FRACTION,
        "pairs": pairs,
        "table_bytes": len(stream) + 6 * classes + STEPS + 1,
        "weight_bytes": len(stream),
        "weights": rows(stream),
        "scales": rows(model.scales.tolist()),
        "biases": rows(model.biases.tolist()),
        "least": f"{model.sums.min():,}",
        "most": f"{model.sums.max():,}",
        "each": _each(pairs),
    }
    c, h, sketch, readme = (filled(file, values) for file in ("c4.c", "c4.h", "dense.ino", "c4.md"))
    return CSource(name, c, h, sketch, readme, classes, FRACTION)


def _stream(model: FourBit, pairs: int) -> list[int]:
    """Runs: pairs of pixels to skip, pairs to take, and for each pixel of those `pairs` bytes of
    weights, the even class in the lower half, 8 more than they are. A run of none ends it."""
    weights = np.pad(model.weights, ((0, 0), (0, 2 * pairs - model.weights.shape[1])))
    halves = (weights - LOW).reshape(PIXELS, pairs, 2)
    packed = (halves[:, :, 0] | halves[:, :, 1] << 4).reshape(PIXELS // 2, 2 * pairs)
    stream, at = [], 0
    for start, end in _runs(model.taken):
        stream += [start - at, end - start, *packed[start:end].ravel().tolist()]
        at = end
    return [*stream, 0, 0]


def _runs(taken: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[392] → (start, end) of each run; runs and gaps are MAX_SKIP long at most."""
    marked = taken.copy()
    marked[MAX_SKIP - 1] = True  # so that no gap is too long; what is taken there has weights of 0
    edges = np.flatnonzero(np.diff(marked, prepend=False, append=False)).reshape(-1, 2)
    runs = []
    for start, end in edges.tolist():
        runs += [(at, min(at + MAX_SKIP, end)) for at in range(start, end, MAX_SKIP)]
    return runs


def _each(pairs: int) -> str:
    """For the AVR's assembly: the registers of each pair of sums, which nothing else is in."""
    lows = [*range(2, 16, 2), 20, 22, 24]
    each = [
        f"DO(r{low}, r{low + 1}, r{high}, r{high + 1})"
        for low, high in zip(lows[::2], lows[1::2], strict=True)
    ]
    return " \\\n    ".join(" ".join(each[:pairs][at : at + 3]) for at in range(0, pairs, 3))
