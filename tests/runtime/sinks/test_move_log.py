"""Whatever happens amid a move, a file is whole where it was or where it goes, and the log knew."""

import errno
import os
import re
import tempfile
from pathlib import Path

import pytest

from tests.runtime.sinks.test_sort import held, log_lines, sort, touch
from tinydigits import SinkError
from tinydigits.sinks.move_log import LOG
from tinydigits.sinks.sort import SortBy
from tinydigits.sinks.unsort import unsort

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def moved(name: str) -> None:
    touch(f"scans/{name}")
    sort("move", ("scans",), (f"scans/{name}", "7"))


@pytest.mark.parametrize("by", ["copy", "link", "move"])
def test_a_name_that_another_process_takes_first_is_left_to_it(
    by: SortBy, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch("a.png", "out/7/a.png")
    lexists, hidden = os.path.lexists, Path.cwd() / "out/7/a.png"
    monkeypatch.setattr("os.path.lexists", lambda path: path != hidden and lexists(path))
    sort(by, ("a.png",), ("a.png", "7"))
    monkeypatch.setattr("os.path.lexists", lexists)
    assert held() == {"7/a.png": "out/7/a.png", "7/a~2.png": "a.png"}
    if by == "move":
        assert unsort("out") == (1, [])
        assert hidden.read_text() == "out/7/a.png"


def test_the_log_is_written_before_each_file_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a.png", "b.png")
    sort("move", ("a.png",), ("a.png", "7"))

    def crash(*_: object) -> None:
        assert len(log_lines()) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr("tinydigits.sinks.sort.move_file", crash)
    with pytest.raises(KeyboardInterrupt):
        sort("move", ("b.png",), ("b.png", "8"))
    here = Path.cwd()
    assert log_lines() == [
        {"by": "move", "from": str(here / "a.png"), "to": str(here / "out/7/a.png")},
        {"by": "move", "from": str(here / "b.png"), "to": str(here / "out/8/b.png")},
    ]
    assert unsort("out") == (1, [])
    assert Path("b.png").exists()


def test_a_file_that_cannot_be_taken_away_stays_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    touch("a.png")
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path == Path("a.png"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    sorter = sort("move", ("a.png",), ("a.png", "7"))
    assert sorter.failed == [("a.png", "cannot be taken out of its folder: Permission denied")]
    assert held() == {}
    assert Path("a.png").exists()


def test_a_full_disk_leaves_no_half_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a.png")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("os.link", full)
    with pytest.raises(SinkError, match=r"a\.png cannot be sorted: No space left"):
        sort("move", ("a.png",), ("a.png", "7"))
    assert held() == {}
    assert Path("a.png").exists()


def test_across_file_systems_a_move_is_a_copy_and_a_removal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def other_file_system(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr("os.link", other_file_system)
    touch("a.png")
    os.utime("a.png", ns=(10**18, 10**18))
    sort("move", ("a.png",), ("a.png", "7"))
    assert held() == {"7/a.png": "a.png"}
    assert not Path("a.png").exists()
    assert unsort("out") == (1, [])
    assert Path("a.png").stat().st_mtime_ns == 10**18


def test_a_torn_last_line_is_skipped_text_and_written_over() -> None:
    moved("a.png")
    with Path("out", LOG).open("a") as log:
        log.write('{"by": "move", "fr')
    moved("b.png")
    assert len(log_lines()) == 2
    with Path("out", LOG).open("a") as log:
        log.write('{"by": "move", "fr')
    assert unsort("out") == (2, [])


def test_a_last_line_without_its_end_is_kept() -> None:
    moved("a.png")
    log = Path("out", LOG)
    log.write_bytes(log.read_bytes().rstrip(b"\n"))
    moved("b.png")
    assert len(log_lines()) == 2


@pytest.mark.linux
def test_across_file_systems_a_file_stays_while_it_is_written() -> None:
    """Its writer may have paused, with its file open, or write between the copy and the removal."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        name = f"{folder}/a.png"
        with Path(name).open("wb") as file:
            file.write(b"x" * 100)
            file.flush()
            sorter = sort("move", (folder,), (name, "7"))
            assert sorter.failed == [(name, "still being written, so it stays where it is")]
            file.write(b"y" * 154)
        assert held() == {}
        fsync = os.fsync

        def written_to(descriptor: int) -> None:
            fsync(descriptor)
            with Path(name).open("ab") as file:
                file.write(b"z")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.fsync", written_to)
            sorter = sort("move", (folder,), (name, "7"))
        assert [path for path, _ in sorter.failed] == [name]
        assert held() == {}
        assert sort("move", (folder,), (name, "7")).failed == []
        assert not Path(name).exists()
    assert re.fullmatch("x{100}y{154}z+", held()["7/a.png"])
