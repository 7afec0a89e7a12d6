"""Unsort: the log of a sort, the moves that it holds, and the way back.

A log may come from anywhere, so all of it is checked before the first file is touched: nothing is
taken from outside the log's folder, and nothing is put where something is.
"""

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tinydigits.addresses import is_remote
from tinydigits.errors import ImageError, SourceError

LOG = "sort-log.jsonl"
CANCELLED = "nothing"  # stands as `by` in a line that takes an earlier one back
LINE_BYTES = 1 << 18  # more than a line has: two paths of 4096 bytes, escaped sixfold
BLOCK_BYTES = 1 << 20  # what is copied at a time

_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def unsort(log: str) -> tuple[int, list[tuple[str, str]]]:
    """Undoes the moves of a log, the last one first; `log` may be the folder that holds it.

    Gives the number of files that are back, and those that were left with the reason: their place
    is taken, or they are no longer there. A file that was sorted again and again goes back to
    where it was first. What was never carried out is passed over. Folders that became empty are
    removed, and once nothing is left to undo the log is renamed to sort-log.undone.jsonl.

    Raises SourceError, before anything is done, where the log cannot be read, is damaged before
    its last line, names a file outside its own folder, or knows of copies or links alone.
    """
    path = Path(log)
    if path.is_dir():
        path /= LOG
    root = Path(os.path.realpath(path.parent))
    entries = _entries(path, root)
    moves = [entry for entry in entries if entry.by == "move"]
    kept = len(entries) - len(moves)
    if kept and not moves:
        raise SourceError(
            f"{path}: sorted by {entries[0].by}: the originals are where they were; delete {root}"
        )
    undone, left = 0, []
    for ways in reversed(_histories(moves)):
        try:
            undone += _undone(ways)
        except (OSError, ImageError) as error:
            left.append((ways[-1], getattr(error, "strerror", None) or str(error)))
    _remove_empty({str(Path(entry.target).parent) for entry in moves}, root)
    if kept:
        left.append((str(root), f"{kept:,} copies and links: their originals are where they were"))
    if not left:
        _rename_away(path)
    return undone, left


class Log:
    """A log that is written, and made at its first line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def record(self, by: str, origin: Path | str, target: Path) -> None:
        """Says what is about to be done. Raises OSError."""
        if self._file is None:
            self._file = _appended(self._path)
        fields = {"by": by, "from": str(origin), "to": str(target)}
        line = json.dumps(fields, ensure_ascii=False)
        # Bytes that are not UTF-8 are lone surrogates here, which only an escape can hold in JSON.
        line = line if line.isprintable() else json.dumps(fields)
        data = line.encode() + b"\n"
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cancel(self, origin: Path | str, target: Path) -> None:
        """Says that it was not done after all."""
        self.record(CANCELLED, origin, target)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def copy_file(source: Path, target: Path, durable: bool = False) -> None:
    """Copies a file with its times and mode; `durable` waits until the disk has it.

    Raises ImageError where `source` cannot be read, FileExistsError where `target` is there, and
    other OSErrors where it cannot be written.
    """
    with _opened(source) as file:
        write_new(target, _blocks(file), durable)
    with suppress(OSError):  # some file systems keep no modes
        shutil.copystat(source, target)


def move_file(source: Path, target: Path) -> None:
    """Moves a directory entry, a link as a link, across file systems where that is needed.

    Raises as `copy_file`; then `source` is where it was.
    """
    if source.is_symlink():
        target.symlink_to(source.readlink())
    else:
        try:
            target.hardlink_to(source)  # not a renaming, which would replace what is there
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without hard links
            copy_file(source, target, durable=True)
    try:
        source.unlink(missing_ok=True)
    except OSError as error:
        target.unlink()
        raise ImageError(f"cannot be taken out of its folder: {error.strerror}") from error


def make_folders(folder: Path) -> None:
    """A folder and those above it. Raises OSError."""
    if not folder.is_dir():
        for missing in reversed((folder, *folder.parents)):  # pathlib recurses: too deep for some
            missing.mkdir(exist_ok=True)


def write_new(target: Path, blocks: Iterable[bytes], durable: bool = False) -> None:
    """A new file, whole or not at all. Raises OSError, FileExistsError where one is there."""
    file = target.open("xb")
    try:
        with file:
            for block in blocks:
                file.write(block)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        target.unlink()
        raise


def _opened(source: Path) -> BinaryIO:
    try:
        # Without waiting: in the place of a file there may be a FIFO by now.
        descriptor = os.open(source, _READ_FLAGS)
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ImageError("not a regular file")
    return os.fdopen(descriptor, "rb")


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while True:
        try:
            block = file.read(BLOCK_BYTES)
        except OSError as error:  # of the source, not of what is written meanwhile
            raise ImageError(error.strerror or str(error)) from error
        if not block:
            return
        yield block


def _appended(path: Path) -> BinaryIO:
    """The log at its end, unbuffered: what a line says is done only when the system has it. A last
    line that a crash tore is cut off: it was not acted upon.
    """
    make_folders(path.parent)
    file = path.open("a+b", buffering=0)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LINE_BYTES))
    torn = (file.read() or b"").rpartition(b"\n")[2]
    if torn:
        try:
            json.loads(torn)
            file.write(b"\n")  # an editor took the last line end away
        except (ValueError, RecursionError):
            file.truncate(size - len(torn))
    return file


class _Entry(NamedTuple):
    by: str
    origin: str
    target: str


def _entries(path: Path, root: Path) -> list[_Entry]:
    """What the log says was done, without what it took back."""
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    real = lru_cache(maxsize=256)(os.path.realpath)  # of folders, hundreds of entries in each
    done: dict[int, _Entry] = {}
    numbers: dict[tuple[str, str], int] = {}
    for number, line in enumerate([*lines, last], 1):
        try:
            entry = _entry(line)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            if number > len(lines):
                break  # torn, or empty as in a whole log
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
    copied = is_remote(entry.origin) and entry.by in ("copy", CANCELLED)
    for path in entry[2:] if copied else entry[1:]:
        if b"\0" in os.fsencode(path) or not Path(path).is_absolute() or not Path(path).name:
            raise ValueError(path)
    if entry.by not in ("copy", "link", "move", CANCELLED):
        raise ValueError(entry.by)
    return entry


def _histories(moves: list[_Entry]) -> list[list[str]]:
    """For each file all places where it may be, its first one first: one that was sorted twice,
    out of `_uncertain` for instance, has more than two.
    """
    histories: list[list[str]] = []
    by_place: dict[str, list[str]] = {}
    for _, origin, target in moves:
        if target in by_place:  # free again for another file
            by_place.pop(target).remove(target)
        history = by_place.get(origin)
        if history is None:
            history = [origin]
            histories.append(history)
        for place in history[history.index(origin) + 1 :]:  # was logged and never carried out
            by_place.pop(place, None)
            history.remove(place)
        history.append(target)
        by_place[target] = history
    return histories


def _undone(history: list[str]) -> bool:
    """False where there is nothing to undo. Raises ImageError, OSError where it stays."""
    origin, *places = map(Path, history)
    place = next((place for place in reversed(places) if os.path.lexists(place)), None)
    if place is None:
        if os.path.lexists(origin):
            return False
        raise ImageError("no longer there")
    if os.path.lexists(origin):
        if not _are_twins(place, origin):
            raise ImageError(f"{origin} is taken by another file")
        place.unlink()  # a crash came between the two halves of its move
        return True
    make_folders(origin.parent)
    move_file(place, origin)
    return True


def _are_twins(one: Path, other: Path) -> bool:
    """Two entries of the same file, so that either of them may go."""
    status = one.lstat()
    return (
        status.st_nlink > 1
        and os.path.samestat(status, other.lstat())
        and (one.parent.resolve(), one.name) != (other.parent.resolve(), other.name)
    )


def _remove_empty(folders: set[str], root: Path) -> None:
    """These folders and those above them, up to the sort folder, which stays."""
    for folder in list(folders):
        folders.update(
            str(parent) for parent in Path(folder).parents if parent.is_relative_to(root)
        )
    folders.discard(str(root))
    for folder in sorted(folders, key=lambda folder: -len(Path(folder).parts)):
        with suppress(OSError):  # what is not empty stays
            Path(folder).rmdir()


def _rename_away(log: Path) -> None:
    """So that it is not undone twice."""
    for number in count(1):
        name = f"{log.stem}.undone{f'~{number}' if number > 1 else ''}{log.suffix}"
        if not os.path.lexists(log.with_name(name)):
            with suppress(OSError):  # undone it is, whatever it is called
                log.rename(log.with_name(name))
            return
