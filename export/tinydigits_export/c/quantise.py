"""Training that knows of the rounding: what few-bit forms of a network are fine-tuned with.

The forward pass computes with the very integers that the device will have. Rounding has no useful
derivative, so the backward pass takes it for the identity ("straight-through estimator", Bengio
et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013). Plain NumPy: these
networks are so small that a step takes 0.2 ms. The same seed gives the same weights, bit for bit,
on one machine.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinydigits_train.labelled_folder import Digits

Floats = NDArray[np.float32]

WARM_UP = 300  # steps until the learning rate is at its highest, at most a tenth of all
MEAN_KEPT, SQUARE_KEPT = 0.9, 0.999  # a step: Adam's usual averages of gradients


class Learner(Protocol):
    """A network that is being trained. `parameters` are changed in place."""

    @property
    def parameters(self) -> Sequence[Floats]: ...

    @property
    def rates(self) -> Sequence[float]:
        """The highest learning rate of each parameter."""
        ...

    def gradients(self, chosen: NDArray[np.int64]) -> Sequence[Floats]:
        """Of the mean loss over the training images with these indices, for each parameter."""
        ...

    def settle(self) -> None:
        """Brings parameters that a step took out of range back into it."""
        ...


def learn(learner: Learner, images: int, *, epochs: int, batch: int, seed: int) -> None:
    """Adam (Kingma and Ba, 2015) over `images` images, newly shuffled in each epoch. The rate rises
    for WARM_UP steps and falls along a cosine to nothing, so that weights come to rest: else those
    between two integers flicker to the end.
    """
    random = np.random.default_rng(seed)
    batch = min(batch, images)
    steps = epochs * (images // batch)
    warm_up = max(1, min(WARM_UP, steps // 10))
    means = [np.zeros_like(values) for values in learner.parameters]
    squares = [np.zeros_like(values) for values in learner.parameters]
    step = 0
    for _ in range(epochs):
        order = random.permutation(images)
        for start in range(0, images - batch + 1, batch):
            gradients = learner.gradients(order[start : start + batch])
            step += 1
            factor = 0.5 * (1 + math.cos(math.pi * step / steps)) * min(1.0, step / warm_up)
            # Both averages start at 0: these make up for it.
            factor *= math.sqrt(1 - SQUARE_KEPT**step) / (1 - MEAN_KEPT**step)
            for values, gradient, mean, square, rate in zip(
                learner.parameters, gradients, means, squares, learner.rates, strict=True
            ):
                mean += (1 - MEAN_KEPT) * (gradient - mean)
                square += (1 - SQUARE_KEPT) * (gradient * gradient - square)
                values -= np.float32(rate * factor) * mean / (np.sqrt(square) + np.float32(1e-9))
            learner.settle()


def rounded(values: Floats, low: int, high: int) -> Floats:
    """The nearest integers in low..high, as float32, which holds such integers exactly."""
    whole: Floats = np.clip(np.floor(values + np.float32(0.5)), low, high)
    return whole


def accuracy(answers: NDArray[np.integer], digits: Digits) -> float:
    """answers: [N] → the share of them that is right, in [0, 1]."""
    return float((answers == digits.labels).mean())
