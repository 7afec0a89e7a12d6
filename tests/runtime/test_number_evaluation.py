"""Figures of whole numbers are those worked out by hand."""

import json
import string

import pytest

from tinydigits import SourceError
from tinydigits.evaluation import wilson
from tinydigits.judging import Status
from tinydigits.number_evaluation import NumberEvaluation, NumberTally, edit_distance
from tinydigits.numbers import Number

DIGITS = tuple(string.digits)


def number(text: str | None, status: str = "ok", score: float = 0.9, path: str = "x.png") -> Number:
    return Number(path, text, score if text else None, Status(status), None)


def evaluated(*pairs: tuple[Number, str]) -> NumberEvaluation:
    tally = NumberTally(DIGITS)
    for read, truth in pairs:
        tally.check(read.path, truth)
        tally.add(read, truth)
    return tally.result()


@pytest.mark.parametrize(
    ("read", "truth", "edits"),
    [
        *(("", "", 0), ("12", "12", 0), ("", "123", 3), ("1234", "134", 1)),
        *(("1334", "1234", 1), ("4321", "1234", 4), ("2345", "1234", 2)),
    ],
)
def test_numbers_are_as_far_apart_as_the_edits_between_them(
    read: str, truth: str, edits: int
) -> None:
    assert edit_distance(read, truth) == edit_distance(truth, read) == edits


def test_every_figure_is_counted_once() -> None:
    """A row that is not where it belongs is not exact, though each digit is right. What is read of
    an unreadable picture is nothing.
    """
    found = evaluated(
        (number("2478"), "2478"),
        (number("12\n34"), "12 34"),
        (number("1234", "uncertain"), "12 34"),
        (number("134", score=0.95, path="sure.png"), "1234"),
        (number("99", "uncertain", path="doubt.png"), "9"),
        (number(None, "uncertain", path="blank.png"), "56"),
        (number(None, "error", path="broken.png"), "7"),
    )
    assert (found.images, found.ok, found.uncertain, found.unreadable) == (7, 3, 3, 1)
    assert (found.exact, found.exact_rate, found.exact_interval) == (2, 2 / 7, wilson(2, 7))
    assert (found.exact_rate_ok, found.uncertain_share) == (2 / 3, 3 / 7)
    assert (found.digits, found.digit_errors) == (20, 1 + 1 + 2 + 1)
    assert found.digit_error_rate == 5 / 20
    none = evaluated((number("1"), ""))  # a digit where there is none
    assert (none.digit_errors, none.digit_error_rate) == (1, None)
    assert [each.path for each in found.worst] == ["sure.png", "x.png", "doubt.png", "blank.png"]
    assert set(json.loads(found.to_json())) == set(NumberEvaluation.__dataclass_fields__)


def test_text_shows_the_figures_and_the_worst() -> None:
    text = evaluated((number("41"), "47"), (number("1" * 300), "1" * 299)).as_text()
    assert "exact       0.00 %  (0 of 2; 95 % interval 0.00 % to 65.76 %)\n" in text
    assert "uncertain   0.00 %  (0 of 2)\n" in text
    assert "digits      0.66 % wrong  (2 errors in 301 digits)\n" in text
    assert "47                                        41    " in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_truth_that_is_no_number_is_refused() -> None:
    with pytest.raises(SourceError, match=r"x\.png: its truth '4x' is neither a label .* 0, 1, 2"):
        NumberTally(DIGITS).check("x.png", "4x")
    with pytest.raises(SourceError, match="no picture to evaluate"):
        NumberTally(DIGITS).result()
