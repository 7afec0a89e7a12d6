"""`evaluate` measures on folders and tables, digits and numbers, and refuses what has no truth."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.commands import run

SCANS, NUMBERS = ROOT / "examples" / "scans", ROOT / "examples" / "numbers"


def test_a_table_and_folders_have_the_same_figures(tmp_path: Path) -> None:
    names = ("0-black-pen.png", "7-red-pen.png", "2-pencil.png", "8-small.png")
    for name in names:
        (tmp_path / name[0]).mkdir()
        shutil.copy(SCANS / name, tmp_path / name[0])
    status, text, said = run("evaluate", str(tmp_path), "--json")
    assert (status, said[:27]) == (0, "4 images: 4 ok, 0 uncertain")
    table = tmp_path / "truth.tsv"
    table.write_text("".join(f"{SCANS}/{name}\t{name[0]}\n" for name in names), "utf-8-sig")
    assert run("evaluate", "--truth", str(table), "--json")[:2] == (0, text)


def test_uncertain_is_said_as_classify_says_it(tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("10-blank-sheet.jpg,0\n1-small.png,1\n")
    status, text, said = run("evaluate", str(SCANS), "--truth", str(table))
    assert status == 0
    assert "\nuncertain   50.00 %  (1 of 2)\n" in text
    assert said.startswith("2 images: 1 ok, 1 uncertain, 0 unreadable · ")


def test_numbers_are_measured_where_a_truth_is_longer_than_a_digit(tmp_path: Path) -> None:
    """Rows are parted by a blank or by `|`. The mistakes lead the report."""
    table, page = tmp_path / "truth.csv", tmp_path / "page.html"
    lines = "two-lines.jpg,1367|2015", "2478-black-pen.png,2479", "none.png,12"
    table.write_text("\n".join(lines))
    shutil.copy(ROOT / "examples" / "broken" / "text.png", tmp_path / "none.png")
    words = ("evaluate", str(NUMBERS), "--truth", str(table), "--report", str(page))
    status, text, _ = run(*words)
    assert status == 1
    assert "exact       33.33 %  (1 of 3; " in text
    assert "digits      21.43 % wrong  (3 errors in 14 digits)\nunreadable  1\n" in text
    assert text.splitlines()[-1].endswith(f"{NUMBERS}/2478-black-pen.png")
    shown = json.loads(page.read_text("utf-8").split('application/json">')[1].split("</script>")[0])
    assert (shown["summary"]["mistakes"], shown["pictures"][0][4]) == (1, "2479")


def test_single_digits_are_numbers_where_the_option_says_so(tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("1-small.png,1\n")
    words = ("evaluate", str(SCANS), "--truth", str(table), "--json")
    assert json.loads(run(*words)[1])["accuracy"] == 1
    assert json.loads(run(*words, "--numbers")[1])["digit_error_rate"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a folder with a sub-folder for each class, or --truth FILE"),
        (["in", "--numbers"], "--numbers needs --truth FILE"),
        (["in"], "in: holds no sub-folder (links are not followed), but 1 picture; sort the"),
        (["in/truth.csv"], "name a folder with a sub-folder for each class, or a table"),
        (["--truth", "in/truths.csv"], "did you mean in/truth.csv?"),
        (["--truth", "in/letters.csv"], "in/a.png: its truth 'A' is neither a label of the model"),
        (["--truth", "in/truth.csv", "--report", "in/truth.csv"], "is an input and would be repl"),
        (["empty"], "no image found in empty"),
    ],
)
def test_what_has_no_truth_is_refused_before_it_is_read(
    tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "empty" / "7").mkdir(parents=True)
    (tmp_path / "in").mkdir()
    for name, text in (("truth.csv", "a.png,1\n"), ("letters.csv", "a.png,A\n"), ("a.png", "")):
        (tmp_path / "in" / name).write_text(text)
    page = ["--report", "page.html"] if "--report" not in words else []
    status, text, errors = run("evaluate", *words, *page, cwd=tmp_path)
    assert (status, text) == (2, "")
    assert said in errors
    assert not (tmp_path / "page.html").exists()
    assert (tmp_path / "in" / "truth.csv").read_text() == "a.png,1\n"
