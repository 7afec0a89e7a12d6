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


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much an artefact of one format may differ."""

    max_delta: float  # largest |score − score of Keras|
    # Smallest share of the test images that it decides as Keras does, in [0, 1].
    min_agreement: float
    # How far its accuracy may be below that of Keras: a share of the test images, in [0, 1].
    max_accuracy_loss: float
    # How many images in 10,000 may have two best scores that are equal. None: as many as Keras.
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
    ties_allowed = (
        _ties(reference.scores)
        if tolerance.max_ties is None
        # Fewer images may have fewer, but one can always happen by chance.
        else math.ceil(tolerance.max_ties * parity.images / 10_000)
    )
    loss = reference.accuracy - parity.accuracy
    checks = [
        # A NaN anywhere makes this comparison, and so the proof, fail.
        (
            parity.max_delta <= tolerance.max_delta,
            f"max |Δ score| {parity.max_delta:.2e}, allowed {tolerance.max_delta:.0e}",
        ),
        (
            parity.agreement >= tolerance.min_agreement,
            f"{len(parity.disagreeing)} of {parity.images:,} decided otherwise than by Keras, "
            f"agreement {parity.agreement:.4f}, at least {tolerance.min_agreement} required",
        ),
        (
            loss <= tolerance.max_accuracy_loss + 1e-9,
            f"accuracy {loss:.2%} below that of Keras, allowed {tolerance.max_accuracy_loss:.2%}",
        ),
        (parity.ties <= ties_allowed, f"{parity.ties} ties at the top, allowed {ties_allowed}"),
    ]
    return [sentence for held, sentence in checks if not held]


def _ties(scores: NDArray[np.float32]) -> int:
    best_two = np.partition(scores, -2, axis=1)[:, -2:]
    return int((best_two[:, 0] == best_two[:, 1]).sum())
