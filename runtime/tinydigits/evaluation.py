"""Evaluation: counts what was read against the truth. Memory does not grow with the pictures."""

import heapq
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import count

import numpy as np

from tinydigits.errors import SourceError
from tinydigits.judging import Prediction
from tinydigits.text import aligned, names_in, printable

WORST = 20  # mistakes that are named
MATRIX = 20  # labels up to which the whole confusion matrix is printed
BLANK, UNREADABLE = "(blank)", "(unreadable)"  # the parentheses tell them from labels
CONFUSIONS = 20  # lines that replace a matrix that is too large
_Z = 1.959963984540054  # the normal quantile of 97.5 %: 2.5 % on each side of an interval of 95 %


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How one label was read."""

    label: str
    support: int
    """Pictures that truly show it."""

    precision: float | None
    """Share of the pictures given this label that truly show it; None where none was given it."""

    recall: float | None
    """Share of `support` given this label; None where there is no support."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A picture that was given another label than its own, or none."""

    path: str | None
    truth: str
    label: str | None
    """None for a picture taken for blank."""

    score: float | None
    """The score of `label`, in [0, 1]; None where `label` is None."""

    status: str
    """`ok` or `uncertain`."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How pictures of known truth were read. Shares are in [0, 1]."""

    labels: tuple[str, ...]
    images: int
    ok: int
    uncertain: int
    """Pictures taken for blank are among them."""

    unreadable: int
    correct: int
    """Pictures whose best label is the truth, uncertain ones included."""

    accuracy: float
    """correct ÷ images: a picture that is unreadable or taken for blank counts as wrong."""

    accuracy_interval: tuple[float, float]
    """The 95 % interval of the accuracy (see `wilson`)."""

    refused: float
    """uncertain ÷ images."""

    accuracy_ok: float | None
    """Share of the `ok` pictures whose label is the truth; None where none is ok."""

    classes: tuple[ClassFigures, ...]
    """One entry for each label, in order."""

    confusion: tuple[tuple[int, ...], ...]
    """[K, K + 2]: a row for each truth; a column for each label, then blank, then unreadable."""

    worst: tuple[Mistake, ...]
    """At most WORST: the `ok` ones first, then the uncertain ones, each by falling score."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def as_text(self) -> str:
        """Return aligned tables for a terminal, with a line end after the last."""
        parts = [self._overall(), self._by_class(), self._confusions(), self._worst()]
        return "\n".join("\n".join(part) + "\n" for part in parts if part)

    def _overall(self) -> list[str]:
        low, high = self.accuracy_interval
        sure = "-" if self.accuracy_ok is None else _percent(self.accuracy_ok)
        return [
            f"accuracy    {_percent(self.accuracy)}  ({self.correct:,} of {self.images:,}; "
            f"95 % interval {_percent(low)} to {_percent(high)})",
            f"refused     {_percent(self.refused)}  ({self.uncertain:,} uncertain)",
            f"ok only     {sure}  (accuracy of the {self.ok:,} that are ok)",
            f"unreadable  {self.unreadable:,}",
        ]

    def _by_class(self) -> list[str]:
        rows = [("class", "images", "precision", "recall")]
        rows += [
            (each.label, f"{each.support:,}", _share(each.precision), _share(each.recall))
            for each in self.classes
            if each.support or each.precision is not None
        ]
        return aligned(rows)

    def _confusions(self) -> list[str]:
        columns = (*self.labels, BLANK, UNREADABLE)
        return self._matrix(columns) if len(self.labels) <= MATRIX else self._frequent(columns)

    def _matrix(self, columns: tuple[str, ...]) -> list[str]:
        used = [
            at
            for at, given in enumerate(zip(*self.confusion, strict=True))
            if at < len(self.labels) or any(given)
        ]
        rows = [("truth", *(columns[at] for at in used))]
        for label, given in zip(self.labels, self.confusion, strict=True):
            rows.append((label, *(f"{given[at]:,}" if given[at] else "·" for at in used)))
        return ["What was read (columns) of each truth (rows)", *aligned(rows)]

    def _frequent(self, columns: tuple[str, ...]) -> list[str]:
        confusions = Counter(
            {
                (truth, column): number
                for truth, given in zip(self.labels, self.confusion, strict=True)
                for column, number in zip(columns, given, strict=True)
                if number and column != truth
            }
        )
        if not confusions:
            return []
        most = confusions.most_common(CONFUSIONS)
        rows = [("truth", "read", "images"), *((*pair, f"{number:,}") for pair, number in most)]
        title = f"The most frequent confusions, {len(most)} of {len(confusions)}"
        return [title, *aligned(rows, left=(0, 1))]

    def _worst(self) -> list[str]:
        rows = [("truth", "read", "score", "", "")]
        for each in self.worst:
            score = "" if each.score is None else f"{each.score:.2f}"
            status = "" if each.status == "ok" else each.status
            read = BLANK if each.label is None else each.label
            rows.append((each.truth, read, score, status, printable(each.path or "")))
        return ["The worst mistakes", *aligned(rows, left=(0, 1, 3, 4))] if self.worst else []


class Tally:
    """Counts predictions with their truth. `labels` are the model's, in order."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._numbers = {label: number for number, label in enumerate(labels)}
        self._confusion = np.zeros((len(labels), len(labels) + 2), np.int64)
        self._ok = self._uncertain = self._ok_correct = 0
        # A heap, whose first is the least of the worst. The number keeps any two unequal.
        self._worst: list[tuple[bool, float, int, Mistake]] = []
        self._places: Iterator[int] = count()

    def add(self, prediction: Prediction, truth: str) -> None:
        """Count one picture. Raises SourceError where `truth` is no label of the model."""
        row = self._numbers.get(truth)
        if row is None:
            raise SourceError(
                f"{printable(prediction.path or '')}: its truth {printable(truth)!r} is no label "
                f"of the model, which knows {names_in(self.labels)}"
            )
        correct = prediction.label == truth
        self._confusion[row, self._column(prediction)] += 1
        self._ok += prediction.status == "ok"
        self._ok_correct += correct and prediction.status == "ok"
        self._uncertain += prediction.status == "uncertain"
        if not correct and prediction.status != "error":
            self._remember(prediction, truth)

    def _column(self, prediction: Prediction) -> int:
        if prediction.label is not None:
            return self._numbers[prediction.label]
        return len(self.labels) + (prediction.status == "error")

    def _remember(self, seen: Prediction, truth: str) -> None:
        mistake = Mistake(seen.path, truth, seen.label, seen.score, seen.status)
        score = -1.0 if seen.score is None else seen.score
        entry = (seen.status == "ok", score, -next(self._places), mistake)
        if len(self._worst) < WORST:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)

    def result(self) -> Evaluation:
        """Return the figures of all that was added. Raises SourceError where nothing was."""
        images = int(self._confusion.sum())
        if images == 0:
            raise SourceError("there is no picture to evaluate")
        correct = int(np.trace(self._confusion))
        return Evaluation(
            labels=self.labels,
            images=images,
            ok=self._ok,
            uncertain=self._uncertain,
            unreadable=int(self._confusion[:, -1].sum()),
            correct=correct,
            accuracy=correct / images,
            accuracy_interval=wilson(correct, images),
            refused=self._uncertain / images,
            accuracy_ok=_ratio(self._ok_correct, self._ok),
            classes=tuple(map(self._figures, range(len(self.labels)))),
            confusion=tuple(map(tuple, self._confusion.tolist())),
            worst=tuple(mistake for *_, mistake in sorted(self._worst, reverse=True)),
        )

    def _figures(self, number: int) -> ClassFigures:
        right = int(self._confusion[number, number])
        support = int(self._confusion[number].sum())
        given = int(self._confusion[:, number].sum())
        return ClassFigures(
            self.labels[number], support, _ratio(right, given), _ratio(right, support)
        )


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share that was seen `hits` times in `trials`, at least 1
    (Wilson, J. Am. Stat. Assoc. 22, 1927). Unlike the textbook interval it stays in [0, 1] and
    holds near its ends.
    """
    share, spread = hits / trials, _Z * _Z / trials
    middle = share + spread / 2
    reach = _Z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    # Exactly 0 and 1 at the ends, where rounding falls short of them.
    return (0.0 if hits == 0 else low), (1.0 if hits == trials else high)


def edit_distance(read: str, truth: str) -> int:
    """Return how many characters must be inserted, deleted or replaced to make `read` equal to
    `truth` (Levenshtein, 1966).
    """
    row = list(range(len(truth) + 1))
    for number, given in enumerate(read, 1):
        before, row[0] = row[0], number
        for at, wanted in enumerate(truth, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (given != wanted))
    return row[-1]


def digit_error_rate(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Return the edits that the texts (read, truth) need, divided by the digits of the truths; it
    may exceed 1. None where the truths hold no digit. Line ends and blanks count as no digit.
    """
    edits = digits = 0
    for read, truth in pairs:
        wanted = "".join(truth.split())
        edits += edit_distance("".join(read.split()), wanted)
        digits += len(wanted)
    return _ratio(edits, digits)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"
