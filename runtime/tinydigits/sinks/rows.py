"""Rows: answers as text, CSV or JSONL, and the values of each for Parquet."""

import io
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from tinydigits.judging import Prediction
from tinydigits.number_reading import Lines
from tinydigits.numbers import Number, Wanted, on_one_line
from tinydigits.text import json_line, printable

RowFormat = Literal["text", "csv", "csv-excel", "jsonl"]
Write = Callable[[Any], None]
"""The type of every sink: a function that takes the Answers or the NumberAnswers of each chunk."""

COLUMNS = ("path", "label", "score", "status", "reason", "inverted")
NUMBER_COLUMNS = (
    *("path", "text", "score", "status", "reason", "lines", "digits"),
    *("detail", "left_out"),
)
MARK = "\ufeff"  # by which spreadsheets know UTF-8
SCORE_DIGITS = 6  # decimals in CSV and JSONL: float32 has about seven


class Rows(Protocol):
    """The rows of one kind of answers."""

    def settings(self) -> dict[str, object]:
        """Return what the rows depend on, for a run that continues them."""

    def columns(self) -> tuple[str, ...]:
        """Return the names of a table's columns. The first is `path`; `status` is among them."""

    def values(self, answer: Any) -> list[object]:
        """Return the values of `columns` in Parquet; None where there is no value."""

    def cells(self, answer: Any) -> list[object]:
        """Return the values of `columns` in CSV."""

    def fields(self, answer: Any) -> dict[str, object]:
        """Return the keys and values in JSONL."""

    def text(self, answer: Any) -> str:
        """Return what text shows of a readable picture after its path."""


class Shown(NamedTuple):
    """The rows of Predictions: the values that they show in addition to COLUMNS."""

    labels: tuple[str, ...] = ()  # the labels of the model, in order
    scores: bool = False  # whether the score of every label is shown
    top: int = 1  # how many of the best labels are shown with their scores; 1: only the row's own

    def settings(self) -> dict[str, object]:
        return {"scores": self.scores, "top_k": self.top}

    def columns(self) -> tuple[str, ...]:
        places = range(2, min(self.top, len(self.labels)) + 1)
        top = [f"top{place}_{what}" for place in places for what in ("label", "score")]
        scores = [f"score_{label}" for label in self.labels] if self.scores else []
        return (*COLUMNS, *top, *scores)

    def best(self, prediction: Prediction) -> list[tuple[str, float]]:
        """Return the best `top` labels of a readable picture and their scores, best first."""
        scored = zip(self.labels, prediction.scores or (), strict=False)
        return sorted(scored, key=lambda pair: -pair[1])[: self.top]

    def values(self, prediction: Prediction) -> list[object]:
        values = _plain_values(prediction)
        if self.top > 1:
            best = [value for pair in self.best(prediction)[1:] for value in pair]
            missing = 2 * (min(self.top, len(self.labels)) - 1) - len(best)
            values += [*map(_rounded, best), *[None] * missing]
        if self.scores:
            values += [*map(_rounded, prediction.scores or [None] * len(self.labels))]
        return values

    def cells(self, prediction: Prediction) -> list[object]:
        return self.values(prediction)

    def fields(self, prediction: Prediction) -> dict[str, object]:
        """Return COLUMNS, and `top` and `scores` if shown."""
        fields: dict[str, object] = dict(zip(COLUMNS, _plain_values(prediction), strict=True))
        if self.top > 1:
            fields["top"] = [[label, _rounded(score)] for label, score in self.best(prediction)]
        if self.scores:
            scored = zip(self.labels, map(_rounded, prediction.scores or ()), strict=False)
            fields["scores"] = dict(scored) if prediction.scores else None
        return fields

    def text(self, prediction: Prediction) -> str:
        row = _answer_text(prediction.label, prediction)
        if self.top > 1:
            row += "  then " + ", ".join(_scored(pair) for pair in self.best(prediction)[1:])
        if self.scores:
            row += "  all " + ", ".join(
                map(_scored, zip(self.labels, prediction.scores or (), strict=False))
            )
        return row


class NumberRows(NamedTuple):
    """The rows of Numbers, and the questions that they answer."""

    wanted: Wanted = None
    lines: Lines = "many"

    def settings(self) -> dict[str, object]:
        """Return what the rows depend on. JSON, which keeps it, has no tuples."""
        return {"digits": self.wanted and [*self.wanted], "lines": self.lines}

    def columns(self) -> tuple[str, ...]:
        return NUMBER_COLUMNS

    def values(self, number: Number) -> list[object]:
        """Return the values of NUMBER_COLUMNS, with a newline between the lines of `text`. `digits`
        holds a list for each line, of objects with `label`, `score` and `box`.
        """
        digits = [
            [
                {"label": digit.label, "score": _rounded(digit.score), "box": [*digit.box]}
                for digit in line
            ]
            for line in number.lines
        ]
        return _number_values(number, number.text, digits)

    def cells(self, number: Number) -> list[object]:
        """Return the values of NUMBER_COLUMNS, with a blank between the lines of `text`. `digits`
        is how many there are.
        """
        return _number_values(number, on_one_line(number), sum(map(len, number.lines)))

    def fields(self, number: Number) -> dict[str, object]:
        return dict(zip(NUMBER_COLUMNS, self.values(number), strict=True))

    def text(self, number: Number) -> str:
        text = _answer_text(on_one_line(number), number)
        if number.detail is not None:
            text += f" ({number.detail})"
        return f"{text}  left out: {number.left_out}" if number.left_out else text


def _number_values(number: Number, text: str | None, digits: object) -> list[object]:
    return [
        *(number.path, text, _rounded(number.score), str(number.status), number.reason),
        *(len(number.lines), digits, number.detail, number.left_out),
    ]


def row_format(format_: RowFormat, rows: Rows) -> Callable[[Any], str]:
    """Return a function that makes one row, with its line end, of an answer."""
    if format_ == "jsonl":
        return lambda answer: json_line(rows.fields(answer))
    make = _text_row if format_ == "text" else _csv_row
    return lambda answer: make(answer, rows)


def header(format_: RowFormat, rows: Rows) -> str:
    """Return the text that comes before the first row."""
    mark = MARK if format_ == "csv-excel" else ""
    return mark + _csv_line(rows.columns()) if format_.startswith("csv") else ""


def _text_row(answer: Any, rows: Rows) -> str:
    """Return a row for people: `path: 7  0.98`."""
    path = printable(answer.path or "")
    if answer.status == "error":
        return f"{path}: error: {printable(answer.reason or '')}\n"
    return f"{path}: {rows.text(answer)}\n"


def _csv_row(answer: Any, rows: Rows) -> str:
    """Return a row as RFC 4180 has it, but with LF as the line end; a missing value is empty."""
    return _csv_line(["" if value is None else str(value) for value in rows.cells(answer)])


def _answer_text(answer: str | None, of: Prediction | Number) -> str:
    """Return an answer with its score, and with the reason to doubt it."""
    text = "-" if answer is None else printable(answer)
    if of.score is not None:
        text += f"  {of.score:.2f}"
    return text if of.reason is None else f"{text}  uncertain: {of.reason}"


def _scored(pair: tuple[str, float]) -> str:
    return f"{printable(pair[0])} {pair[1]:.2f}"


def _plain_values(prediction: Prediction) -> list[object]:
    each = prediction
    score = _rounded(each.score)
    return [each.path, each.label, score, str(each.status), each.reason, each.inverted]


def _rounded(value: object) -> object:
    return round(value, SCORE_DIGITS) if type(value) is float else value


def _csv_line(values: Sequence[str]) -> str:
    line = ",".join(values)
    if line.count(",") < len(values) and not ('"' in line or "\n" in line or "\r" in line):
        return line + "\n"  # a plain line, as nearly all are: three times as fast as csv.writer
    import csv

    quoted = io.StringIO()
    # csv.writer quotes a value that holds a character of the line end: so it quotes CR and LF.
    csv.writer(quoted, lineterminator="\r\n").writerow(values)
    return quoted.getvalue().removesuffix("\r\n") + "\n"
