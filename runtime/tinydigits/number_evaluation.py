"""Evaluation of whole numbers: how many are exact, and how many digits are wrong."""

import json
from collections import Counter
from dataclasses import asdict, dataclass

from tinydigits.errors import SourceError
from tinydigits.evaluation import (
    Mistake,
    interval_line,
    mistakes_table,
    percent,
    ratio,
    status_lines,
    wilson,
    worst_of,
)
from tinydigits.numbers import Number, on_one_line
from tinydigits.text import names_in, printable


@dataclass(frozen=True, slots=True)
class NumberEvaluation:
    """How pictures of whole numbers were read. Shares are in [0, 1]."""

    images: int
    ok: int
    uncertain: int
    unreadable: int
    exact: int
    """Pictures read as they should be, each digit and each row; uncertain ones included."""

    exact_rate: float
    """exact ÷ images: an unreadable picture counts as wrong."""

    exact_interval: tuple[float, float]
    """The 95 % interval of the exact rate (see `wilson`)."""

    uncertain_share: float
    """uncertain ÷ images."""

    exact_rate_ok: float | None
    """Share of the `ok` pictures that are exact; None where none is ok."""

    digits: int
    """Digits in the truths."""

    digit_errors: int
    """Digits to be inserted, deleted or replaced until all that was read is the truth."""

    digit_error_rate: float | None
    """digit_errors ÷ digits; it may exceed 1. None where the truths hold no digit."""

    worst: tuple[Mistake, ...]
    """At most WORST: the `ok` ones first, then the uncertain ones, each by falling score."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def as_text(self) -> str:
        """Return aligned tables for a terminal, with a line end after the last."""
        rate = "-" if self.digit_error_rate is None else percent(self.digit_error_rate)
        overall = [
            interval_line("exact", self.exact, self.images),
            *status_lines("exact rate", self.exact_rate_ok, self.ok, self.uncertain, self.images),
            f"digits      {rate} wrong  ({self.digit_errors:,} errors in {self.digits:,} digits)",
            f"unreadable  {self.unreadable:,}",
        ]
        parts = [overall, mistakes_table(self.worst)]
        return "\n".join("\n".join(part) + "\n" for part in parts if part)


class NumberTally:
    """Counts numbers with their truth. `labels` are the model's."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._signs = frozenset((*labels, " "))
        self._statuses: Counter[str] = Counter()
        self._exact: Counter[bool] = Counter()  # by whether they are ok
        self._digits = self._errors = 0
        self._worst: tuple[Mistake, ...] = ()

    def check(self, path: str | None, truth: str) -> None:
        """Raise SourceError where the model cannot read `truth`."""
        if not self._signs.issuperset(truth):
            raise SourceError(
                f"{printable(path or '')}: its truth {printable(truth)!r} is neither a label of "
                f"the model nor a number; its labels are {names_in(sorted(self._signs - {' '}))}"
            )

    def add(self, number: Number, truth: str) -> None:
        """Count one picture. `truth` has a blank between rows."""
        text = on_one_line(number)
        self._statuses[number.status] += 1
        self._exact[number.status == "ok"] += text == truth
        wanted = truth.replace(" ", "")
        self._digits += len(wanted)
        self._errors += edit_distance((text or "").replace(" ", ""), wanted)
        if text != truth and number.status != "error":
            mistake = Mistake(number.path, truth, text, number.score, number.status)
            self._worst = worst_of((*self._worst, mistake))

    def result(self) -> NumberEvaluation:
        """Return the figures of all that was added. Raises SourceError where nothing was."""
        images = self._statuses.total()
        if images == 0:
            raise SourceError("there is no picture to evaluate")
        exact, statuses = self._exact.total(), self._statuses
        return NumberEvaluation(
            images=images,
            ok=statuses["ok"],
            uncertain=statuses["uncertain"],
            unreadable=statuses["error"],
            exact=exact,
            exact_rate=exact / images,
            exact_interval=wilson(exact, images),
            uncertain_share=statuses["uncertain"] / images,
            exact_rate_ok=ratio(self._exact[True], statuses["ok"]),
            digits=self._digits,
            digit_errors=self._errors,
            digit_error_rate=ratio(self._errors, self._digits),
            worst=self._worst,
        )


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
