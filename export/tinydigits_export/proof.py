"""The proof: every artefact against the Keras model it came from, over the whole test set.

Artefacts are run as users run them: by the runtime's own backends, C by this machine's compiler. Of
a page, the layers and weights in it are run.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydigits.info import Parity
from tinydigits.model import Backend
from tinydigits_train.labelled_folder import Digits

NO_SCORES = math.inf


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What an artefact of one format may differ by."""

    max_delta: float
    """Largest |score − score of Keras|; NO_SCORES where the format gives none."""

    min_agreement: float
    """Share of the test images decided as Keras decides them, in [0, 1]."""

    max_accuracy_loss: float
    """Share of the test images, in [0, 1], that may be read worse than by Keras on balance."""

    max_ties: int | None
    """Images, of 10,000, whose two best scores may be equal. None: as many as Keras has."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the Keras model answers on the test digits."""

    scores: NDArray[np.float32]
    """float32 [N, K]."""

    digits: Digits

    @property
    def accuracy(self) -> float:
        return float((self.scores.argmax(axis=1) == self.digits.labels).mean())


def compare(reference: Reference, backend: Backend) -> Parity:
    """The receipt of one artefact."""
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
    """What of the tolerance is exceeded, one sentence each; empty where the proof holds."""
    ties_allowed = (
        _ties(reference.scores)
        if tolerance.max_ties is None
        # Of fewer images fewer, but never less than one: that is chance.
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
            f"agreement {parity.agreement:.4f}, at least {tolerance.min_agreement} asked",
        ),
        (
            loss <= tolerance.max_accuracy_loss + 1e-9,
            f"accuracy {loss:.2%} below that of Keras, allowed {tolerance.max_accuracy_loss:.2%}",
        ),
        (
            parity.ties <= ties_allowed,
            f"{parity.ties} ties at the top, allowed {ties_allowed}",
        ),
    ]
    return [sentence for held, sentence in checks if not held]


def _ties(scores: NDArray[np.float32]) -> int:
    best_two = np.partition(scores, -2, axis=1)[:, -2:]
    return int((best_two[:, 0] == best_two[:, 1]).sum())
