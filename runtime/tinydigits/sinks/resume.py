"""Journal: an output file that a later run can continue.

The file itself is the journal. Beside it, NAME.run.json holds the settings of the run. A run with
other settings would write other rows, so it is refused. The inputs alone decide where chunks end,
and a chunk is read again unless the file has all its rows. So a file that several runs have written
equals, byte for byte, the file of a single run.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import FileIO
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from tinydigits.errors import ResumeError, SinkError
from tinydigits.items import Chunk
from tinydigits.judging import Answers
from tinydigits.sinks.files import replaced, writing
from tinydigits.sinks.output import journal_settings, write_all
from tinydigits.sinks.rows import COLUMNS, Shown, header, row_format

JournalFormat = Literal["csv", "jsonl"]
Settings = Mapping[str, object]


class WrittenRow(NamedTuple):
    """A row that the file already has."""

    path: str
    status: str
    end: int  # the offset in the file at which it ends, in bytes


class Journal:
    """An output file that is open for more rows. Made by `open_journal`."""

    def __init__(self, path: Path, format_: JournalFormat, shown: Shown, file: FileIO) -> None:
        self.found = Counter[str]()  # rows that the file already had, by status
        self._path, self._format, self._file = path, format_, file
        self._row = row_format(format_, shown)
        self._end = 0
        head = header(format_, shown).encode("utf-8", "surrogateescape")
        start = file.read(len(head)) or b""
        if start == head:
            self._end = len(head)
        elif head.startswith(start):  # empty, or cut off in its first line
            self._keep(0)
            self._append(head)
        else:
            raise ResumeError(f"{path}: does not start like rows in this format; name another file")

    def remaining(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks whose rows are not all in the file. Rows of an incomplete chunk are
        removed from it. Raises ResumeError where the rows belong to other inputs.
        """
        chunks = iter(chunks)
        with self._path.open("rb") as file:
            file.seek(self._end)
            rows = self._rows(file)
            for chunk in chunks:
                there = list(islice(rows, len(chunk.names)))
                for name, row in zip(chunk.names, there, strict=False):
                    if row.path != name:
                        raise ResumeError(
                            f"{self._path}: has a row for {row.path!r} where the inputs now have "
                            f"{name!r}; delete the file to start again"
                        )
                if len(there) < len(chunk.names):
                    chunks = chain([chunk], chunks)
                    break
                self.found.update(row.status for row in there)
                self._end = there[-1].end
            else:
                if (more := next(rows, None)) is not None:
                    raise ResumeError(
                        f"{self._path}: has a row for {more.path!r}, which the inputs no longer "
                        "have; delete the file to start again"
                    )
        self._keep(self._end)
        yield from chunks

    def write(self, answers: Answers) -> None:
        """Write the rows of a chunk. Raises SinkError; then none of them is in the file."""
        rows = "".join(map(self._row, answers.predictions))
        try:
            self._append(rows.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise SinkError(
                f"{self._path}: cannot be written: {error.strerror or error}; its rows so far are "
                "whole, and --resume goes on with them"
            ) from error

    def _append(self, rows: bytes) -> None:
        try:
            write_all(self._file, rows)
        except OSError:
            self._keep(self._end)
            raise
        self._end += len(rows)

    def _keep(self, end: int) -> None:
        self._file.truncate(end)
        self._file.seek(end)

    def _rows(self, file: BinaryIO) -> Iterator[WrittenRow]:
        """Yield the complete rows of a file; a last row that was cut off is left out."""
        end, row, quotes = self._end, b"", 0
        for line in file:
            row += line
            end += len(line)
            # While the count of quotes is odd, the line end is within quotes and part of a name.
            quotes += line.count(b'"') if self._format == "csv" else 0
            if quotes % 2 or not line.endswith(b"\n"):
                continue
            text = row.decode("utf-8", "surrogateescape")
            try:
                if self._format == "csv":
                    values = dict(zip(COLUMNS, next(csv.reader([text])), strict=False))
                else:
                    values = json.loads(text)
                yield WrittenRow(values["path"], values["status"], end)
            except (ValueError, KeyError, TypeError, csv.Error):
                raise ResumeError(
                    f"{self._path}: the row before byte {end:,} was not written by tinydigits; "
                    "delete the file to start again"
                ) from None
            row, quotes = b"", 0


@contextmanager
def open_journal(
    path: str, format_: JournalFormat, shown: Shown, settings: Settings
) -> Iterator[Journal]:
    """Create the file `path`, or open it to continue its rows. Raises ResumeError where other
    settings gave its rows or another run is writing it, SinkError where it cannot be written.
    """
    target = Path(path)
    with ExitStack() as stack:
        with writing(path):
            if target.exists() and not target.is_file():
                raise ResumeError(f"{target}: not a file: --resume needs a file")
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            descriptor = os.open(target, flags, 0o666)
            file = stack.enter_context(open(descriptor, "r+b", buffering=0))  # noqa: PTH123
            _lock(file, target)  # before its settings are read: another run may be writing both
            _check_settings(target, settings)
            journal = Journal(target, format_, shown, file)
        yield journal


def _check_settings(target: Path, settings: Settings) -> None:
    """Write the settings beside a new file, or compare them with those beside an old one."""
    beside = journal_settings(target)
    if not target.stat().st_size:
        with replaced(beside) as file:
            file.write((json.dumps(dict(settings), indent=1) + "\n").encode())
        return
    if not beside.exists():
        raise ResumeError(
            f"{target}: was not begun with --resume, so its settings are not known; delete the "
            "file, or leave out --resume to replace it"
        )
    try:
        before = dict(json.loads(beside.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ResumeError(
            f"{beside}: damaged: {error}; delete it and {target} to start again"
        ) from error
    differing = [
        f"{key} was {before.get(key)} and is {value}"
        for key, value in settings.items()
        if before.get(key) != value
    ]
    if differing:
        raise ResumeError(
            f"{target}: was begun with other settings: {'; '.join(differing)}; use those again, or "
            "delete the file to start again"
        )


def _lock(file: FileIO, target: Path) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows, where a second run is not noticed
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ResumeError(
            f"{target}: another run is writing it; wait for it, or name another file"
        ) from None
