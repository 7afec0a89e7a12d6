"""Rows of numbers: the digits of each picture as text, CSV, JSONL or Parquet."""

from typing import NamedTuple

from tinydigits.number_reading import Lines
from tinydigits.numbers import Number, Wanted
from tinydigits.sinks.rows import answer_text, rounded

COLUMNS = (
    *("path", "text", "score", "status", "reason", "lines", "digits"),
    *("detail", "left_out"),
)


class NumberRows(NamedTuple):
    """The rows of Numbers, and the questions that they answer."""

    wanted: Wanted = None
    lines: Lines = "many"

    def settings(self) -> dict[str, object]:
        """Return what the rows depend on. JSON, which keeps it, has no tuples."""
        return {"digits": self.wanted and [*self.wanted], "lines": self.lines}

    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def values(self, number: Number) -> list[object]:
        """Return the values of COLUMNS, with a newline between the lines of `text`. `digits` holds
        a list for each line, of objects with `label`, `score` and `box`.
        """
        digits = [
            [
                {"label": digit.label, "score": rounded(digit.score), "box": [*digit.box]}
                for digit in line
            ]
            for line in number.lines
        ]
        return _values(number, number.text, digits)

    def cells(self, number: Number) -> list[object]:
        """Return the values of COLUMNS, with a blank between the lines of `text`. `digits` is how
        many there are.
        """
        return _values(number, _on_one_line(number), sum(map(len, number.lines)))

    def fields(self, number: Number) -> dict[str, object]:
        return dict(zip(COLUMNS, self.values(number), strict=True))

    def text(self, number: Number) -> str:
        text = answer_text(_on_one_line(number), number)
        if number.detail is not None:
            text += f" ({number.detail})"
        return f"{text}  left out: {number.left_out}" if number.left_out else text


def _values(number: Number, text: str | None, digits: object) -> list[object]:
    return [
        *(number.path, text, rounded(number.score), number.status.value, number.reason),
        *(len(number.lines), digits, number.detail, number.left_out),
    ]


def _on_one_line(number: Number) -> str | None:
    return number.text and number.text.replace("\n", " ")
