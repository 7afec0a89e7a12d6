"""Evaluation: counts what was read against the truth. Memory does not grow with the pictures."""

import heapq
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from tinydigits.errors import SourceError
from tinydigits.judging import Prediction
from tinydigits.text import aligned, names_in, printable

WORST = 20  # mistakes that are named
MATRIX = 20  # labels up to which the whole confusion matrix is printed
BLANK, UNREADABLE = "(blank)", "(unreadable)"  # the parentheses tell them from labels
SHOWN = 40  # characters of a truth or an answer that the table of mistakes shows
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

    uncertain_share: float
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
        parts = [self._overall(), self._by_class(), self._confusions()]
        parts.append(mistakes_table(self.worst))
        return "\n".join("\n".join(part) + "\n" for part in parts if part)

    def _overall(self) -> list[str]:
        return [
            interval_line("accuracy", self.correct, self.images),
            *status_lines("accuracy", self.accuracy_ok, self.ok, self.uncertain, self.images),
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


def interval_line(name: str, right: int, images: int) -> str:
    """Return the line of a share with its interval; `right` of `images`, which are at least 1."""
    low, high = wilson(right, images)
    return (
        f"{name:<12}{percent(right / images)}  ({right:,} of {images:,}; "
        f"95 % interval {percent(low)} to {percent(high)})"
    )


def status_lines(
    name: str, share_ok: float | None, ok: int, uncertain: int, images: int
) -> list[str]:
    """Return the lines about uncertain and ok pictures; `name` is what `share_ok` is a share of."""
    sure = "-" if share_ok is None else percent(share_ok)
    return [
        f"uncertain   {percent(uncertain / images)}  ({uncertain:,} of {images:,})",
        f"ok only     {sure}  ({name} of the {ok:,} that are ok)",
    ]


def mistakes_table(worst: tuple[Mistake, ...]) -> list[str]:
    """Return the lines of a table that names the worst mistakes; none where there are none."""
    rows = [("truth", "read", "score", "", "")]
    for each in worst:
        score = "" if each.score is None else f"{each.score:.2f}"
        status = "" if each.status == "ok" else each.status
        read = BLANK if each.label is None else each.label
        rows.append((_cut(each.truth), _cut(read), score, status, printable(each.path or "")))
    return ["The worst mistakes", *aligned(rows, left=(0, 1, 3, 4))] if worst else []


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def worst_of(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """Return at most WORST: the `ok` ones first, then the uncertain ones, each by falling score."""

    def badness(mistake: Mistake) -> tuple[bool, float]:
        return mistake.status == "ok", -1.0 if mistake.score is None else mistake.score

    return tuple(heapq.nlargest(WORST, mistakes, badness))


class Tally:
    """Counts predictions with their truth. `labels` are the model's, in order."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._numbers = {label: number for number, label in enumerate(labels)}
        self._confusion = np.zeros((len(labels), len(labels) + 2), np.int64)
        self._ok = self._uncertain = self._ok_correct = 0
        self._worst: tuple[Mistake, ...] = ()

    def check(self, path: str | None, truth: str) -> None:
        """Raise SourceError where `truth` is no label of the model."""
        if truth not in self._numbers:
            raise SourceError(
                f"{printable(path or '')}: its truth {printable(truth)!r} is no label of the "
                f"model, which knows {names_in(self.labels)}"
            )

    def add(self, prediction: Prediction, truth: str) -> None:
        """Count one picture. Raises SourceError where `truth` is no label of the model."""
        self.check(prediction.path, truth)
        row = self._numbers[truth]
        correct = prediction.label == truth
        self._confusion[row, self._column(prediction)] += 1
        self._ok += prediction.status == "ok"
        self._ok_correct += correct and prediction.status == "ok"
        self._uncertain += prediction.status == "uncertain"
        if not correct and prediction.status != "error":
            each = prediction
            mistake = Mistake(each.path, truth, each.label, each.score, each.status)
            self._worst = worst_of((*self._worst, mistake))

    def _column(self, prediction: Prediction) -> int:
        if prediction.label is not None:
            return self._numbers[prediction.label]
        return len(self.labels) + (prediction.status == "error")

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
            uncertain_share=self._uncertain / images,
            accuracy_ok=ratio(self._ok_correct, self._ok),
            classes=tuple(map(self._figures, range(len(self.labels)))),
            confusion=tuple(map(tuple, self._confusion.tolist())),
            worst=self._worst,
        )

    def _figures(self, number: int) -> ClassFigures:
        right = int(self._confusion[number, number])
        support = int(self._confusion[number].sum())
        given = int(self._confusion[:, number].sum())
        return ClassFigures(
            self.labels[number], support, ratio(right, given), ratio(right, support)
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


def ratio(part: int, whole: int) -> float | None:
    """Return part ÷ whole; None where there is no whole."""
    return part / whole if whole else None


def percent(share: float) -> str:
    """Return a share in [0, 1] as a text in percent."""
    return f"{100 * share:.2f} %"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"
