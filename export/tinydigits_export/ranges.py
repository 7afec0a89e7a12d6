"""Find out which pixels a network was trained on, by what it reads of the test images.

A file of another's making does not say whether its pixels went from 0 to 1 or from 0 to 255, nor
whether it gives scores or logits. A wrong guess reads as badly as chance and looks like an answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError
from tinydigits_train.labelled_folder import Digits

TRIED = 1000  # test images, evenly spaced
NEAR = 0.02  # accuracies this near to the best are compared by loss: logits may be far too large
FLOOR = 1e-7  # a probability of 0 in float32
SAME_ANSWER = 0.95  # share of the images beyond which a network is said to answer one class
REORDERED = 0.5  # share read right in another order of the classes, beyond which this is the reason

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Range:
    """The input of a network, made from pixels in [0, 1], ink bright: pixel × scale + offset."""

    name: str  # as `--range` and the manifest have it
    scale: float = 1.0
    offset: float = 0.0

    def of(self, images: NDArray[np.uint8]) -> Floats:
        """Return float32 of the shape of `images`, which are uint8."""
        pixels = images.astype(np.float32) / np.float32(255)
        return np.asarray(pixels * np.float32(self.scale) + np.float32(self.offset))

    def normalised(self, mean: float, std: float) -> "Range":
        """Return the range that is left when a mean is taken off and a deviation divides it."""
        name = f"{self.name}, less {mean:g}, by {std:g}"
        return Range(name, self.scale / std, (self.offset - mean) / std)


UNIT = Range("0..1")
RANGES: Mapping[str, Range] = {
    each.name: each
    for each in (
        UNIT,
        Range("0..255", 255.0),
        Range("-1..1", 2.0, -1.0),
        # Less the mean of MNIST, by its deviation: the transform of PyTorch's example.
        Range("normalised", 1 / 0.3081, -0.1307 / 0.3081),
        Range("1..0", -1.0, 1.0),  # dark ink on light
        Range("255..0", -255.0, 255.0),
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """The input that fits a network."""

    range: Range
    gives: str  # "sigmoid": scores in [0, 1]; "softmax": they sum to 1; "logits": any numbers
    accuracies: Mapping[str, float]  # the name of each range that was tried → share read right
    tried: int  # test images

    def __str__(self) -> str:
        others = [
            f"{name} {share:.1%}"
            for name, share in self.accuracies.items()
            if name != self.range.name
        ]
        read = f"{self.accuracies[self.range.name]:.1%} of {self.tried:,} test images"
        other = f" (otherwise: {', '.join(others)})" if others else ""
        ends = {"sigmoid": "sigmoids", "softmax": "a softmax"}.get(
            self.gives, "logits, which get a softmax"
        )
        return f"takes pixels {self.range.name}: reads {read} so{other}; ends in {ends}"


def find_range(
    run: Callable[[Floats], Floats], test: Digits, origin: str, only: Range | None = None
) -> Found:
    """Find the range in which a network reads most. run: float32 [N, 28, 28] → outputs [N, K].

    `only`: the one to take, whatever is read. Raises ModelError, with the likely reason, if the
    network reads no better than chance in each.
    """
    step = max(1, len(test.images) // TRIED)
    images, labels = test.images[::step], test.labels[::step]
    ranges = [only] if only else list(RANGES.values())
    outputs = {each.name: run(each.of(images)) for each in ranges}
    gives = _kind(np.concatenate(list(outputs.values())))
    accuracies = {name: float((o.argmax(axis=1) == labels).mean()) for name, o in outputs.items()}
    most = max(accuracies.values())
    near = [each for each in ranges if accuracies[each.name] >= most - NEAR]
    best = min(near, key=lambda each: _loss(outputs[each.name], gives, labels))
    chance = np.bincount(labels).max() / len(labels)
    if not only and most <= chance + 3 * np.sqrt(chance * (1 - chance) / len(labels)):
        raise ModelError(
            f"{origin}: reads {most:.1%} of {len(labels):,} test images, no better than chance, "
            f"whatever the range of its pixels ({', '.join(accuracies)}): "
            f"{_reason(list(outputs.values()), labels)}"
        )
    return Found(best, gives, accuracies, len(labels))


def _kind(outputs: Floats) -> str:
    if not (outputs.min() >= 0 and outputs.max() <= 1):  # NaN is neither
        return "logits"
    return "softmax" if np.abs(outputs.sum(axis=1) - 1).max() < 0.01 else "sigmoid"


def _loss(outputs: Floats, gives: str, labels: NDArray[np.uint8]) -> float:
    """Return the mean cross-entropy, after a softmax. It can be compared between ranges where
    accuracies cannot: pixels 255 times too large leave most decisions as they are."""
    logits = outputs.astype(np.float64)
    if gives != "logits":
        logits = np.log(np.clip(logits, FLOOR, 1))
    if gives == "sigmoid":
        logits -= np.log(np.clip(1 - outputs, FLOOR, 1))
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
    return float(np.nan_to_num(losses.mean(), nan=np.inf))


def _reason(outputs: list[Floats], labels: NDArray[np.uint8]) -> str:
    """Return why a network may read no better than chance."""
    answers = [each.argmax(axis=1) for each in outputs]
    for given in answers:
        counts = np.zeros((outputs[0].shape[1],) * 2, np.int64)
        np.add.at(counts, (labels, given), 1)
        usual = counts.argmax(axis=1)
        if len(set(usual.tolist())) == len(usual) and counts.max(axis=1).sum() >= (
            REORDERED * len(labels)
        ):
            label = int(np.flatnonzero(usual != np.arange(len(usual)))[0])
            return (
                f"its classes seem to be in another order (it gives output {usual[label]} to "
                f"class {label}): train it with the classes in the order of the data"
            )
    if all(np.bincount(given).max() >= SAME_ANSWER * len(labels) for given in answers):
        why = "it gives nearly every image the same answer, as an untrained network does"
    else:
        why = (
            "it may be untrained, or was trained on other pictures (pass them as --data), or "
            "prepares them in another way"
        )
    return f"{why}; --range 0..1 exports it all the same"
