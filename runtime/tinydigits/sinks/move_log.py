"""Moves: files change places without being overwritten or lost, and a log records each step.

`sort` writes the log, and `unsort` follows it back.
"""

import errno
import filecmp
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tinydigits.errors import ImageError
from tinydigits.regular import has_writer, open_for_reading
from tinydigits.sinks.files import has_name, lock, remove_leftovers, rename_new, write_new
from tinydigits.text import json_line

LOG = "sort-log.jsonl"
CANCELLED = "nothing"  # the value of `by` in a line that takes an earlier one back
LINE_BYTES = 1 << 18  # more than a line has: two paths of 4096 bytes, escaped sixfold
BLOCK_BYTES = 1 << 20  # what is copied at a time

_NO_HARD_LINKS = (errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP)
_WRITTEN = "still being written, so it stays where it is"


class Log:
    """A log that is created when its first line is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def take_back(self) -> None:
        """Go on with a log that is there. If the process that wrote its last line was killed amid a
        move, so that the picture is in both places, leave it only where it was. Raises OSError.
        """
        if not self._path.exists():
            return
        file = self._open()
        if lock(file.fileno()):  # no other process is sorting into this folder
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LINE_BYTES))
            try:
                fields = json.loads((file.read() or b"").splitlines()[-1])
                by, origin, target = fields["by"], Path(fields["from"]), Path(fields["to"])
                is_below = Path(os.path.realpath(target.parent)).is_relative_to(self._path.parent)
            except (ValueError, TypeError, LookupError, RecursionError):
                is_below = False  # empty or damaged
            if is_below:
                remove_leftovers(target.parent)
                if by == "move" and are_twins(target, origin):
                    target.unlink()
                    self.cancel(origin, target)
        lock(file.fileno(), shared=True, waits=True)

    def record(self, by: str, origin: Path | str, target: Path) -> None:
        """Record what is about to be done. Raises OSError."""
        data = json_line({"by": by, "from": str(origin), "to": str(target)}).encode()
        if self._open().write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cancel(self, origin: Path | str, target: Path) -> None:
        """Record that it was not done after all."""
        self.record(CANCELLED, origin, target)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        while self._file is None:
            file = _appended(self._path)
            lock(file.fileno(), shared=True, waits=True)  # until an unsort has ended
            if has_name(file, self._path):  # it has not renamed the log
                self._file = file
            else:
                file.close()
        return self._file


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its times and mode.

    Raises ImageError where `source` cannot be read, FileExistsError where `target` exists, and
    other OSErrors where it cannot be written.
    """
    with open_for_reading(source) as file:
        write_new(target, _blocks(file), source)


def move_file(source: Path, target: Path) -> None:
    """Move a directory entry, a link as a link, across file systems where that is needed.

    Raises the errors of `copy_file`, and ImageError for a file that is still being written and has
    to be copied; then `source` is still where it was.
    """
    is_link = source.is_symlink()
    try:
        if is_link:
            target.symlink_to(source.readlink())
        else:
            target.hardlink_to(source)  # not a renaming, which would replace what is there
    except OSError as error:
        if is_link or isinstance(error, FileExistsError):
            raise
        if error.errno in _NO_HARD_LINKS:
            _rename(source, target)
        else:
            _move_across(source, target)
    else:
        _take_away(source, target)


def _rename(source: Path, target: Path) -> None:
    try:
        rename_new(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        raise ImageError(f"cannot be taken out of its folder: {error.strerror}") from error


def _move_across(source: Path, target: Path) -> None:
    """Move a file to another file system. A writer's later bytes would go into the file that is
    removed, so it is removed only if nobody writes it and it is what it was before the copy.
    """
    with open_for_reading(source) as file:
        before = _signature(os.fstat(file.fileno()))
        if has_writer(file.fileno()):
            raise ImageError(_WRITTEN)
        write_new(target, _blocks(file), source, durable=True)
        try:
            same = _signature(source.lstat()) == before
        except OSError:
            same = False
        if not same or has_writer(file.fileno()):
            target.unlink()
            raise ImageError(_WRITTEN)
        _take_away(source, target)


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _take_away(source: Path, target: Path) -> None:
    """Remove a file that is at `target` as well."""
    try:
        source.unlink(missing_ok=True)
    except OSError as error:
        target.unlink()
        raise ImageError(f"cannot be taken out of its folder: {error.strerror}") from error


def are_twins(one: Path, other: Path) -> bool:
    """Return whether a process was killed while it moved one of these to the other, so that both
    are there: they are one file, or a link and its copy, or a file and its copy.
    """
    try:
        status, its = one.lstat(), other.lstat()
    except OSError:
        return False
    if (one.parent.resolve(), one.name) == (other.parent.resolve(), other.name):
        return False
    if os.path.samestat(status, its):
        return status.st_nlink > 1
    if stat.S_ISLNK(status.st_mode) and stat.S_ISLNK(its.st_mode):
        return one.readlink() == other.readlink()
    return (
        stat.S_ISREG(status.st_mode)
        and _signature(status)[2:] == _signature(its)[2:]
        and filecmp.cmp(one, other, shallow=False)
    )


def make_folders(folder: Path) -> None:
    """Make a folder and those above it. Raises OSError."""
    if not folder.is_dir():
        for missing in reversed((folder, *folder.parents)):  # pathlib recurses: too deep for some
            missing.mkdir(exist_ok=True)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while True:
        try:
            block = file.read(BLOCK_BYTES)
        except OSError as error:  # while reading; an error of writing is raised elsewhere
            raise ImageError(error.strerror or str(error)) from error
        if not block:
            return
        yield block


def _appended(path: Path) -> BinaryIO:
    """Open a log at its end, unbuffered: a step is taken only once the system has its line. A last
    line that a crash cut short is removed: its step was not taken.
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
