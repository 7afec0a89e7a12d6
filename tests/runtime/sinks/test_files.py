"""A file appears whole under its name or not at all, whenever its process is killed; the next
process removes what is left, and nothing of a process that still lives.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.sinks.test_sort import answers, held, log_lines, sort, touch
from tinydigits import SinkError
from tinydigits.names import PART_PREFIX
from tinydigits.sinks import move_log
from tinydigits.sinks.files import only_writer, remove_leftovers, replaced, write_new
from tinydigits.sinks.move_log import LOG
from tinydigits.sinks.sort import SortBy, sort_sink
from tinydigits.sinks.unsort import unsort

pytestmark = [
    pytest.mark.linux,  # /dev/shm is another file system
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def inbox() -> Iterator[Path]:
    """A folder on another file system than the test's own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        assert Path(folder).stat().st_dev != Path().stat().st_dev
        yield Path(folder)


def killed(when: str, what: str, *names: str) -> None:
    """Sort or unsort in a process that is killed, and let this one look for what it left.

    It is killed once `half` of a file is copied, or once the `whole` file is there and its source
    too.
    """
    child = os.fork()
    if child == 0:
        try:
            _end_amid(when, what, *names)
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    remove_leftovers.cache_clear()


def _end_amid(when: str, what: str, *names: str) -> None:
    source, move_log.BLOCK_BYTES = Path(names[0]), 2
    blocks, unlink = move_log._blocks, Path.unlink

    def half(file: Any) -> Iterator[bytes]:
        yield next(blocks(file))
        os.kill(os.getpid(), signal.SIGKILL)

    def kept(path: Path, missing_ok: bool = False) -> None:
        if path == source:
            os.kill(os.getpid(), signal.SIGKILL)
        unlink(path, missing_ok)

    if when == "half":
        move_log._blocks = half
    else:
        Path.unlink = kept  # type: ignore[method-assign, assignment]
    if what == "unsort":
        unsort("out")
    else:
        sort(what, (names[1],), (names[0], "7"))  # type: ignore[arg-type]


def parts(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(f"{PART_PREFIX}*")]


@pytest.mark.parametrize("by", ["copy", "move"])
def test_a_sort_that_is_killed_amid_a_copy_leaves_no_half_of_it(by: SortBy, inbox: Path) -> None:
    touch(picture := str(inbox / "a.png"))
    killed("half", by, picture, str(inbox))
    assert [path.name for path in Path("out/7").iterdir()] == parts(Path())
    assert len(parts(Path())) == 1
    sort(by, (str(inbox),), (picture, "7"))
    assert held() == {"7/a.png": picture}
    assert parts(Path()) == []


def test_an_unsort_that_is_killed_amid_a_copy_is_finished_by_the_next(inbox: Path) -> None:
    touch(picture := str(inbox / "a.png"))
    sort("move", (str(inbox),), (picture, "7"))
    killed("half", "unsort", str(Path("out/7/a.png").absolute()))
    assert [path.name for path in inbox.iterdir()] == parts(inbox)
    assert unsort("out") == (1, [])
    assert held(str(inbox)) == {"a.png": picture}
    assert os.listdir("out") == ["sort-log.undone.jsonl"]  # noqa: PTH208


def test_what_a_killed_sort_left_does_not_keep_an_unsort_from_its_folders(inbox: Path) -> None:
    touch(picture := str(inbox / "a.png"))
    killed("half", "move", picture, str(inbox))
    assert unsort("out") == (0, [])
    assert os.listdir("out") == ["sort-log.undone.jsonl"]  # noqa: PTH208
    assert Path(picture).exists()


@pytest.mark.parametrize("other", [True, False])
def test_a_move_that_is_killed_between_its_halves_is_made_once(other: bool, inbox: Path) -> None:
    """Both by the next sort and by an unsort, on one file system and on two."""
    folder = inbox if other else Path.cwd() / "in"
    touch(picture := str(folder / "a.png"))
    killed("whole", "move", picture, str(folder))
    assert held() == {"7/a.png": picture}
    assert Path(picture).exists()
    sort("move", (str(folder),), (picture, "7"))
    assert held() == {"7/a.png": picture}
    assert not Path(picture).exists()
    killed("whole", "unsort", str(Path("out/7/a.png").absolute()))
    assert unsort("out") == (1, [])
    assert held(str(folder)) == {"a.png": picture}
    assert held() == {"sort-log.undone.jsonl": Path("out/sort-log.undone.jsonl").read_text()}


def test_a_move_of_a_process_that_still_sorts_is_not_taken_back() -> None:
    """It may be between its halves, so that the file at its target is soon the only one."""
    touch("a.png", "b.png")
    with sort_sink("out", "move", ("a.png",)) as sorter:
        sorter(answers(("a.png", "7")))
        Path("a.png").hardlink_to("out/7/a.png")
        sort("move", ("b.png",), ("b.png", "7"))
        assert Path("out/7/a.png").exists()
        with pytest.raises(Exception, match="another run is sorting"):
            unsort("out")
    assert len(log_lines()) == 2


def test_a_log_has_no_file_removed_outside_of_its_folder() -> None:
    touch("mine/a.png", "b.png")
    Path("a.png").hardlink_to("mine/a.png")
    Path("out").mkdir()
    here = Path.cwd()
    line = f'{{"by": "move", "from": "{here}/a.png", "to": "{here}/mine/a.png"}}\n'
    Path("out", LOG).write_text(line)
    sort("move", ("b.png",), ("b.png", "7"))
    assert held("mine") == {"a.png": "mine/a.png"}


def writer(name: str) -> "subprocess.Popen[bytes]":
    """Return a process that writes two files until its stdin ends."""
    code = f"""import sys; from pathlib import Path; from tinydigits.sinks.files import replaced
with replaced(Path("{name}.csv"), alone=True), replaced(Path("{name}.html")) as page:
    page.write(b"whole"); print(flush=True); sys.stdin.read()"""
    words = [sys.executable, "-c", code]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_parts_of_killed_processes_are_removed_and_those_of_others_are_not() -> None:
    dead, alive = writer("dead"), writer("alive")
    dead.kill()
    dead.communicate()
    assert len(parts(Path())) == 4
    write_new(Path("new").absolute(), [b"new"])
    assert len(parts(Path())) == 3  # the one of dead.csv waits for the next that writes dead.csv
    with replaced(Path("dead.csv"), alone=True):
        pass
    assert alive.communicate()[0] == b""
    assert sorted(os.listdir()) == ["alive.csv", "alive.html", "dead.csv", "new"]  # noqa: PTH208
    assert Path("alive.html").read_bytes() == b"whole"


def test_an_output_has_one_writer_by_whatever_name() -> None:
    Path("link.csv").symlink_to("rows.csv")
    with replaced(Path("rows.csv"), alone=True) as file:
        file.write(b"rows")
        for name in ("rows.csv", "link.csv"):
            with pytest.raises(SinkError, match=f"{name}: another run is writing it"):
                only_writer(Path(name)).__enter__()
        with only_writer(Path("other.csv")):
            pass
    assert Path("rows.csv").read_bytes() == b"rows"
    assert parts(Path()) == []


def test_where_there_are_no_hard_links_files_are_made_and_moved_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    touch("x/a.png", "y/a.png", "out/7/a.png")
    sort("copy", ("x",), ("x/a.png", "7"))
    sort("move", ("y",), ("y/a.png", "7"))
    assert held() == {"7/a.png": "out/7/a.png", "7/a~2.png": "x/a.png", "7/a~3.png": "y/a.png"}
    assert not Path("y/a.png").exists()
    with pytest.raises(FileExistsError):
        write_new(Path("out/7/a.png").absolute(), [b"other"])
    touch("y/a.png")
    monkeypatch.setattr("os.replace", refused)
    sorter = sort("move", ("y",), ("y/a.png", "7"))
    assert sorter.failed == [
        ("y/a.png", "cannot be taken out of its folder: Operation not permitted")
    ]
    assert Path("y/a.png").exists()
    assert len(held()) == 3
    assert parts(Path()) == []


def test_nothing_is_written_through_a_link_that_has_the_name_of_a_part() -> None:
    """Whoever may write into a folder may make one."""
    with only_writer(Path("rows.csv")):
        (part,) = parts(Path())
    touch("mine")
    Path(part).symlink_to("mine")
    with pytest.raises(OSError, match="symbolic link"):
        only_writer(Path("rows.csv")).__enter__()
    Path(part).unlink()
    os.mkfifo(part)
    with pytest.raises(OSError, match="No such device"):
        only_writer(Path("rows.csv")).__enter__()
    assert Path("mine").read_text() == "mine"
