"""Moving: single files change places without being overwritten or lost, and a log that knows of it.

For `sort`, which writes the log, and `unsort`, which follows it back.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tinydigits.errors import ImageError
from tinydigits.regular import open_regular

LOG = "sort-log.jsonl"
CANCELLED = "nothing"  # stands as `by` in a line that takes an earlier one back
LINE_BYTES = 1 << 18  # more than a line has: two paths of 4096 bytes, escaped sixfold
BLOCK_BYTES = 1 << 20  # what is copied at a time


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
        return os.fdopen(open_regular(source)[0], "rb")
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


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
