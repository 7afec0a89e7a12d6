"""A journal is one run's: another that is refused changes nothing of it."""

import json
import os
from pathlib import Path

import pytest

from tinydigits import ResumeError
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
