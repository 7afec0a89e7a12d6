"""Unsort: read the log of a sort, and move its pictures back.

A log may come from anywhere, so all of it is checked before the first file is touched: no file is
taken from outside the log's folder, and none is overwritten.
"""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tinydigits.errors import ImageError, SourceError
from tinydigits.remote.location import Location
from tinydigits.sinks.files import close_on_windows, lock, remove_leftovers
from tinydigits.sinks.move_log import CANCELLED, LOG, are_twins, make_folders, move_file


def unsort(
    log: str, held: Callable[[], AbstractContextManager[None]] = nullcontext
) -> tuple[int, list[tuple[str, str]]]:
    """Undo the moves of a log, the last one first. `log` may be the folder that holds it.

    Return how many files are back, and the files that were left, each with the reason: its place is
    taken, or it no longer exists. A file that was sorted several times goes back to its first
    place. Moves that were never carried out are skipped. Empty folders are removed, and once
    nothing is left to undo the log is renamed to sort-log.undone.jsonl.

    Each file goes back within `held()`, so that signals wait: half a file, or a file in both
    places, would be in the way of the next run.

    Raises SourceError, before anything is done, where the log cannot be read, is damaged before
    its last line, names a file outside its own folder, or records only copies or links; and where
    another process is sorting into its folder.
    """
    path = Path(log)
    if path.is_dir():
        path /= LOG
    root = Path(os.path.realpath(path.parent))
    with _opened(path) as file:
        entries = _entries(path, root, file.read())
        moves = [entry for entry in entries if entry.by == "move"]
        kept = len(entries) - len(moves)
        if kept and not moves:
            raise SourceError(
                f"{path}: sorted by {entries[0].by}: the originals are still in place; to undo it, "
                f"delete {root}"
            )
        undone, left = 0, []
        for ways in reversed(_histories(moves)):
            with held():
                try:
                    undone += _undone(ways)
                except (OSError, ImageError) as error:
                    left.append((ways[-1], getattr(error, "strerror", None) or str(error)))
        _remove_empty({str(Path(entry.target).parent) for entry in moves}, root)
        if kept:
            reason = f"{kept:,} copies and links: their originals are still in place"
            left.append((str(root), reason))
        if not left:
            close_on_windows(file)
            _rename_away(path)
    return undone, left


class _Entry(NamedTuple):
    by: str
    origin: str
    target: str


def _opened(path: Path) -> BinaryIO:
    """Open a log that no other process uses: it might be amid a move. Raises SourceError."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    if lock(file.fileno()) is False:
        file.close()
        raise SourceError(f"{path}: another run is sorting or unsorting; wait for it, or stop it")
    return file


def _entries(path: Path, root: Path, log: bytes) -> list[_Entry]:
    """Return the steps in the log, without those that it cancels."""
    *lines, last = log.split(b"\n")
    real = lru_cache(maxsize=256)(os.path.realpath)  # of folders, each with hundreds of entries
    done: dict[int, _Entry] = {}
    numbers: dict[tuple[str, str], int] = {}
    for number, line in enumerate([*lines, last], 1):
        try:
            entry = _entry(line)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            if number > len(lines):
                break  # cut off by a crash, or empty as in a complete log
            raise SourceError(f"{path}: line {number} is damaged: nothing was undone") from error
        parent, name = os.path.split(entry.target)
        if name == ".." or not Path(real(parent)).is_relative_to(root):
            raise SourceError(
                f"{path}: line {number} names {entry.target}, outside of the log's own folder: "
                "nothing was undone"
            )
        if entry.by == CANCELLED:
            done.pop(numbers.pop((entry.origin, entry.target), -1), None)
        else:
            numbers[entry.origin, entry.target] = number
            done[number] = entry
    return list(done.values())


def _entry(line: bytes) -> _Entry:
    fields = json.loads(line)
    entry = _Entry(fields["by"], fields["from"], fields["to"])
    copied = Location.parse(entry.origin) and entry.by in ("copy", CANCELLED)
    for path in entry[2:] if copied else entry[1:]:
        if b"\0" in os.fsencode(path) or not Path(path).is_absolute() or not Path(path).name:
            raise ValueError(path)
    if entry.by not in ("copy", "link", "move", CANCELLED):
        raise ValueError(entry.by)
    return entry


def _histories(moves: list[_Entry]) -> list[list[str]]:
    """Return for each file all places where it may be, the first place first. A file that was
    sorted twice, for instance out of `_uncertain`, has more than two.
    """
    histories: list[list[str]] = []
    by_place: dict[str, list[str]] = {}
    for _, origin, target in moves:
        if target in by_place:  # the place was freed for another file
            by_place.pop(target).remove(target)
        history = by_place.get(origin)
        if history is None:
            history = [origin]
            histories.append(history)
        for place in history[history.index(origin) + 1 :]:  # logged and never carried out
            by_place.pop(place, None)
            history.remove(place)
        history.append(target)
        by_place[target] = history
    return histories


def _undone(history: list[str]) -> bool:
    """Move a file back. Return False where there is nothing to undo. Raises ImageError or OSError
    where the file stays.
    """
    origin, *places = map(Path, history)
    place = next((place for place in reversed(places) if os.path.lexists(place)), None)
    if place is None:
        if os.path.lexists(origin):
            return False
        raise ImageError("no longer there")
    if os.path.lexists(origin):
        if not are_twins(place, origin):
            raise ImageError(f"{origin} is taken by another file")
        place.unlink()  # a crash came between the two halves of its move
        return True
    make_folders(origin.parent)
    move_file(place, origin)
    return True


def _remove_empty(folders: set[str], root: Path) -> None:
    """Remove these folders and those above them, if empty, up to the sort folder, which stays."""
    for folder in list(folders):
        remove_leftovers(Path(folder))
        folders.update(
            str(parent) for parent in Path(folder).parents if parent.is_relative_to(root)
        )
    folders.discard(str(root))
    for folder in sorted(folders, key=lambda folder: -len(Path(folder).parts)):
        with suppress(OSError):  # a folder that is not empty stays
            Path(folder).rmdir()


def _rename_away(log: Path) -> None:
    """Rename a log, so that it is not undone twice."""
    for number in count(1):
        name = f"{log.stem}.undone{f'~{number}' if number > 1 else ''}{log.suffix}"
        if not os.path.lexists(log.with_name(name)):
            with suppress(OSError):  # it is undone even if it keeps its name
                log.rename(log.with_name(name))
            return
