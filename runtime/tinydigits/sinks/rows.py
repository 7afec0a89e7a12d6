"""Rows: Predictions as text, CSV or JSONL."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from tinydigits.judging import Answers, Prediction
from tinydigits.text import json_line, printable

RowFormat = Literal["text", "csv", "csv-excel", "jsonl"]
Formatter = Callable[[Prediction], str]
Write = Callable[[Answers], None]
"""The type of every sink: a function that takes the Answers of each chunk."""

COLUMNS = ("path", "label", "score", "status", "reason", "inverted")
MARK = "\ufeff"  # by which spreadsheets know UTF-8
SCORE_DIGITS = 6  # decimals in CSV and JSONL: float32 has about seven
_QUOTED = re.compile(r'["\r\n]')


class Shown(NamedTuple):
    """The values that rows show in addition to COLUMNS."""

    labels: tuple[str, ...] = ()  # the labels of the model, in order
    scores: bool = False  # whether the score of every label is shown
    top: int = 1  # how many of the best labels are shown with their scores; 1: only the row's own

    def columns(self) -> tuple[str, ...]:
        """Return the names of a table's columns."""
        places = range(2, min(self.top, len(self.labels)) + 1)
        top = [f"top{place}_{what}" for place in places for what in ("label", "score")]
        scores = [f"score_{label}" for label in self.labels] if self.scores else []
        return (*COLUMNS, *top, *scores)

    def best(self, prediction: Prediction) -> list[tuple[str, float]]:
        """Return the best `top` labels of a readable picture and their scores, best first."""
        scored = zip(self.labels, prediction.scores or (), strict=False)
        return sorted(scored, key=lambda pair: -pair[1])[: self.top]

    def values(self, prediction: Prediction) -> list[object]:
        """Return the values of `columns`; None where there is no value."""
        values = _plain_values(prediction)
        if self.top > 1:
            best = [value for pair in self.best(prediction)[1:] for value in pair]
            missing = 2 * (min(self.top, len(self.labels)) - 1) - len(best)
            values += [*map(_rounded, best), *[None] * missing]
        if self.scores:
            values += [*map(_rounded, prediction.scores or [None] * len(self.labels))]
        return values


def row_format(format_: RowFormat, shown: Shown) -> Formatter:
    """Return a function that makes one row, with its line end, of a Prediction."""
    rows: dict[RowFormat, Callable[[Prediction, Shown], str]]
    rows = {"text": _text_row, "csv": _csv_row, "csv-excel": _csv_row, "jsonl": _jsonl_row}
    row = rows[format_]
    return lambda prediction: row(prediction, shown)


def header(format_: RowFormat, shown: Shown) -> str:
    """Return the text that comes before the first row."""
    mark = MARK if format_ == "csv-excel" else ""
    return mark + _csv_line(shown.columns()) if format_.startswith("csv") else ""


def _text_row(prediction: Prediction, shown: Shown) -> str:
    """Return a row for people: `path: 7  0.98`."""
    path = printable(prediction.path or "")
    if prediction.status == "error":
        return f"{path}: error: {printable(prediction.reason or '')}\n"
    row = f"{path}: {'-' if prediction.label is None else printable(prediction.label)}"
    if prediction.score is not None:
        row += f"  {prediction.score:.2f}"
    if prediction.reason is not None:
        row += f"  uncertain: {prediction.reason}"
    if shown.top > 1:
        row += "  then " + ", ".join(_scored(pair) for pair in shown.best(prediction)[1:])
    if shown.scores:
        row += "  all " + ", ".join(
            map(_scored, zip(shown.labels, prediction.scores or (), strict=False))
        )
    return row + "\n"


def _scored(pair: tuple[str, float]) -> str:
    return f"{printable(pair[0])} {pair[1]:.2f}"


def _csv_row(prediction: Prediction, shown: Shown) -> str:
    """Return a row as RFC 4180 has it, but with LF as the line end; a missing value is empty."""
    return _csv_line(["" if value is None else str(value) for value in shown.values(prediction)])


def _jsonl_row(prediction: Prediction, shown: Shown) -> str:
    """Return a JSON object on one line: the keys of COLUMNS, and `top` and `scores` if shown."""
    fields: dict[str, object] = dict(zip(COLUMNS, _plain_values(prediction), strict=True))
    if shown.top > 1:
        fields["top"] = [[label, _rounded(score)] for label, score in shown.best(prediction)]
    if shown.scores:
        scored = zip(shown.labels, map(_rounded, prediction.scores or ()), strict=False)
        fields["scores"] = dict(scored) if prediction.scores else None
    return json_line(fields)


def _plain_values(prediction: Prediction) -> list[object]:
    each = prediction
    score = _rounded(each.score)
    return [each.path, each.label, score, each.status.value, each.reason, each.inverted]


def _rounded(value: object) -> object:
    return round(value, SCORE_DIGITS) if type(value) is float else value


def _csv_line(values: Sequence[str]) -> str:
    line = ",".join(values)
    if line.count(",") < len(values) and not _QUOTED.search(line):
        return line + "\n"  # a plain line, as nearly all are: three times as fast as csv.writer
    import csv

    quoted = io.StringIO()
    # csv.writer quotes a value that holds a character of the line end: so it quotes CR and LF.
    csv.writer(quoted, lineterminator="\r\n").writerow(values)
    return quoted.getvalue().removesuffix("\r\n") + "\n"
