"""Judge: from scores to Predictions, by the rule that says when not to trust one."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from tinydigits.info import Thresholds
from tinydigits.items import Chunk
from tinydigits.reading import Found, Reading

_UNTOUCHED = Found()


class Status(StrEnum):
    """How far a Prediction can be trusted."""

    OK = "ok"
    UNCERTAIN = "uncertain"
    ERROR = "error"


@dataclass(slots=True)  # not frozen: it is made for every picture, and that takes twice as long
class Prediction:
    """The answer for one picture."""

    path: str | None
    """The file's name as it was given or found; None for a picture that has none."""

    label: str | None
    """The best class. None for a blank picture and for one that could not be read."""

    score: float | None
    """The score of `label`, in [0, 1]. None where `label` is None."""

    status: Status
    """`ok`, `uncertain` or `error`."""

    reason: str | None
    """None for ok; for uncertain `blank`, `several` (more than one sign), `too_small`, `low_score`
    or `ambiguous`; a sentence for error."""

    inverted: bool | None = None
    """Whether the ink is darker than its background. None where that was not detected."""

    box: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom of the ink, in pixels of the upright picture, right and bottom
    exclusive. None where that was not detected."""

    scores: tuple[float, ...] | None = None
    """One score for each label, in order, each in [0, 1]; they need not sum to 1. None for an
    error."""

    @property
    def ok(self) -> bool:
        """Whether the status is `ok`."""
        return self.status is Status.OK


class Answers(NamedTuple):
    """A chunk, its reading, and a Prediction for each of its pictures."""

    chunk: Chunk
    reading: Reading
    predictions: list[Prediction]


def judge(
    chunk: Chunk, reading: Reading, labels: Sequence[str], thresholds: Thresholds
) -> list[Prediction]:
    """Apply the accept rule: there is ink, the best score is high, and no other comes near it."""
    scores = reading.scores.astype(np.float64)
    best = scores.argmax(axis=1).tolist()
    second, top = np.partition(scores, -2, axis=1)[:, -2:].T
    low = top < thresholds.min_score
    doubtful = low | (second > thresholds.max_ratio * top)
    predictions = []
    ok, unsure = Status.OK, Status.UNCERTAIN  # an Enum looks up its members slowly
    for place, (name, number, score, doubt, each) in enumerate(
        zip(chunk.names, best, top.tolist(), doubtful.tolist(), scores.tolist(), strict=True)
    ):
        found = reading.found.get(place, _UNTOUCHED)
        if isinstance(found, str):
            predictions.append(Prediction(name, None, None, Status.ERROR, found))
            continue
        reason: str | None
        reason, inverted, box = found
        label = labels[number]
        if reason == "blank":
            label, score = None, None
        elif reason is None and doubt:
            reason = "low_score" if low[place] else "ambiguous"
        status = ok if reason is None else unsure
        predictions.append(
            Prediction(name, label, score, status, reason, inverted, box, tuple(each))
        )
    return predictions
