"""A number is as sure as the digit in it that is doubted most, and says which one that is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits import Classifier, Number
from tinydigits.info import Thresholds
from tinydigits.items import Chunk
from tinydigits.number_reading import NumberReading
from tinydigits.numbers import Wanted, judge_numbers
from tinydigits.sheet import Sheet, Sign

INFO = Classifier("dense").info
BOX = (1, 2, 3, 4)


def scores(label: int, best: float = 0.9, second: float = 0.0) -> NDArray[np.float32]:
    found = np.zeros(10, np.float32)
    found[label], found[(label + 1) % 10] = best, second
    return found


def judged(sheet: Sheet | str, wanted: Wanted = None) -> Number:
    reading = NumberReading([sheet], [(10, 10)])
    chunk = Chunk(["a.png"], ["a.png"])
    return judge_numbers(chunk, reading, INFO, Thresholds(0.5, 0.5), wanted)[0]


def sheet(*lines: str) -> Sheet:
    return Sheet(tuple(tuple(Sign(scores(int(d)), BOX) for d in line) for line in lines), 2, False)


def test_a_sure_number_is_ok() -> None:
    number = judged(sheet("12", "345"))
    assert (number.text, number.ok, number.reason) == ("12\n345", True, None)
    assert number.score == pytest.approx(0.9)
    assert [[digit.label for digit in line] for line in number.lines] == [["1", "2"], [*"345"]]
    assert (number.lines[0][0].box, number.left_out) == (BOX, 2)


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        (Sign(scores(7, 0.4), BOX), "low_score"),
        (Sign(scores(7, 0.9, 0.6), BOX), "ambiguous"),
        (Sign(scores(7), BOX, doubted=True), "low_score"),
    ],
)
def test_one_doubtful_digit_makes_a_number_uncertain_and_is_named(sign: Sign, reason: str) -> None:
    sure = Sign(scores(1), BOX)
    number = judged(Sheet(((sure,), (sure, sign)), 0, False))
    assert (number.text, number.status, number.reason) == ("1\n17", "uncertain", reason)
    assert number.detail == "digit 2 of line 2"
    assert number.score == pytest.approx(float(sign.scores.max()))


def test_another_number_of_digits_than_wanted_is_said() -> None:
    assert judged(sheet("1234"), (4, 4)).ok
    assert judged(sheet("1234"), (3, 5)).ok
    found = judged(sheet("1234"), (5, 5))
    assert (found.text, found.reason, found.detail) == ("1234", "count", "found 4, wanted 5")
    assert judged(sheet("1234"), (1, 3)).detail == "found 4, wanted 1-3"


@pytest.mark.parametrize(("blank", "reason"), [(True, "blank"), (False, "no_digit")])
def test_a_picture_without_a_digit_has_no_text(blank: bool, reason: str) -> None:
    for wanted in (None, (5, 5)):
        number = judged(Sheet((), 0, blank), wanted)
        assert (number.text, number.score, number.reason) == (None, None, reason)
        assert number.status == "uncertain"


def test_a_picture_that_cannot_be_read_is_an_error() -> None:
    number = judged("no image")
    assert (number.path, number.status, number.reason) == ("a.png", "error", "no image")
