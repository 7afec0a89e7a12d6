"""`classify` takes every source to every sink, and what goes wrong on the way is a row."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SCANS, write_idx
from tests.support.commands import COMMAND, run
from tests.support.waiting import soon
from tinydigits.cli import job
from tinydigits.cli.signals import Stopper
from tinydigits.items import Item, Skipped
from tinydigits.sources import watch

SEVEN, ONE = SCANS / "7-red-pen.png", SCANS / "1-small.png"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_all_sources_on_one_command_line_give_the_rows_of_each(tmp_path: Path) -> None:
    digits = np.stack([np.asarray(Image.open(ONE))] * 3)
    np.save(tmp_path / "a.npy", digits)
    np.savez(tmp_path / "b.npz", x=digits, y=np.arange(3))
    write_idx(tmp_path / "c-images-idx3-ubyte.gz", digits)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.write(SEVEN, "inner/seven.png")
    for ending, mode in (("tar", "gztar"), ("plain", "tar")):
        shutil.make_archive(str(tmp_path / ending), mode, SCANS.parent, "scans/1-small.png")
    names = ["a.npy", "b.npz", "c-images-idx3-ubyte.gz", "d.zip", "tar.tar.gz", "plain.tar"]
    inputs = [*(tmp_path / name for name in names), SCANS, ONE, "-"]
    for workers in ("1", "2"):
        status, text, summary = run(
            "classify", *inputs, "--format", "csv", "--workers", workers,
            stdin=os.fsencode(SEVEN) + b"\0" + os.fsencode(tmp_path / "a.npy") + b"\0",
        )  # fmt: skip
        rows = rows_of(text)
        assert [row["path"] for row in rows[:12]] == [
            *(f"{tmp_path}/a.npy/{place}" for place in range(3)),
            *(f"{tmp_path}/b.npz/x/{place}" for place in range(3)),
            *(f"{tmp_path}/c-images-idx3-ubyte.gz/{place}" for place in range(3)),
            f"{tmp_path}/d.zip/inner/seven.png",
            f"{tmp_path}/tar.tar.gz/scans/1-small.png",
            f"{tmp_path}/plain.tar/scans/1-small.png",
        ]
        assert [row["label"] for row in rows[:12]] == [*"111111111", "7", "1", "1"]
        assert [row["label"] for row in rows[-5:]] == [*"17111"]
        assert len(rows) == 12 + 28 + 1 + 1 + 3
        assert status == 0
        assert "1 other file" in summary


def test_names_of_every_kind_are_as_they_were(tmp_path: Path) -> None:
    names = ['"q"', "a\nb", "\r", "=1+1", "-o", "x" * 251, "a,b", "'", "<script>", "ü", " "]
    hostile = [os.fsencode(f"{name}.png") for name in names] + [b"\xff\xfe.png"]
    for name in hostile:
        (tmp_path / os.fsdecode(name)).write_bytes(ONE.read_bytes())
    wanted = sorted(str(tmp_path / os.fsdecode(name)) for name in hostile)
    rows = rows_of(run("classify", tmp_path, "--format", "csv")[1])
    assert sorted(row["path"] for row in rows) == wanted
    lines = run("classify", tmp_path, "--format", "jsonl")[1].splitlines()
    assert sorted(json.loads(line)["path"] for line in lines) == wanted


def test_whatever_a_file_became_since_it_was_listed_is_a_row(tmp_path: Path) -> None:
    """The list is held up in mid-run, while what it names is changed."""
    names = [tmp_path / f"{place}.png" for place in range(8)]
    for name in names:
        shutil.copy(ONE, name)
    run_ = subprocess.Popen(
        [COMMAND, "classify", "-", "--format", "csv"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    names[1].unlink()
    names[2].unlink()
    os.mkfifo(names[2])
    names[3].unlink()
    names[3].symlink_to(names[3])
    names[4].unlink()
    names[4].mkdir()
    names[5].write_bytes(b"")
    names[6].write_bytes(ONE.read_bytes()[:60])
    out, _ = run_.communicate("\n".join(map(str, names)).encode(), timeout=30)
    rows = rows_of(out.decode())
    assert run_.returncode == 1
    assert [row["path"] for row in rows] == [str(name) for name in names]
    assert [row["status"] for row in rows] == ["ok", *["error"] * 6, "ok"]
    reasons = [row["reason"] for row in rows[1:7]]
    assert reasons[:2] == ["No such file or directory", "not a regular file"]
    assert "symbolic links" in reasons[2]
    assert reasons[3:5] == ["a folder, not an image", "an empty file"]
    assert reasons[5].startswith("a damaged PNG")


@pytest.mark.parametrize("by", ["copy", "link", "move"])
def test_pictures_are_sorted_and_a_move_is_undone(by: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    shutil.copytree(SCANS, source / "deep")
    (source / "text.png").write_bytes(b"text")
    before = {path: path.read_bytes() for path in source.rglob("*.*")}
    words = ["classify", source, "--sort-into", target, "--sort-by", by]
    _, plan, said = run(*words, "--dry-run")
    assert not target.exists()
    assert f"{by} {source}/deep/7-red-pen.png → {target}/7/deep/7-red-pen.png" in plan
    assert said.startswith("29 images: ")
    status, text, _ = run(*words)
    assert status == 1
    assert [line.split(": ")[0] for line in text.splitlines()] == [
        step.removeprefix(f"{by} ").split(" → ")[0] for step in plan.splitlines()
    ]
    assert (target / "7/deep/7-red-pen.png").read_bytes() == before[source / "deep/7-red-pen.png"]
    assert (target / "_uncertain/deep/10-blank-sheet.jpg").exists()
    assert (target / "_unreadable/text.png").exists()
    assert source.joinpath("deep/7-red-pen.png").exists() is (by != "move")
    status, _, said = run("unsort", target / "sort-log.jsonl")
    if by == "move":
        assert (status, said) == (0, f"{len(before)} moved back, 0 not\n")
    else:
        assert status == 2
    assert {path: path.read_bytes() for path in source.rglob("*.*")} == before


def test_the_report_is_written(tmp_path: Path) -> None:
    assert run("classify", SCANS, "--report", tmp_path / "report.html", "--workers", "2")[0] == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("7-red-pen.png") == 1
    assert "http" not in page.replace("http-equiv", "")


def test_parquet_holds_what_csv_holds(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="PyArrow is not installed: the extra `parquet`")
    from pyarrow import parquet

    (tmp_path / "none.png").write_bytes(b"none")
    options = ("--scores", "--top-k", "2")
    for name in ("rows.parquet", "rows.csv"):
        run("classify", SCANS, tmp_path / "none.png", "-o", tmp_path / name, *options)
    table = parquet.read_table(tmp_path / "rows.parquet")
    rows = rows_of((tmp_path / "rows.csv").read_text())
    assert table.column_names == list(rows[0])
    for stored, row in zip(table.to_pylist(), rows, strict=True):
        assert {key: "" if value is None else str(value) for key, value in stored.items()} == row
    assert str(table.schema.field("score").type) == "double"
    assert str(table.schema.field("inverted").type) == "bool"


def test_a_journal_is_not_gone_on_with_under_other_settings(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    assert run("classify", SCANS, "-o", out, "--resume")[0] == 0
    rows = out.read_bytes()
    for words, differs in (
        (["-m", "dense"], "model was conv and is dense"),
        (["--backend", "numpy"], "backend was onnxruntime and is numpy"),
        (["--fit", "mnist"], "fit was auto and is mnist"),
        (["--min-score", "0.5"], "and is 0.5"),
        (["--scores"], "scores was False and is True"),
    ):
        status, _, errors = run("classify", SCANS, "-o", out, "--resume", *words)
        assert (status, out.read_bytes()) == (2, rows)
        assert differs in errors
    for inputs in ([ONE], [SEVEN, SCANS]):
        assert run("classify", *inputs, "-o", out, "--resume")[0] == 2
        assert out.read_bytes() == rows
    assert run("classify", SCANS, ONE, "-o", out, "--resume")[0] == 0
    assert out.read_bytes().startswith(rows)
    assert len(rows_of(out.read_text())) == 29


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("my own\n")
    status, _, errors = run("classify", SCANS, "-o", out, "--resume")
    assert (status, out.read_text()) == (2, "my own\n")
    assert "was not begun with --resume" in errors


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_torn_rows_are_written_again(ending: str, tmp_path: Path) -> None:
    """Cut anywhere, in names that hold line ends and quotes too."""
    for name in ('a"\n"b.png', "c\r\nd.png", "e.png"):
        shutil.copy(ONE, tmp_path / name)
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"rows.{ending}"
    words = ["classify", tmp_path, "--batch-size", 1, "--resume", "-m", "dense"]
    assert run(*words, "-o", whole)[0] == 0
    assert run(*words, "-o", out)[0] == 0
    rows = whole.read_bytes()
    for cut in range(0, len(rows), 23):
        out.write_bytes(rows[:cut])
        assert run(*words, "-o", out)[0] == 0
        assert out.read_bytes() == rows


def start(*words: object) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    return subprocess.Popen([COMMAND, "classify", *map(str, words)], stdin=pipe, stderr=pipe)


def rows_in(out: Path, count: int) -> list[dict[str, str]]:
    """Return the rows of a file once it has so many."""
    rows: list[dict[str, str]] = []

    def grown() -> bool:
        rows[:] = rows_of(out.read_text()) if out.exists() else []
        return len(rows) >= count

    assert soon(grown), rows
    return rows


def test_watching_reads_what_arrives_and_ends_with_the_summary(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(ONE, folder / "first.png")
    watch = start(folder, "--watch", "-o", out)
    assert rows_in(out, 1)[0]["label"] == "1"
    shutil.copy(SEVEN, folder / "second.png")
    assert rows_in(out, 2)[1]["label"] == "7"
    watch.send_signal(signal.SIGINT)
    _, errors = watch.communicate(timeout=10)
    assert watch.returncode == 130
    assert errors.startswith(b"2 images: 2 ok")


def test_a_watch_that_was_killed_goes_on_with_its_rows(tmp_path: Path) -> None:
    """What has a row is read again only if it changed since."""
    out, folder = tmp_path / "rows.csv", tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(ONE, folder / name)
    words = (folder, "--watch", "-o", out)
    watch = start(*words)
    before = rows_in(out, 2)
    watch.kill()
    watch.communicate()
    with out.open("a") as file:
        file.write("torn,")
    shutil.copy(SEVEN, folder / "b.png")
    shutil.copy(ONE, folder / "c.png")
    watch = start(*words)
    rows = rows_in(out, 4)
    assert rows[:2] == before
    assert [(Path(row["path"]).name, row["label"]) for row in rows[2:]] == [
        ("b.png", "7"),
        ("c.png", "1"),
    ]
    watch.send_signal(signal.SIGINT)
    assert watch.communicate(timeout=10)[1].startswith(b"4 images: 4 ok")
    status, _, errors = run("classify", *words, "-m", "dense")
    assert (status, rows_of(out.read_text())) == (2, rows)
    assert "model was conv and is dense" in errors


@pytest.mark.parametrize("options", [["--resume"], []])
def test_an_output_has_one_writer(options: list[str], tmp_path: Path) -> None:
    """However it and the others write. The list of its inputs is held open meanwhile."""
    out = tmp_path / "rows.csv"
    first = start("-", "-o", out, *options)
    listed = first.stdin
    assert listed is not None
    listed.write(f"{ONE}\n".encode())
    listed.flush()
    # It reads the list once it has opened what it writes.
    assert soon(lambda: not int.from_bytes(ioctl(listed, FIONREAD, bytes(4)), sys.byteorder))
    assert list(tmp_path.glob("rows.csv.run.json" if options else ".tinydigits-*"))
    there = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for words in ([], ["--resume"], ["--watch"]):
        status, _, errors = run("classify", SCANS, "-o", out, *words)
        assert status == 2
        assert "rows.csv: another run is writing it; wait for it" in errors
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == there
    first.communicate(f"{SEVEN}\n".encode())
    assert first.returncode == 0
    assert [row["label"] for row in rows_of(out.read_text())] == ["1", "7"]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]  # and no settings beside it


def test_a_name_of_any_length_is_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    names = ["a" * 200_000, str(ONE), "b," * 100_000, '"q"' * 99, str(SEVEN)]
    listed = "\n".join(names).encode()
    words = ["classify", "-", "-o", out, "--batch-size", 1, "--resume"]
    assert run(*words, stdin=listed)[0] == 1
    whole = out.read_bytes()
    out.write_bytes(whole[:-50])
    status, _, said = run(*words, stdin=listed)
    assert (status, out.read_bytes()) == (1, whole)
    assert said.startswith("5 images: 2 ok, 0 uncertain, 3 unreadable")


def test_an_input_that_is_not_there_ends_the_command_before_it_begins(tmp_path: Path) -> None:
    """Whatever the others are. What was there stays, and nothing is made."""
    out, page = tmp_path / "rows.csv", tmp_path / "page.html"
    for path in (out, page):
        path.write_text("before")
    (tmp_path / "in" / "7").mkdir(parents=True)
    moved = shutil.copy(SEVEN, tmp_path / "in" / "7")
    sort = ["--sort-into", tmp_path / "sorted", "--sort-by", "move", "--save-fit", tmp_path / "fit"]
    for words in (
        ["classify", "flatt"],
        ["classify", tmp_path / "in", "flatt", "-", "--report", page, *sort],
        ["classify", "flatt/", SCANS, "--resume"],
        ["classify", f"{ONE}/flatt", SCANS],
        ["classify", ONE, "flatt.zip"],
    ):
        status, text, errors = run(*words, "-o", out)
        assert (status, text) == (2, "")
        assert "flatt" in errors
        assert "check the name (nothing was read or written)" in errors
    status, text, errors = run("evaluate", tmp_path / "flatt", "--report", page)
    assert (status, text, "flatt: No such file" in errors) == (2, "", True)
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "page.html", "in"}
    assert (out.read_text(), page.read_text(), Path(moved).exists()) == ("before", "before", True)


def test_a_resumed_run_that_finds_no_image_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert run("classify", tmp_path / "in", "-o", tmp_path / "rows.csv", "--resume")[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_after_resume_the_rate_is_that_of_what_this_run_read(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    for images, rate in (("28 images: ", None), ("28 images: ", "(0/s)")):
        said = run("classify", SCANS, "-o", out, "--resume")[2]
        assert said.startswith(images)
        assert (rate or "/s)") in said


def test_a_mistyped_watch_leaves_what_was_there(tmp_path: Path) -> None:
    """The rows of an earlier run, which can be gone on with."""
    out, page = tmp_path / "rows.csv", tmp_path / "none" / "page.html"
    assert run("classify", ONE, "-o", out, "--resume")[0] == 0
    (tmp_path / "a.zip").touch()
    (tmp_path / "in").mkdir()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert len(before) == 2
    watched = tmp_path / "in"
    for words, said in (
        ([tmp_path / "inbx"], "inbx: cannot be watched: No such file"),
        ([tmp_path / "a.zip"], "archives and arrays are not watched"),
        ([watched, "--sort-into", watched / "out"], "name a folder outside it"),
        ([watched, "--sort-into", out], "rows.csv: not a folder"),
        ([watched, "--save-fit", watched], "name a folder outside it"),
        ([watched, "--report", page], "page.html: cannot be written"),
    ):
        status, _, errors = run("classify", *words, "--watch", "-o", out)
        assert said in errors
        assert status == (1 if "cannot be written" in said else 2)
        after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        assert after == before
    assert run("classify", ONE, "-o", out, "--resume")[0] == 0
    assert out.read_bytes() == before["rows.csv"]


def test_evaluate_says_how_well_a_model_reads(tmp_path: Path) -> None:
    for name in ("7/7-red-pen.png", "1/1-small.png", "2/7-black-pen.jpg", "0/none.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True)
        source = SCANS / path.name
        shutil.copy(source, path) if source.exists() else path.write_bytes(b"none")
    page = tmp_path / "page.html"
    status, text, _ = run("evaluate", tmp_path / "in", "--report", page)
    assert status == 1
    assert "accuracy    50.00 %" in text
    found = json.loads(run("evaluate", tmp_path / "in", "--json")[1])
    assert (found["images"], found["correct"], found["unreadable"]) == (4, 2, 1)
    assert "only mistakes" in page.read_text("utf-8")
    (tmp_path / "in" / "letters").mkdir()
    status, _, errors = run("evaluate", tmp_path / "in")
    assert status == 2
    assert "letters" in errors


def test_damaged_settings_of_a_journal_are_named(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    assert run("classify", ONE, "-o", out, "--resume")[0] == 0
    (tmp_path / "rows.csv.run.json").write_text("[1]")
    status, _, errors = run("classify", ONE, "-o", out, "--resume")
    assert status == 2
    assert "rows.csv.run.json: damaged" in errors


def test_watching_stops_between_two_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [Item(str(place), "") for place in range(100)]
    monkeypatch.setattr(watch, "watched_files", lambda *_: iter([batch]))
    stopper = Stopper(raises=False)
    chunks = job._arriving((), stopper, Skipped())
    assert len(next(chunks).names) == job.WATCH_BATCH
    stopper.asked = signal.SIGINT
    assert list(chunks) == []
