"""What is written is read back by standard parsers, and a file is replaced only by a whole one."""

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from tinydigits import Prediction, SinkError
from tinydigits.sinks import COLUMNS, Format, file_sink, format_of, stream_sink

ROWS = [
    Prediction("a.png", "7", 0.98, "ok", None, inverted=True),
    Prediction("b.png", "1", 0.5123456789, "uncertain", "ambiguous"),
    Prediction("blank.png", None, None, "uncertain", "blank"),
    Prediction("broken.png", None, None, "error", "a damaged PNG: truncated"),
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


def written(rows: list[Prediction], format_: Format) -> bytes:
    stream = io.BytesIO()
    write = stream_sink(stream, format_)
    for row in rows:
        write(row)
    return stream.getvalue()


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
    row = Prediction(name, "7", 1.0, "ok", None)
    assert json.loads(written([row], "jsonl"))["path"] == name
    text = written([row], "csv").decode("utf-8", "surrogateescape")
    assert next(csv.DictReader(io.StringIO(text, newline="")))["path"] == name


@pytest.mark.parametrize("name", HOSTILE)
def test_text_keeps_a_name_on_one_line_and_the_terminal_unharmed(name: str) -> None:
    line = written([Prediction(name, "7", 1.0, "ok", None)], "text").decode()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()


def test_the_ending_names_the_format() -> None:
    formats = [format_of(name) for name in ("a.csv", "a.JSONL", "a.ndjson", "a.txt", "a")]
    assert formats == ["csv", "jsonl", "jsonl", "text", "text"]


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")

    def interrupted() -> None:
        with file_sink(str(path), "csv") as write:
            write(ROWS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    with file_sink(str(path), "csv") as write:
        write(ROWS[0])
        assert path.read_text() == "before"
    assert path.read_text().count("\n") == 2
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    with file_sink(str(link), "text") as write:
        write(ROWS[0])
    assert not Path(os.devnull).is_file()
    assert link.is_symlink()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    with file_sink(str(pipe), "text") as write:
        write(ROWS[0])
    assert reader.communicate(timeout=10)[0] == b"a.png: 7  0.98\n"
    assert pipe.is_fifo()


def test_links_are_written_through_and_modes_kept(tmp_path: Path) -> None:
    (tmp_path / "real.txt").touch(mode=0o600)
    (tmp_path / "link.txt").symlink_to("real.txt")
    with file_sink(str(tmp_path / "link.txt"), "text") as write:
        write(ROWS[0])
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "a.png: 7  0.98\n"
    assert (tmp_path / "real.txt").stat().st_mode & 0o777 == 0o600


def test_an_ending_of_another_format_is_refused() -> None:
    with pytest.raises(SinkError, match=r"\.xlsx is not written; name a \.csv"):
        format_of("rows.xlsx")


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "out.csv", Path("/dev/full")):
        with (
            pytest.raises(SinkError, match="cannot be written"),
            file_sink(str(path), "csv") as write,
        ):
            write(ROWS[0])
