"""Rows read back by standard parsers as what they were, whatever a file is called."""

import csv
import io
import json
import os

import pytest

from tinydigits import Prediction
from tinydigits.judging import Status
from tinydigits.sinks.rows import COLUMNS, RowFormat, Shown, header, row_format

ROWS = [
    Prediction("a.png", "7", 0.98, Status.OK, None, inverted=True),
    Prediction("b.png", "1", 0.5123456789, Status.UNCERTAIN, "ambiguous"),
    Prediction("blank.png", None, None, Status.UNCERTAIN, "blank"),
    Prediction("broken.png", None, None, Status.ERROR, "a damaged PNG: truncated"),
]
HOSTILE = [
    'quote".png',
    "new\nline.png",
    "carriage\rreturn.png",
    "=1+1.png",
    "-n.png",
    "komma, .png",
    "ü7️⃣.png",
    "\x1b[2J.png",
    os.fsdecode(b"not-utf8-\xff.png"),
]


def written(rows: list[Prediction], format_: RowFormat, shown: Shown = Shown()) -> bytes:  # noqa: B008
    text = header(format_, shown) + "".join(map(row_format(format_, shown), rows))
    return text.encode("utf-8", "surrogateescape")


def test_text_is_for_people() -> None:
    assert written(ROWS, "text").decode().splitlines() == [
        "a.png: 7  0.98",
        "b.png: 1  0.51  uncertain: ambiguous",
        "blank.png: -  uncertain: blank",
        "broken.png: error: a damaged PNG: truncated",
    ]


def test_jsonl_has_every_column() -> None:
    lines = [json.loads(line) for line in written(ROWS, "jsonl").splitlines()]
    assert all(tuple(line) == COLUMNS for line in lines)
    assert lines[1]["score"] == 0.512346
    assert lines[2] == dict(
        zip(COLUMNS, ("blank.png", None, None, "uncertain", "blank", None), strict=True)
    )


def test_csv_has_a_header_and_every_column() -> None:
    rows = list(csv.DictReader(io.StringIO(written(ROWS, "csv").decode())))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0] == dict(zip(COLUMNS, ("a.png", "7", "0.98", "ok", "", "True"), strict=True))
    assert rows[3]["reason"] == "a damaged PNG: truncated"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_read_back_as_it_was(name: str) -> None:
    row = Prediction(name, "7", 1.0, Status.OK, None)
    assert json.loads(written([row], "jsonl"))["path"] == name
    text = written([row], "csv").decode("utf-8", "surrogateescape")
    assert next(csv.DictReader(io.StringIO(text, newline="")))["path"] == name


@pytest.mark.parametrize("name", HOSTILE)
def test_text_keeps_a_name_on_one_line_and_the_terminal_unharmed(name: str) -> None:
    line = written([Prediction(name, "7", 1.0, Status.OK, None)], "text").decode()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()


SCORED = Prediction("a.png", "7", 0.9, Status.OK, None, False, None, (0.25, 0.9, 0.0000004))
UNREAD = Prediction("b.png", None, None, Status.ERROR, "no such file")
ALL = Shown(("1", "7", "x,y"), scores=True, top=2)


def test_scores_and_the_best_classes_are_columns() -> None:
    rows = list(csv.DictReader(io.StringIO(written([SCORED, UNREAD], "csv", ALL).decode())))
    wanted = {"top2_label": "1", "top2_score": "0.25", "score_1": "0.25", "score_7": "0.9"}
    assert rows[0].items() >= {**wanted, "score_x,y": "0.0"}.items()
    assert all(rows[1][column] == "" for column in (*wanted, "score_x,y"))
    assert None not in rows[0]


def test_scores_and_the_best_classes_are_in_jsonl() -> None:
    scored, unread = map(json.loads, written([SCORED, UNREAD], "jsonl", ALL).splitlines())
    assert scored["top"] == [["7", 0.9], ["1", 0.25]]
    assert scored["scores"] == {"1": 0.25, "7": 0.9, "x,y": 0.0}
    assert (unread["top"], unread["scores"]) == ([], None)


def test_text_shows_the_next_best_and_all() -> None:
    assert written([SCORED], "text", ALL).decode() == (
        "a.png: 7  0.90  then 1 0.25  all 1 0.25, 7 0.90, x,y 0.00\n"
    )


def test_no_more_classes_are_shown_than_there_are() -> None:
    assert Shown(("1", "7"), top=9).columns() == (*COLUMNS, "top2_label", "top2_score")
