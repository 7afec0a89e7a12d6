"""Runs that are killed, stopped, or out of room lose no row, and what is resumed ends as if nothing
had happened.
"""

import csv
import fcntl
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.conftest import ROOT
from tests.support.commands import COMMAND
from tests.support.commands import run as run_here
from tests.support.slow import slow_jpeg
from tests.support.waiting import soon
from tinydigits.cli.signals import stoppable
from tinydigits.sinks.files import unfinished

pytestmark = pytest.mark.linux

SCANS = sorted((ROOT / "examples" / "scans").iterdir())
PIPE = 60_000  # bytes: nearly what a pipe holds
KILLS = int(os.environ.get("TINYDIGITS_KILLS", "5"))  # a format; 50 by command


def linked(folder: Path, count: int) -> Path:
    """A folder of `count` pictures, of which one in 100 is broken. Links take no room."""
    small = [path for path in SCANS if path.stat().st_size < 3000]
    broken = folder / "broken"
    folder.mkdir()
    broken.write_bytes(b"none")
    for place in range(count):
        (folder / f"{place}.png").symlink_to(small[place % len(small)] if place % 100 else broken)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return linked(
        tmp_path_factory.mktemp("many") / "in", int(os.environ.get("TINYDIGITS_MANY", "2500"))
    )


def start(*words: str, preexec_fn: Callable[[], None] | None = None) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [COMMAND, "classify", "-m", "dense", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,  # so that what readline leaves is there for communicate
        preexec_fn=preexec_fn,
    )


def ended(*words: str) -> int:
    """The exit status of a whole run."""
    run = start(*words)
    run.communicate()
    return run.returncode


def processes_of(session: int) -> list[int]:
    """All that still run of a session."""
    running = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, sid = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(sid) == session and state != "Z":
                running.append(int(entry.name))
    return running


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "workers"), [("csv", "2"), ("jsonl", "1"), ("jsonl", "2")])
def test_killed_at_any_moment_and_resumed_it_is_the_same_file(
    ending: str, workers: str, pictures: Path, tmp_path: Path
) -> None:
    whole, pieces = tmp_path / f"whole.{ending}", tmp_path / f"pieces.{ending}"
    words = ["--workers", workers, "--batch-size", "64", str(pictures)]
    began = time.monotonic()
    assert ended("-o", str(whole), *words) == 1
    lasts = time.monotonic() - began
    chance = random.Random(int(workers))
    sessions = []
    for kill in range(KILLS):
        run = start("-o", str(pieces), "--resume", *words)
        time.sleep(chance.uniform(0.15, 0.15 + lasts / 3))
        if kill == KILLS - 1:  # on a busy machine none of the others may have written a row
            assert soon(lambda: pieces.exists() and pieces.stat().st_size)
        run.kill()
        run.communicate()
        sessions.append(run.pid)
    last = start("-o", str(pieces), "--resume", *words)
    assert last.communicate()[1].startswith(
        f"{len(list(pictures.iterdir())) - 1:,} images".encode()
    )
    assert last.returncode == 1
    assert pieces.read_bytes() == whole.read_bytes()
    assert soon(lambda: not any(map(processes_of, sessions)))
    # And once more, with nothing left to do.
    assert ended("-o", str(pieces), "--resume", *words) == 1
    assert pieces.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_with_whole_rows_and_the_summary(
    number: int, status: int, workers: str, pictures: Path
) -> None:
    run = start("--format", "jsonl", "--workers", workers, "--batch-size", "16", str(pictures))
    assert run.stdout is not None
    assert run.stderr is not None
    first = run.stdout.readline()
    os.killpg(run.pid, number) if number == signal.SIGINT else run.send_signal(number)
    rest, errors = run.communicate(timeout=20)
    assert run.returncode == status, errors
    rows = [json.loads(line) for line in (first + rest).splitlines()]
    assert (first + rest).endswith(b"\n")
    assert 0 < len(rows) < len(list(pictures.iterdir())) - 1
    assert errors.startswith(f"stopped: {len(rows):,} images".encode())
    assert not processes_of(run.pid)


def test_a_stopped_run_replaces_nothing(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("before")
    run = start("-o", str(out), "--batch-size", "16", str(pictures))
    assert soon(lambda: len(list(tmp_path.iterdir())) == 2)
    run.send_signal(signal.SIGTERM)
    assert b"out.csv is not written" in run.communicate(timeout=20)[1]
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_signal_as_a_block_begins_leaves_no_unfinished_file(tmp_path: Path) -> None:
    part = tmp_path / "a.part"
    part.touch()
    block = unfinished(part)
    block.__enter__()  # a handler's exception can come behind this, and before its `with` block
    with pytest.raises(click.exceptions.Exit), stoppable(str):
        signal.raise_signal(signal.SIGTERM)
    assert not part.exists()


def test_no_worker_outlives_a_killed_parent(pictures: Path) -> None:
    run = start("--workers", "2", str(pictures))
    assert run.stdout is not None
    run.stdout.readline()
    assert len(processes_of(run.pid)) == 3
    run.kill()
    assert soon(lambda: not processes_of(run.pid))
    run.communicate()


@pytest.mark.slow
def test_a_worker_killed_from_outside_costs_no_row(pictures: Path) -> None:
    run = start("--format", "csv", "--workers", "2", "--batch-size", "32", str(pictures))
    assert run.stdout is not None
    first = run.stdout.readline()
    for pid in set(processes_of(run.pid)) - {run.pid}:
        os.kill(pid, signal.SIGKILL)
    rest, _ = run.communicate(timeout=60)
    names = [row["path"] for row in csv.DictReader((first + rest).decode().splitlines())]
    assert names == [str(pictures / f"{place}.png") for place in range(len(names))]
    assert len(names) == len(list(pictures.iterdir())) - 1
    assert b"was killed" not in rest


@pytest.mark.slow
def test_the_time_of_a_stopped_job_counts_for_no_picture(pictures: Path) -> None:
    """A user may stop it with Ctrl-Z and go on later."""
    words = ["--format", "jsonl", "--workers", "2", "--batch-size", "16", "--max-seconds", "1.5"]
    run = start(*words, str(pictures))
    assert run.stdout is not None
    first = run.stdout.readline()
    os.killpg(run.pid, signal.SIGSTOP)
    time.sleep(2)  # longer than a picture may take
    os.killpg(run.pid, signal.SIGCONT)
    rows = first + run.communicate(timeout=60)[0]
    assert rows.count(b"\n") == len(list(pictures.iterdir())) - 1
    assert b"more than 1.5 s" not in rows


def test_a_closed_pipe_ends_quietly(pictures: Path) -> None:
    run = start("--workers", "2", str(pictures))
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()
    assert run.stderr is not None
    with run.stderr:
        assert run.stderr.read() == b""
    assert run.wait() == 1
    assert not processes_of(run.pid)


@pytest.mark.slow
def test_where_a_file_may_grow_no_more_its_rows_stay_whole(pictures: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: writing fails, and in mid-row."""
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    words = ["--resume", "--workers", "2", "--batch-size", "32", str(pictures)]
    start("-o", str(whole), *words).communicate()

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    run = start("-o", str(out), *words, preexec_fn=limited)
    errors = run.communicate()[1].decode()
    assert (run.returncode, errors.count("\n")) == (1, 1)
    assert f"error: {out}: cannot be written: File too large" in errors
    assert whole.read_bytes().startswith(out.read_bytes())
    assert 5_000 < out.stat().st_size <= 10_000
    assert out.read_bytes().endswith(b"\n")
    start("-o", str(out), *words).communicate()
    assert out.read_bytes() == whole.read_bytes()


def test_without_resume_a_full_disk_leaves_what_was_there(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("before")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    run = start("-o", str(out), str(pictures), preexec_fn=limited)
    assert b"cannot be written: File too large" in run.communicate()[1]
    assert run.returncode == 1
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_behind_stdout_is_said() -> None:
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [COMMAND, "classify", *map(str, SCANS)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr == b"error: stdout cannot be written: No space left on device\n"


def test_unbuffered_python_loses_no_row(tmp_path: Path) -> None:
    """Under `python -u` stdout is raw, and a raw write may write a part."""
    out = tmp_path / "rows.csv"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    command = [COMMAND, "classify", *map(str, SCANS), "--format", "csv"]
    for status, limit in ((1, limited), (0, None)):
        with out.open("wb") as file:
            environment = os.environ | {"PYTHONUNBUFFERED": "1"}
            run = subprocess.run(
                command, stdout=file, stderr=subprocess.PIPE, env=environment, preexec_fn=limit,
                check=False,
            )  # fmt: skip
        assert run.returncode == status
    assert len(out.read_text().splitlines()) == len(SCANS) + 1


@pytest.mark.slow
def test_a_second_signal_after_a_while_waits_for_nobody(pictures: Path) -> None:
    """Nobody reads what is written, so that the first signal waits for the rows to be whole."""
    run = start("--format", "jsonl", "--scores", str(pictures))
    assert soon(lambda: waiting(run) >= PIPE, 20)
    run.send_signal(signal.SIGTERM)
    time.sleep(1.2)  # the while
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=5) == 143
    run.communicate()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, and then one that takes half a minute to decode."""
    folder = tmp_path_factory.mktemp("slow")
    for name in ("1.png", "2.png"):
        (folder / name).write_bytes((SCANS[0].parent / "1-small.png").read_bytes())
    (folder / "3.jpg").write_bytes(slow_jpeg())
    return folder


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_what_native_code_is_at_and_keeps_the_rows(
    number: int, status: int, slow: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    words = ["--workers", "1", "--batch-size", "1", str(slow)]
    run = start(*words, "-o", str(rows), "--resume")
    assert soon(lambda: rows.exists() and rows.read_bytes().count(b"\n") == 3, 20)
    run.send_signal(number)
    began = time.monotonic()
    errors = run.communicate(timeout=20)[1].decode()
    assert time.monotonic() - began < 4  # s: 1.5, and the rest for a busy machine
    assert (run.returncode, errors.count("\n")) == (status, 1)
    assert errors.startswith("stopped: 2 images: 2 ok, ")
    assert rows.read_bytes().count(b"\n") == 3


def test_signals_within_native_code_leave_no_unfinished_file(slow: Path, tmp_path: Path) -> None:
    """The second signal does no more than the first."""
    out = tmp_path / "out.csv"
    out.write_text("before")
    run = start(
        *("--workers", "1", "--batch-size", "1", "-o", str(out)),
        *("--report", str(tmp_path / "page.html"), str(slow)),
    )
    assert soon(lambda: len(list(tmp_path.iterdir())) > 2, 20)
    time.sleep(0.3)  # until the slow picture is decoded
    for _ in range(2):
        run.send_signal(signal.SIGINT)
        time.sleep(1.2)  # more than the while after which a second signal ends the process
    assert b"out.csv is not written" in run.communicate(timeout=20)[1]
    assert run.returncode == 130
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def waiting(run: subprocess.Popen[bytes]) -> int:
    """Return how many bytes of its stdout nobody has read."""
    assert run.stdout is not None
    return int.from_bytes(fcntl.ioctl(run.stdout, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_signal_before_the_first_row_is_told_too(pictures: Path) -> None:
    for delay in (0.02, 0.06, 0.1, 0.15):
        run = start("--batch-size", "65536", str(pictures))
        wait_for_handlers(run.pid)
        time.sleep(delay)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=20)
        assert run.returncode == 130
        assert errors.startswith(b"stopped")
        assert errors.count(b"\n") == 1


def wait_for_handlers(process: int) -> None:
    """Until it no longer ends without a word: Python itself does not catch SIGTERM."""
    status = Path(f"/proc/{process}/status")

    def catches() -> bool:
        found = re.search(r"SigCgt:\s*(\w+)", status.read_text())
        return bool(found and int(found[1], 16) >> (signal.SIGTERM - 1) & 1)

    assert soon(catches)


def test_rows_of_another_run_are_not_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"

    def status(*words: str) -> int:
        return run_here("classify", "-m", "dense", "-o", out, *words, SCANS[0])[0]

    assert status("--resume") == 0
    assert status("--fit", "mnist") == 0  # which replaces them
    assert status("--resume") == 2
    out.unlink()
    assert status("--resume", "--fit", "mnist") == 0  # starts anew


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_only_a_file_is_gone_on_with(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    if kind == "folder":
        out.mkdir()
    elif kind == "pipe":
        os.mkfifo(out)
    else:
        out.symlink_to("/dev/null")
    run = start("-o", str(out), "--resume", str(SCANS[0]))
    assert b"not a file" in run.communicate(timeout=20)[1]
    assert run.returncode == 2
    assert list(tmp_path.iterdir()) == [out]
