"""The proof: each artefact is compared with its Keras model, over all test images.

Artefacts run as they do for users: in the runtime's own backends; C is compiled for this
machine. For a page, the layers and weights in it are run.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydigits.info import Parity
from tinydigits.model import Backend
from tinydigits_train.labelled_folder import Digits

FULL_SET = 10_000  # test images of MNIST, which the tolerances were made for
DEVIATIONS = 2  # from the mean: so many more than their share may be in a smaller set by chance


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much an artefact of one format may differ. The shares are those of FULL_SET test images;
    `allowed` says how many images that is in another set.
    """

    max_delta: float  # largest |score − score of Keras|
    # Smallest share of the test images that it decides as Keras does, in [0, 1].
    min_agreement: float
    # How far its accuracy may be below that of Keras: a share of the test images, in [0, 1].
    max_accuracy_loss: float
    # How many images in FULL_SET may have two best scores that are equal. None: as many as Keras.
    max_ties: int | None


# C that answers the class alone, without scores, must answer as Keras does on every image.
EVERY_CLASS = Tolerance(max_delta=1.0, min_agreement=1.0, max_accuracy_loss=0.0, max_ties=0)


@dataclass(frozen=True, slots=True)
class Reference:
    """The answers of the Keras model for the test digits."""

    scores: NDArray[np.float32]  # float32 [N, K]
    digits: Digits

    @property
    def accuracy(self) -> float:
        return float((self.scores.argmax(axis=1) == self.digits.labels).mean())


def compare(reference: Reference, backend: Backend) -> Parity:
    """Return the receipt of one artefact."""
    scores = backend.scores(reference.digits.images)
    decisions = scores.argmax(axis=1)
    disagreeing = np.flatnonzero(decisions != reference.scores.argmax(axis=1))
    return Parity(
        images=len(scores),
        accuracy=float((decisions == reference.digits.labels).mean()),
        agreement=1 - len(disagreeing) / len(scores),
        max_delta=float(np.abs(scores - reference.scores).max()),
        ties=_ties(scores),
        disagreeing=tuple(disagreeing.tolist()),
    )


def failures(parity: Parity, reference: Reference, tolerance: Tolerance) -> list[str]:
    """Return what exceeds the tolerance, one sentence each; empty where the proof holds."""
    count = parity.images
    disagreeing = allowed(1 - tolerance.min_agreement, count)
    loss = round((reference.accuracy - parity.accuracy) * count)
    lost = allowed(tolerance.max_accuracy_loss, count)
    ties = (
        _ties(reference.scores)
        if tolerance.max_ties is None
        else allowed(tolerance.max_ties / FULL_SET, count)
    )
    checks = [
        # A NaN anywhere makes this comparison, and so the proof, fail.
        (
            parity.max_delta <= tolerance.max_delta,
            f"max |Δ score| {parity.max_delta:.2e}, allowed {tolerance.max_delta:.0e}",
        ),
        (
            len(parity.disagreeing) <= disagreeing,
            f"{len(parity.disagreeing)} of {count:,} decided otherwise than by Keras, "
            f"agreement {parity.agreement:.4f}, allowed {disagreeing}",
        ),
        (
            loss <= lost,
            f"accuracy {loss / count:.2%} below that of Keras: {loss} images, allowed {lost}",
        ),
        (parity.ties <= ties, f"{parity.ties} ties at the top, allowed {ties}"),
    ]
    return [sentence for held, sentence in checks if not held]


def allowed(share: float, images: int) -> int:
    """Return how many of `images` may be a share of FULL_SET. Fewer images may have more than their
    share by chance, which is that of a draw without replacement; at least one, if any may.
    """
    mean = share * images
    left = max(0.0, (FULL_SET - images) / (FULL_SET - 1))
    return math.ceil(mean + DEVIATIONS * math.sqrt(mean * (1 - share) * left) - 1e-9)


def _ties(scores: NDArray[np.float32]) -> int:
    best_two = np.partition(scores, -2, axis=1)[:, -2:]
    return int((best_two[:, 0] == best_two[:, 1]).sum())
