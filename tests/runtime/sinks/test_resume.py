"""A journal is one run's: another that is refused changes nothing of it."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import answers_of
from tinydigits import Prediction, ResumeError
from tinydigits.judging import Status
from tinydigits.sinks.resume import open_journal
from tinydigits.sinks.rows import Shown


def test_a_second_run_leaves_the_settings_of_the_first(tmp_path: Path) -> None:
    """Even while there is no row yet."""
    out, beside = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.run.json"
    with open_journal(str(out), "jsonl", Shown(), {"model": "dense"}):
        with (
            pytest.raises(ResumeError, match="another run is writing it"),
            open_journal(str(out), "jsonl", Shown(), {"model": "conv"}),
        ):
            pass
        assert json.loads(beside.read_text()) == {"model": "dense"}


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "rows.jsonl"
    os.mkfifo(pipe)
    with (
        pytest.raises(ResumeError, match="not a file"),
        open_journal(str(pipe), "jsonl", Shown(), {}),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_the_mark_for_spreadsheets_is_there_once_however_often_a_run_is_resumed(
    tmp_path: Path,
) -> None:
    rows = answers_of(
        [Prediction(f"ü{at}.png", "7", 0.98, Status.OK, None, inverted=True) for at in range(3)]
    )
    out, plain = tmp_path / "rows.csv", tmp_path / "plain.csv"
    for path, format_ in ((out, "csv-excel"), (plain, "csv")):
        for _ in range(2):
            with open_journal(str(path), format_, Shown(), {}, finishes=False) as journal:  # type: ignore[arg-type]
                for _ in journal.remaining([rows.chunk]):
                    journal.write(rows)
    assert out.read_bytes() == "\ufeff".encode() + plain.read_bytes()
    assert out.read_text("utf-8-sig").count("ü") == 3
    with (
        pytest.raises(ResumeError, match="does not start like rows in this format"),
        open_journal(str(plain), "csv-excel", Shown(), {}),
    ):
        pass
