"""`read` takes the pictures of numbers to rows in every format, by the loop that `classify` has."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.conftest import ROOT
from tests.support.chromium import chromium
from tests.support.pages import Page
from tinydigits import Classifier
from tinydigits.cli.main import main
from tinydigits.sinks.rows import NUMBER_COLUMNS

NUMBERS = ROOT / "examples" / "numbers"
FOUR, PHONE, TWO_LINES = (
    NUMBERS / name for name in ("2478-black-pen.png", "5550142-blue-pen.jpg", "two-lines.jpg")
)
BLANK = ROOT / "examples" / "scans" / "10-blank-sheet.jpg"


def run(*words: object, command: str = "read") -> tuple[int, str, str]:
    """Run the command in this process, where it starts sooner."""
    done = CliRunner().invoke(main, [command, *map(str, words)], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def truth() -> dict[str, str]:
    return {row["file"]: row["truth"] for row in table((NUMBERS / "truth.csv").read_text())}


def test_the_examples_are_read_as_their_table_says() -> None:
    """With a blank between lines, in text and in CSV."""
    status, text, summary = run(NUMBERS)
    assert status == 0
    read = dict(line.split(": ", 1) for line in text.splitlines())
    assert {Path(path).name: said.split("  ")[0] for path, said in read.items()} == truth()
    assert read[str(PHONE)].endswith("  left out: 1")
    assert "0.9" in read[str(FOUR)] or "1.0" in read[str(FOUR)]
    assert summary.startswith("5 images: 5 ok, 0 uncertain, 0 unreadable")
    rows = table(run(NUMBERS, "--format", "csv")[1])
    assert tuple(rows[0]) == NUMBER_COLUMNS
    assert {Path(row["path"]).name: row["text"] for row in rows} == truth()
    phone, lines = (next(row for row in rows if row["path"] == str(p)) for p in (PHONE, TWO_LINES))
    assert (phone["lines"], phone["digits"], phone["left_out"]) == ("1", "7", "1")
    assert (lines["lines"], lines["digits"], lines["left_out"]) == ("2", "8", "0")


def test_jsonl_and_parquet_have_every_digit_in_its_place(tmp_path: Path) -> None:
    """In pixels of the upright picture, line by line, even where the file lies on its side."""
    turned = tmp_path / "turned.png"
    with Image.open(TWO_LINES) as upright:
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90° to see it
        upright.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
        width, height = upright.size
    (tmp_path / "none.png").write_bytes(b"none")
    inputs = (TWO_LINES, turned, BLANK, tmp_path / "none.png")
    assert run(*inputs, "-o", tmp_path / "rows.jsonl")[0] == 1
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    for row in rows[:2]:
        assert tuple(row) == NUMBER_COLUMNS
        assert (row["text"], row["lines"]) == ("1367\n2015", 2)
        digits = [digit for line in row["digits"] for digit in line]
        assert ["".join(d["label"] for d in line) for line in row["digits"]] == ["1367", "2015"]
        assert row["score"] == min(digit["score"] for digit in digits)
        for line in row["digits"]:
            assert line == sorted(line, key=lambda digit: digit["box"][0])
        for place, digit in enumerate(digits):
            left, top, right, bottom = digit["box"]
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            column, line_ = place % 4, place // 4
            middle = (0.3 + 0.6 * column) * 110 + 27, (0.5 + line_) * 110 + 27
            assert abs((left + right) / 2 - middle[0]) < 25
            assert abs((top + bottom) / 2 - middle[1]) < 25
    assert (rows[2]["text"], rows[2]["digits"], rows[2]["reason"]) == (None, [], "blank")
    assert (rows[3]["status"], rows[3]["digits"]) == ("error", [])
    pytest.importorskip("pyarrow", reason="PyArrow is not installed: the extra `parquet`")
    from pyarrow import parquet

    assert run(*inputs, "-o", tmp_path / "rows.parquet")[0] == 1
    stored = parquet.read_table(tmp_path / "rows.parquet")
    assert stored.to_pylist() == rows
    assert str(stored.schema.field("lines").type) == "int32"


def test_an_uncertain_number_has_its_reason() -> None:
    for words, said in (
        ([FOUR, "--digits", 4], None),
        ([FOUR, "--digits", "2-4"], None),
        ([FOUR, "--digits", 5], "count (found 4, wanted 5)"),
        ([FOUR, "--digits", "5-6"], "count (found 4, wanted 5-6)"),
        ([FOUR, "--min-score", 1], "low_score (digit 1 of line 1)"),
        ([BLANK], "blank"),
    ):
        status, text, _ = run(*words)
        assert status == 0
        assert text.partition("uncertain: ")[2].strip() == (said or ""), text
    (row,) = table(run(FOUR, "--digits", 5, "--format", "csv")[1])
    assert (row["text"], row["reason"], row["detail"]) == ("2478", "count", "found 4, wanted 5")


def test_one_line_is_read_where_one_is_asked_for() -> None:
    text = run(TWO_LINES, "--lines", "one", "--format", "csv")[1]
    assert table(text)[0]["lines"] == "1"


@pytest.mark.parametrize("digits", ["0", "2-1", "-3", "x", "1-2-3", "", "9999999"])
def test_what_is_no_number_of_digits_is_refused(digits: str) -> None:
    status, text, errors = run(FOUR, f"--digits={digits}")
    assert (status, text) == (2, "")
    assert "write 5, or 4-6 for 4 to 6" in errors


def test_exit_statuses_are_those_of_classify(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("before")
    (tmp_path / "in").mkdir()
    for words, said in (
        ([tmp_path / "none"], "check the name (nothing was read or written)"),
        ([tmp_path / "in"], "no image found"),
        ([FOUR, "-m", "no-such-model"], "no-such-model"),
        ([FOUR, "--report", tmp_path / "a.zip"], "would be an image"),
        ([FOUR, "--resume", "--report", tmp_path / "a.html"], "--resume cannot be used with --re"),
    ):
        status, _, errors = run(*words, "-o", out)
        assert (status, out.read_text()) == (2, "before")
        assert said in errors
    (tmp_path / "in" / "none.png").write_bytes(b"none")
    status, text, summary = run(FOUR, tmp_path / "in")
    assert status == 1
    assert text.splitlines()[1].startswith(f"{tmp_path}/in/none.png: error: ")
    assert summary.startswith("2 images: 1 ok, 0 uncertain, 1 unreadable")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_resumed_file_is_that_of_a_single_run(ending: str, tmp_path: Path) -> None:
    """Wherever it was cut, with one worker or two."""
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"rows.{ending}"
    shutil.copy(TWO_LINES, tmp_path / 'a"\n"b.jpg')
    words = [NUMBERS, tmp_path, "--batch-size", 1, "--resume"]
    assert run(*words, "-o", whole, "--workers", 2)[0] == 0
    assert run(*words, "-o", out)[0] == 0
    rows = whole.read_bytes()
    assert out.read_bytes() == rows
    for cut in (len(rows) - 1, len(rows) // 2, 0):
        out.write_bytes(rows[:cut])
        assert run(*words, "-o", out)[0] == 0
        assert out.read_bytes() == rows
    for other, differs in (
        (["--digits", 4], "digits was None and is [4, 4]"),
        (["--lines", "one"], "lines was many and is one"),
    ):
        status, _, errors = run(*words, "-o", out, *other)
        assert (status, out.read_bytes()) == (2, rows)
        assert differs in errors
    assert run(*words, "-o", out, command="classify")[0] == 2
    assert out.read_bytes() == rows


def test_rows_are_what_the_library_returns() -> None:
    number = Classifier().read(PHONE, digits=(7, 7))
    row = json.loads(run(PHONE, "--digits", 7, "--format", "jsonl")[1])
    assert row == {
        "path": str(PHONE),
        "text": number.text,
        "score": round(number.score or 0, 6),
        "status": "ok",
        "reason": None,
        "lines": 1,
        "detail": None,
        "left_out": 1,
        "digits": [
            [
                {"label": each.label, "score": round(each.score, 6), "box": [*each.box]}
                for each in line
            ]
            for line in number.lines
        ],
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from chromium(tmp_path_factory.mktemp("chromium"))


DRAWN = """
return [...document.querySelectorAll(".card")].map((card) => {
  const image = card.querySelector(".boxed img").getBoundingClientRect();
  return [card.querySelector(".label").textContent, card.textContent,
    [...card.querySelectorAll(".boxed i")].map((box) => {
      const { left, top, right, bottom } = box.getBoundingClientRect();
      return [box.textContent, (left - image.left) / image.width, (top - image.top) / image.height,
        (right - image.left) / image.width, (bottom - image.top) / image.height];
    })];
});
"""
LOADED = "return [...document.images].every((image) => image.complete && image.naturalWidth)"


@pytest.mark.browser
def test_the_report_draws_a_box_around_each_digit(browser: Any, tmp_path: Path) -> None:
    """On a desk and on a phone, with what was read under it, and nothing on a blank sheet."""
    page, out = tmp_path / "numbers.html", tmp_path / "rows.jsonl"
    inputs = (TWO_LINES, PHONE, BLANK)
    assert run(*inputs, "--digits", 8, "-o", out, "--report", page)[0] == 0
    rows = {row["path"]: row for row in map(json.loads, out.read_text().splitlines())}
    for width in (1280, 360):
        metrics = {"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(page.as_uri())
        Page(browser).until(lambda: browser.execute_script(LOADED))
        assert browser.execute_script("return document.documentElement.scrollWidth") == width
        cards = browser.execute_script(DRAWN)
        assert [label for label, *_ in cards] == ["5550142", "nothing read", "1367 2015"]
        assert "count (found 7, wanted 8)" in cards[0][1]
        assert "blank" in cards[1][1]
        for (_, _, drawn), path in zip(cards, (PHONE, BLANK, TWO_LINES), strict=True):
            with Image.open(path) as image:
                across, down = image.size
            digits = [digit for line in rows[str(path)]["digits"] for digit in line]
            assert [text for text, *_ in drawn] == [digit["label"] for digit in digits]
            for (_, *edges), digit in zip(drawn, digits, strict=True):
                shares = np.divide(digit["box"], [across, down, across, down])
                assert np.abs(np.subtract(edges, shares)).max() < 0.015
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert Page(browser).complaints() == []
