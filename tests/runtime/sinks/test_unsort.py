"""Every step of sorting is in the log before it is done, and can be undone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.sinks.test_sort import answers, held, sort, touch
from tinydigits import SinkError
from tinydigits.errors import SourceError
from tinydigits.sinks.move_log import LOG
from tinydigits.sinks.sort import SortBy, sort_sink
from tinydigits.sinks.unsort import unsort

# Another file system, and a signal that comes while a copy is on its way there.
SIGNALLED = """
import os, sys
from tinydigits.cli.main import run

number = int(sys.argv.pop())
def link(*_): raise OSError(18, "another file system")
def fsync(_): os.kill(os.getpid(), number)
os.link, os.fsync = link, fsync
run()
"""


pytestmark = pytest.mark.usefixtures("in_tmp_path")


def test_what_is_uncertain_can_be_sorted_again_and_goes_back_to_the_start() -> None:
    touch("scans/a/b.png", "scans/a/c.png")
    sort("move", ("scans",), ("scans/a/b.png", "?"), ("scans/a/c.png", "?"))
    sort(
        "move",
        ("out/_uncertain",),
        ("out/_uncertain/a/b.png", "7"),
        ("out/_uncertain/a/c.png", "?"),
    )
    assert held() == {"7/a/b.png": "scans/a/b.png", "_uncertain/a/c.png": "scans/a/c.png"}
    assert unsort("out") == (2, [])
    assert held("scans") == {"a/b.png": "scans/a/b.png", "a/c.png": "scans/a/c.png"}
    assert os.listdir("out") == ["sort-log.undone.jsonl"]  # noqa: PTH208


def test_a_place_that_two_files_had_in_turn_is_the_last_ones() -> None:
    touch("x/a.png", "y/a.png")
    sort("move", ("x",), ("x/a.png", "?"))
    sort("move", ("out/_uncertain",), ("out/_uncertain/a.png", "7"))
    sort("move", ("y",), ("y/a.png", "?"))
    Path("out/7/a.png").unlink()
    touch("y/a.png")
    here = Path.cwd()
    assert unsort("out") == (
        0,
        [
            (str(here / "out/_uncertain/a.png"), f"{here}/y/a.png is taken by another file"),
            (str(here / "out/7/a.png"), "no longer there"),
        ],
    )
    assert not Path("x/a.png").exists()


def test_a_dry_run_makes_nothing_and_says_what_would_be() -> None:
    touch("scans/a/b.png", "scans/\x1b.png", "x/b.png", "out/7/b.png")
    before = held(".")
    told: list[str] = []
    with sort_sink("out", "move", ("scans", "x/b.png"), told.append) as sorter:
        sorter(answers(("scans/a/b.png", "7"), ("scans/\x1b.png", "?"), ("x/b.png", "7")))
        sorter(answers(("x/b.png", "7")))
    assert told == [
        "move scans/a/b.png → out/7/a/b.png",
        r"move scans/\x1b.png → out/_uncertain/\x1b.png",
        "move x/b.png → out/7/b~2.png",
        "move x/b.png → out/7/b~3.png",
    ]
    assert held(".") == before
    with sort_sink("other", "move", ("x/b.png",), told.append) as sorter:
        sorter(answers(("x/b.png", "7")))
    assert not Path("other").exists()


@pytest.mark.linux
def test_a_sort_folder_that_cannot_be_made_is_named() -> None:
    touch("a.png", "out")
    with pytest.raises(SinkError, match="out: not a folder"):
        sort("copy", ("a.png",), ("a.png", "7"))
    with sort_sink("/proc/none", "copy", ("a.png",)) as sorter, pytest.raises(SinkError):
        sorter(answers(("a.png", "7")))


def moved(*names: str) -> None:
    touch(*(f"scans/{name}" for name in names))
    sort("move", ("scans",), *((f"scans/{name}", "7") for name in names))


def test_a_taken_place_and_a_lost_file_are_reported_and_the_log_is_kept() -> None:
    moved("a.png", "b.png", "c.png")
    touch("scans/a.png")
    Path("out/7/b.png").unlink()
    here = Path.cwd()
    assert unsort(f"out/{LOG}") == (
        1,
        [
            (str(here / "out/7/b.png"), "no longer there"),
            (str(here / "out/7/a.png"), f"{here}/scans/a.png is taken by another file"),
        ],
    )
    assert Path("scans/c.png").exists()
    assert Path("out/7/a.png").exists()
    Path("scans/a.png").unlink()
    touch("scans/b.png")
    assert unsort("out") == (1, [])
    assert not Path("out/7").exists()
    assert not Path("out", LOG).exists()


def test_a_folder_that_was_removed_meanwhile_is_made_again() -> None:
    moved("a/b.png")
    Path("scans/a").rmdir()
    assert unsort("out") == (1, [])
    assert Path("scans/a/b.png").exists()


def test_a_crash_between_the_two_halves_of_a_move_is_undone() -> None:
    moved("a.png")
    Path("scans/a.png").hardlink_to("out/7/a.png")
    assert unsort("out") == (1, [])
    assert held("scans") == {"a.png": "scans/a.png"}
    assert held() == {"sort-log.undone.jsonl": Path("out/sort-log.undone.jsonl").read_text()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_a_copy_to_be_whole_and_the_next_run_goes_on(number: int) -> None:
    moved("a.png", "b.png")
    stopped = subprocess.run(
        [sys.executable, "-c", SIGNALLED, "unsort", "out", str(int(number))],
        stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    assert (stopped.returncode, stopped.stderr) == (
        128 + number,
        b"stopped: run the command again to go on\n",
    )
    assert held("scans") == {"b.png": "scans/b.png"}
    assert held() == {"7/a.png": "scans/a.png"}
    assert unsort("out") == (1, [])
    assert held("scans") == {name: f"scans/{name}" for name in ("a.png", "b.png")}


def test_a_damaged_line_is_named_and_nothing_is_undone() -> None:
    moved("a.png")
    log = Path("out", LOG)
    whole = log.read_bytes()
    for damage in (b"}", b"[" * 100_000, b"7", b'{"by": "move", "from": 1, "to": 2}'):
        log.write_bytes(damage + b"\n" + whole)
        with pytest.raises(SourceError, match="line 1 is damaged"):
            unsort("out")
    with pytest.raises(SourceError, match="cannot be read"):
        unsort("elsewhere")
    assert held() == {"7/a.png": "scans/a.png"}


def test_a_log_takes_nothing_from_outside_its_folder(tmp_path: Path) -> None:
    touch("secret", "out/7/a.png")
    Path("out/link").symlink_to(tmp_path)
    for target in ("secret", "out/7/../../secret", "out/link/secret", "out/.."):
        line = {"by": "move", "from": f"{tmp_path}/stolen", "to": f"{tmp_path}/{target}"}
        Path("out", LOG).write_text(json.dumps(line) + "\n")
        with pytest.raises(SourceError, match=r"outside of the log's own folder"):
            unsort("out")
    assert not Path("stolen").exists()


def test_a_log_cannot_have_a_file_deleted(tmp_path: Path) -> None:
    touch("out/7/a.png")
    Path("out/7/b.png").hardlink_to("out/7/a.png")
    Path("out/8").symlink_to("7")
    for name in ("7/a.png", "8/a.png"):
        origin = f"{tmp_path}/out/{name}"
        line = {"by": "move", "from": origin, "to": f"{tmp_path}/out/7/a.png"}
        Path("out", LOG).write_text(json.dumps(line) + "\n")
        assert unsort("out")[0] == 0
        assert Path("out/7/a.png").exists()


@pytest.mark.parametrize("by", ["copy", "link"])
def test_copies_and_links_are_not_undone(by: SortBy) -> None:
    touch("scans/a.png", "scans/b.png")
    sort(by, ("scans",), ("scans/a.png", "7"))
    with pytest.raises(SourceError, match=f"sorted by {by}: the originals are still in place"):
        unsort("out")
    sort("move", ("scans",), ("scans/b.png", "7"))
    undone, left = unsort("out")
    assert (undone, len(left)) == (1, 1)
    assert os.path.lexists("out/7/a.png")
    assert Path("scans/b.png").exists()
