"""Moves: files change places without being overwritten or lost, and a log records each step.

`sort` writes the log, and `unsort` follows it back.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tinydigits.errors import ImageError
from tinydigits.regular import open_regular
from tinydigits.sinks.files import write_new
from tinydigits.text import json_line

LOG = "sort-log.jsonl"
CANCELLED = "nothing"  # the value of `by` in a line that takes an earlier one back
LINE_BYTES = 1 << 18  # more than a line has: two paths of 4096 bytes, escaped sixfold
BLOCK_BYTES = 1 << 20  # what is copied at a time


class Log:
    """A log that is created when its first line is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def record(self, by: str, origin: Path | str, target: Path) -> None:
        """Record what is about to be done. Raises OSError."""
        if self._file is None:
            self._file = _appended(self._path)
        data = json_line({"by": by, "from": str(origin), "to": str(target)}).encode()
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cancel(self, origin: Path | str, target: Path) -> None:
        """Record that it was not done after all."""
        self.record(CANCELLED, origin, target)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def copy_file(source: Path, target: Path, durable: bool = False) -> None:
    """Copy a file with its times and mode. With `durable`, wait until it is on the disk.

    Raises ImageError where `source` cannot be read, FileExistsError where `target` exists, and
    other OSErrors where it cannot be written.
    """
    with _opened(source) as file:
        write_new(target, _blocks(file), durable)
    with suppress(OSError):  # some file systems keep no modes
        shutil.copystat(source, target)


def move_file(source: Path, target: Path) -> None:
    """Move a directory entry, a link as a link, across file systems where that is needed.

    Raises the errors of `copy_file`; then `source` is still where it was.
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
    """Make a folder and those above it. Raises OSError."""
    if not folder.is_dir():
        for missing in reversed((folder, *folder.parents)):  # pathlib recurses: too deep for some
            missing.mkdir(exist_ok=True)


def _opened(source: Path) -> BinaryIO:
    try:
        return os.fdopen(open_regular(source)[0], "rb")
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


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
