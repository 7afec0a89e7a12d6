"""Options that do not go together are refused, before anything is read or written."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import SCANS
from tests.runtime.cli.test_classify import ONE
from tests.support.commands import run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume"], "--resume needs -o FILE.csv"),
        (["--resume", "-o", "a.parquet"], "--resume needs -o FILE.csv"),
        (["--resume", "-o", "a.txt"], "--resume needs -o FILE.csv"),
        (["--resume", "-o", "a.csv", "--sort-into", "x"], "--resume cannot be used with"),
        (["--resume", "-o", "a.csv", "--watch"], "--resume cannot be used with"),
        (["--settle", "5"], "--settle needs --watch"),
        (["--dry-run"], "--dry-run needs --sort-into"),
        (["--sort-by", "move"], "--sort-by needs --sort-into"),
        (["--sort-by", "copy"], "--sort-by needs --sort-into"),
        (["--watch", "-"], "--watch watches folders and files"),
        (["--watch", "-o", "a.parquet"], "Parquet needs -o FILE"),
        (["--format", "parquet"], "Parquet needs -o FILE"),
        (["--watch", "--workers", "2"], "--watch reads in one process"),
        (["-o", "a.png"], "would be an image or a store of images"),
        (["--report", "a.zip"], "would be an image"),
        (["-o", "a.csv", "--report", "a.csv"], "name the same file"),
        (["--save-fit", ""], "--save-fit has an empty name"),
        (["-o", str(SCANS)], "is an input and would be replaced"),
        (["--workers", "0"], "0 is not in the range"),
        (["--workers", "some"], "not a valid integer"),
        (["--top-k", "0"], "0 is not in the range"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], said: str) -> None:
    status, rows, errors = run("classify", SCANS, *words)
    assert status == 2
    assert said in errors
    assert rows == ""
    assert "Traceback" not in errors


@pytest.mark.parametrize("option", ["--sort-into", "--save-fit"])
def test_pictures_are_not_put_where_they_are_read_from(option: str, tmp_path: Path) -> None:
    shutil.copy(ONE, tmp_path)
    for folder in (tmp_path, tmp_path / "inner"):
        status, _, errors = run("classify", tmp_path, option, folder)
        assert status == 2
        assert "name a folder outside it" in errors
        assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("option", ["-o", "--report"])
@pytest.mark.parametrize("ending", ["tsv", "png", "csv"])
def test_no_password_is_printed_of_where_results_cannot_go(option: str, ending: str) -> None:
    status, _, errors = run("classify", SCANS, option, f"ftp://me:sesame@host/rows.{ending}")
    assert status == 2
    assert f"ftp://me@host/rows.{ending}: " in errors
    assert "sesame" not in errors
