"""Evaluation: what was read against what is known, where sub-folder names are the truth.

Pictures are counted as they come; memory does not grow with their number.
"""

import heapq
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import PurePath

import numpy as np

from tinydigits.errors import SourceError
from tinydigits.judging import Prediction
from tinydigits.names import has_image_ending, natural_key
from tinydigits.text import aligned, printable

WORST = 20  # mistakes that are named
NAMED = 100  # labels in one message
MATRIX = 20  # labels up to which the whole confusion matrix is printed
BLANK, UNREADABLE = "(blank)", "(unreadable)"  # in parentheses, to be told from labels
CONFUSIONS = 20  # that are printed where the matrix is too large
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
    """None for one taken for blank."""

    score: float | None
    """Of `label`, in [0, 1]; None where `label` is."""

    status: str
    """`ok` or `uncertain`."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a run over pictures of known truth came to. Shares are in [0, 1]."""

    labels: tuple[str, ...]
    images: int
    ok: int
    uncertain: int
    """Those taken for blank among them."""

    unreadable: int
    correct: int
    """Pictures whose best label is the truth, uncertain ones included."""

    accuracy: float
    """correct ÷ images: one that is unreadable or taken for blank counts as wrong."""

    accuracy_interval: tuple[float, float]
    """Wilson's interval of 95 % for the accuracy."""

    refused: float
    """uncertain ÷ images."""

    accuracy_ok: float | None
    """Share of the ok ones whose label is the truth; None where none is ok."""

    classes: tuple[ClassFigures, ...]
    """One for each label, in order."""

    confusion: tuple[tuple[int, ...], ...]
    """[K, K + 2]: a row for each truth; a column for each label, then blank, then unreadable."""

    worst: tuple[Mistake, ...]
    """At most WORST: the ok ones, then the uncertain ones, each by falling score."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def as_text(self) -> str:
        """Aligned tables for a terminal, which end with a line end."""
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
            rows.append(
                (
                    each.truth,
                    BLANK if each.label is None else each.label,
                    score,
                    status,
                    _name(each.path),
                )
            )
        return ["The worst mistakes", *aligned(rows, left=(0, 1, 3, 4))] if self.worst else []


class Tally:
    """Counts predictions with their truth. `labels` are the model's, in order."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._numbers = {label: number for number, label in enumerate(labels)}
        self._confusion = np.zeros((len(labels), len(labels) + 2), np.int64)
        self._ok = self._uncertain = self._ok_correct = 0
        # A heap, whose first is the least of the worst; no two are equal, for the number's sake.
        self._worst: list[tuple[bool, float, int, Mistake]] = []
        self._places: Iterator[int] = count()

    def add(self, prediction: Prediction, truth: str) -> None:
        """One picture more. Raises SourceError where `truth` is no label of the model."""
        row = self._numbers.get(truth)
        if row is None:
            raise SourceError(
                f"{_name(prediction.path)}: its truth {printable(truth)!r} is no label of the "
                f"model, which knows {_list(self.labels)}"
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

    def _remember(self, prediction: Prediction, truth: str) -> None:
        answer = prediction
        mistake = Mistake(answer.path, truth, answer.label, answer.score, answer.status)
        score = -1.0 if answer.score is None else answer.score
        entry = (answer.status == "ok", score, -next(self._places), mistake)
        if len(self._worst) < WORST:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)

    def result(self) -> Evaluation:
        """Of what was added so far. Raises SourceError where that is nothing."""
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
    """The score interval of 95 % for a share of which `hits` of `trials` were seen (Wilson, J. Am.
    Stat. Assoc. 22, 1927). Unlike the textbook one it stays in [0, 1] and holds near its ends.
    `trials` is at least 1.
    """
    share, spread = hits / trials, _Z * _Z / trials
    middle = share + spread / 2
    reach = _Z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    # Exactly 0 and 1 at the ends, where rounding falls short of them.
    return (0.0 if hits == 0 else low), (1.0 if hits == trials else high)


def truth_of(folder: str, path: str | None) -> str:
    """The first sub-folder below `folder` in a path that was found by walking it. Raises
    SourceError for a picture that lies in no sub-folder.
    """
    try:
        below = PurePath(path or "").relative_to(folder).parts
    except ValueError:
        below = ()
    if len(below) < 2:
        raise SourceError(
            f"{_name(path)}: has no truth; move it into a sub-folder of {_name(folder)} that is "
            "named for what it shows"
        )
    return below[0]


def check_classes(folder: str, labels: tuple[str, ...]) -> None:
    """Looks, before anything is read, whether `folder` holds sub-folders named for labels and no
    picture beside them; what is hidden is passed over. Raises SourceError.
    """
    try:
        names = list(_classes(folder))
        for name in names:
            with os.scandir(PurePath(folder, name)):  # one that cannot be listed would look empty
                pass
    except OSError as error:
        raise SourceError(
            f"{_name(error.filename)}: {error.strerror}; name a folder with a sub-folder for each "
            "class"
        ) from error
    if not names:
        raise SourceError(
            f"{_name(folder)}: holds no sub-folder (links are not followed); sort the pictures "
            f"into sub-folders named for what they show: {_list(labels)}"
        )
    if unknown := sorted(set(names) - set(labels), key=natural_key):
        raise SourceError(
            f"{_name(folder)}: sub-folders that are no label of the model: {_list(unknown)}; "
            f"its labels are {_list(labels)}"
        )


def _classes(folder: str) -> Iterator[str]:
    """The names of the sub-folders that are walked. Raises OSError, SourceError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield entry.name
            elif has_image_ending(entry.name):
                truth_of(folder, entry.path)  # raises: it has none


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"


def _name(path: str | bytes | None) -> str:
    return printable(os.fsdecode(path or ""))


def _list(names: Sequence[str]) -> str:
    """Names on one line, cut where there are too many to read."""
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(printable(name) for name in names[:NAMED]) + rest
