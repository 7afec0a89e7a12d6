"""Judge: from scores to Predictions, by the rule that says when not to trust one."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import starmap
from typing import NamedTuple

import numpy as np

from tinydigits.info import Thresholds
from tinydigits.items import Chunk
from tinydigits.reading import Reading


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
    best = [labels[number] for number in scores.argmax(axis=1).tolist()]
    second, top = np.partition(scores, -2, axis=1)[:, -2:].T
    low = top < thresholds.min_score
    doubtful = low | (second > thresholds.max_ratio * top)
    count = len(best)
    ok, none = [Status.OK] * count, [None] * count
    each = map(tuple, scores.tolist())
    columns = (chunk.names, best, top.tolist(), ok, none, none, none, each)
    # Most pictures are this, and a call for each takes half the time of one in a loop.
    predictions = [*starmap(Prediction, zip(*columns, strict=True))]
    for place in np.flatnonzero(doubtful).tolist():
        predictions[place].status = Status.UNCERTAIN
        predictions[place].reason = "low_score" if low[place] else "ambiguous"
    for place, found in reading.found.items():
        prediction = predictions[place]
        if isinstance(found, str):
            predictions[place] = Prediction(prediction.path, None, None, Status.ERROR, found)
            continue
        prediction.inverted, prediction.box = found.inverted, found.box
        if found.doubt is not None:
            prediction.status, prediction.reason = Status.UNCERTAIN, found.doubt
        if found.doubt == "blank":
            prediction.label, prediction.score = None, None
    return predictions
