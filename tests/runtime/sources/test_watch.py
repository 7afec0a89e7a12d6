"""Each picture is given once it has come to rest, once, and again when it has changed; watching
ends soon after it is told to."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tinydigits.errors import SourceError
from tinydigits.items import Item, Skipped
from tinydigits.sources.watch import EMPTY_REST_POLLS, SETTLE, watched_files

Step = Callable[[int], None]


class Polls:
    """Watches in the test's own thread: before each poll `steps` may do something, by its number,
    and after `count` polls it ends. So nothing hangs on time.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        self._monkeypatch = monkeypatch

    def run(
        self,
        inputs: list[str],
        count: int,
        step: Step,
        skipped: Skipped | None = None,
        settle: float = SETTLE,
    ) -> dict[int, list[str]]:
        """The names that were given, by the number of the poll."""

        def waited(_: float, __: Callable[[], bool]) -> None:
            self.number += 1
            if self.number < count:
                step(self.number)

        self._monkeypatch.setattr("tinydigits.sources.watch._wait", waited)
        step(0)
        batches: dict[int, list[str]] = {}
        watched = watched_files(
            inputs,
            lambda: self.number >= count,
            Skipped() if skipped is None else skipped,
            settle=settle,
        )
        for batch in watched:
            assert all(item.name == item.image for item in batch)
            batches[self.number] = [str(item.name) for item in batch]
        return batches


@pytest.fixture
def polls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Polls:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    return Polls(monkeypatch)


def write(name: str, text: str = "x", mtime_ns: int | None = None) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    if mtime_ns is not None:
        os.utime(name, ns=(mtime_ns, mtime_ns))


def test_what_is_there_comes_at_the_second_poll_and_only_once(polls: Polls) -> None:
    for name in ("in/10.png", "in/2.png", "in/sub/1.jpg", "in/notes.txt", "in/.hidden.png"):
        write(name)
    skipped = Skipped()
    given = polls.run(["in"], 6, lambda _: None, skipped)
    assert given == {1: ["in/2.png", "in/10.png", "in/sub/1.jpg"]}
    assert (skipped["hidden"], skipped["other file"]) == (1, 1)


def test_what_arrives_comes_when_it_rests(polls: Polls) -> None:
    def step(number: int) -> None:
        if number == 2:
            write("in/new/a.png")

    assert polls.run(["in"], 8, step) == {3: ["in/new/a.png"]}


def test_what_grows_waits(polls: Polls) -> None:
    def step(number: int) -> None:
        if number <= 4:
            write("in/a.png", "x" * (number + 1), mtime_ns=10**18)

    assert polls.run(["in"], 8, step) == {5: ["in/a.png"]}


def test_what_is_rewritten_in_its_size_waits(polls: Polls) -> None:
    def step(number: int) -> None:
        if number <= 4:
            write("in/a.png", mtime_ns=10**18 + number)

    assert polls.run(["in"], 8, step) == {5: ["in/a.png"]}


def test_what_changes_comes_again(polls: Polls) -> None:
    def step(number: int) -> None:
        if number in (0, 3, 4):
            write("in/a.png", "x" * (number + 1))

    assert polls.run(["in"], 8, step) == {1: ["in/a.png"], 5: ["in/a.png"]}


def test_what_vanishes_is_forgotten_and_comes_again(polls: Polls) -> None:
    def step(number: int) -> None:
        if number in (0, 4):
            write("in/a.png", mtime_ns=10**18)
        if number == 3:
            Path("in/a.png").unlink()

    assert polls.run(["in"], 8, step) == {1: ["in/a.png"], 5: ["in/a.png"]}


def test_a_folder_may_vanish_and_come_back(polls: Polls) -> None:
    def step(number: int) -> None:
        if number in (0, 4):
            write("in/a.png")
        if number == 2:
            Path("in/a.png").unlink()
            Path("in").rmdir()

    assert polls.run(["in"], 8, step) == {1: ["in/a.png"], 5: ["in/a.png"]}


def test_an_empty_file_waits_long_for_its_contents_and_comes_without(polls: Polls) -> None:
    def step(number: int) -> None:
        if number == 0:
            write("in/begun.png", "")
            write("in/empty.png", "")
        if number == 5:
            write("in/begun.png")

    given = polls.run(["in"], EMPTY_REST_POLLS + 5, step)
    assert given == {6: ["in/begun.png"], EMPTY_REST_POLLS: ["in/empty.png"]}


@pytest.mark.linux
def test_a_file_that_a_process_writes_waits_for_it_and_at_last_comes(polls: Polls) -> None:
    """Its writer may pause for longer than any file rests."""
    write("in/done.png")
    write("in/open.png")
    with Path("in/done.png").open("ab") as done, Path("in/open.png").open("ab"):

        def step(number: int) -> None:
            if number == 5:
                done.close()

        given = polls.run(["in"], EMPTY_REST_POLLS + 2, step)
    assert given == {5: ["in/done.png"], EMPTY_REST_POLLS: ["in/open.png"]}


def test_a_file_rests_as_long_as_it_is_told_to(polls: Polls) -> None:
    def step(number: int) -> None:
        if number in (0, 2):
            write("in/a.png", "x" * (number + 1))

    assert polls.run(["in"], 9, step, settle=4) == {6: ["in/a.png"]}


def test_a_named_file_is_watched_whatever_its_ending(polls: Polls) -> None:
    def step(number: int) -> None:
        if number in (0, 3):
            write("scan.dat", "x" * (number + 1))

    assert polls.run(["scan.dat", "in"], 6, step) == {1: ["scan.dat"], 4: ["scan.dat"]}


def test_inputs_that_overlap_give_a_file_once(polls: Polls) -> None:
    write("in/a.png")
    assert polls.run(["in", "in/a.png", "in"], 4, lambda _: None) == {1: ["in/a.png"]}


def test_what_is_no_regular_file_is_never_given(polls: Polls) -> None:
    write("later.png")

    def step(number: int) -> None:
        if number == 0:
            os.mkfifo("in/pipe.png")
            Path("in/broken.png").symlink_to("nothing")
        if number == 2:
            Path("later.png").unlink()
            os.mkfifo("later.png")

    assert polls.run(["in", "later.png"], 6, step) == {1: ["later.png"]}


def test_a_link_comes_when_its_target_does(polls: Polls) -> None:
    def step(number: int) -> None:
        if number == 0:
            Path("in/link.png").symlink_to("../real.png")
        if number == 2:
            write("real.png")

    assert polls.run(["in"], 6, step) == {3: ["in/link.png"]}


def test_a_folder_that_cannot_be_listed_comes_once_for_its_error_row(
    polls: Polls, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refused(folder: str) -> object:
        if folder.endswith("locked"):
            raise PermissionError
        return scandir(folder)

    Path("in/locked").mkdir()
    monkeypatch.setattr("os.scandir", refused)

    def step(number: int) -> None:
        write(f"in/locked/{number}.png")  # which changes the folder

    assert polls.run(["in"], 6, step) == {1: ["in/locked"]}


def test_inputs_that_cannot_be_watched_are_refused_at_once(polls: Polls) -> None:
    os.mkfifo("pipe.png")
    write("a.zip")
    write("a.npy")
    for name in ("missing", "nul\0", "-", "pipe.png", "a.zip", "a.npy"):
        with pytest.raises(SourceError):
            watched_files(["in", name], lambda: False, Skipped())
    assert polls.number == 0


def test_stop_ends_a_long_wait_soon(tmp_path: Path) -> None:
    asked, stop = threading.Event(), threading.Event()
    given: list[list[Item]] = []

    def stopped() -> bool:
        asked.set()
        return stop.is_set()

    batches = watched_files([str(tmp_path)], stopped, Skipped(), interval=3600)
    thread = threading.Thread(target=lambda: given.extend(batches))
    thread.start()
    assert asked.wait(10)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert given == []


def test_stop_amid_a_poll_gives_nothing_more(tmp_path: Path) -> None:
    for number in range(10):
        write(str(tmp_path / f"{number}.png"))
    calls = iter(range(10**6))
    batches = watched_files([str(tmp_path)], lambda: next(calls) > 15, Skipped(), interval=0)
    assert list(batches) == []


def test_a_file_that_is_moved_in_is_given_within_a_few_polls(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    stop = threading.Event()
    batches = watched_files([str(folder)], stop.is_set, Skipped(), interval=0.05)
    given: list[str] = []

    def watch() -> None:
        for batch in batches:
            given.extend(str(item.name) for item in batch)
            stop.set()

    thread = threading.Thread(target=watch)
    thread.start()
    write(str(tmp_path / "a.png"))
    (tmp_path / "a.png").rename(folder / "a.png")
    thread.join(timeout=30)
    stop.set()
    assert given == [str(folder / "a.png")]
