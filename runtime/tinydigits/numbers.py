"""Numbers: what is read in a picture of several digits, and when not to trust it."""

from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np

from tinydigits.info import ModelInfo, Thresholds
from tinydigits.items import Chunk
from tinydigits.judging import Status
from tinydigits.number_reading import NumberReading
from tinydigits.sheet import Sheet

Wanted = tuple[int, int] | None
"""The least and the most digits that a picture should hold; None for any number of them."""


@dataclass(slots=True)
class Digit:
    """One digit of a number."""

    label: str
    """The best class."""

    score: float
    """The score of `label`, in [0, 1]."""

    box: tuple[int, int, int, int]
    """Left, top, right, bottom of the ink, in pixels of the upright picture, right and bottom
    exclusive."""


@dataclass(slots=True)
class Number:
    """The digits of one picture."""

    path: str | None
    """The file's name as it was given or found; None for a picture that has none."""

    text: str | None
    """The labels in reading order, with a newline between lines. None where no digit was read."""

    score: float | None
    """The lowest score of the digits. None where `text` is None."""

    status: Status
    """`ok`, `uncertain` or `error`."""

    reason: str | None
    """None for ok; for uncertain `blank`, `no_digit`, `count`, `low_score` or `ambiguous`; a
    sentence for error."""

    detail: str | None = None
    """The numbers behind `count` ("found 4, wanted 5"), and the digit that is doubted otherwise
    ("digit 3 of line 1")."""

    lines: tuple[tuple[Digit, ...], ...] = ()
    """The digits of each line, from left to right; the lines from top to bottom."""

    left_out: int = 0
    """How many signs were left out because they are no digits."""

    @property
    def ok(self) -> bool:
        """Whether the status is `ok`."""
        return self.status is Status.OK


def on_one_line(number: Number) -> str | None:
    """Return the text of a number with a blank between its lines."""
    return number.text and number.text.replace("\n", " ")


class NumberAnswers(NamedTuple):
    """A chunk, its reading, and a Number for each of its pictures."""

    chunk: Chunk
    reading: NumberReading
    predictions: list[Number]


def judge_numbers(
    chunk: Chunk, reading: NumberReading, info: ModelInfo, thresholds: Thresholds, wanted: Wanted
) -> list[Number]:
    """Judge each picture. A number is as sure as the digit in it that is doubted most."""
    return [
        Number(name, None, None, Status.ERROR, sheet)
        if isinstance(sheet, str)
        else _judged(name, sheet, info.labels, thresholds, wanted)
        for name, sheet in zip(chunk.names, reading.sheets, strict=True)
    ]


def _judged(
    name: str | None, sheet: Sheet, labels: tuple[str, ...], thresholds: Thresholds, wanted: Wanted
) -> Number:
    lines = tuple(
        tuple(
            Digit(labels[int(sign.scores.argmax())], float(sign.scores.max()), sign.box)
            for sign in line
        )
        for line in sheet.lines
    )
    found = list(chain.from_iterable(lines))
    reason, detail = _doubt(sheet, thresholds, len(found), wanted)
    return Number(
        name,
        "\n".join("".join(digit.label for digit in line) for line in lines) if found else None,
        min((digit.score for digit in found), default=None),
        Status.OK if reason is None else Status.UNCERTAIN,
        reason,
        detail,
        lines,
        sheet.left_out,
    )


Reason = Literal["blank", "no_digit", "count", "low_score", "ambiguous"]


def _doubt(
    sheet: Sheet, thresholds: Thresholds, found: int, wanted: Wanted
) -> tuple[Reason | None, str | None]:
    """Return the reason to doubt a number, and its detail."""
    if wanted is not None and not wanted[0] <= found <= wanted[1]:
        least, most = wanted
        range_ = f"{least}" if least == most else f"{least}-{most}"
        missed: Reason = "count" if found else "blank" if sheet.blank else "no_digit"
        return missed, f"found {found}, wanted {range_}"
    if not found:
        return ("blank" if sheet.blank else "no_digit"), None
    for row, line in enumerate(sheet.lines, 1):
        for place, sign in enumerate(line, 1):
            second, top = np.partition(sign.scores.astype(np.float64), -2)[-2:]
            low = top < thresholds.min_score
            if low or sign.doubted or second > thresholds.max_ratio * top:
                why: Reason = "ambiguous" if not low and not sign.doubted else "low_score"
                return why, f"digit {place} of line {row}"
    return None, None
