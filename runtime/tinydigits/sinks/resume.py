"""Journal: rows that outlive the run that writes them, so that another run can go on.

The output file itself is the journal. Beside it, NAME.run.json says how its rows came about; a run
with other settings would not give the same rows, and is refused. Chunks end where the inputs alone
decide, and a chunk is done again unless all its rows are there, so that a file written in many runs
is the same, byte by byte, as one written in a single run.
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
from tinydigits.sinks.output import journal_settings, replaced, write_all, writing
from tinydigits.sinks.rows import COLUMNS, Shown, header, row_format

JournalFormat = Literal["csv", "jsonl"]
Settings = Mapping[str, object]


class WrittenRow(NamedTuple):
    """One that is there."""

    path: str
    status: str
    end: int
    """Where it ends in the file, in bytes."""


class Journal:
    """An output file that is open for more rows. Made by `open_journal`."""

    def __init__(self, path: Path, format_: JournalFormat, shown: Shown, file: FileIO) -> None:
        self.found = Counter[str]()
        """How many rows of each status were there."""

        self._path, self._format, self._file = path, format_, file
        self._row = row_format(format_, shown)
        self._end = 0
        head = header(format_, shown).encode("utf-8", "surrogateescape")
        start = file.read(len(head)) or b""
        if start == head:
            self._end = len(head)
        elif head.startswith(start):  # empty, or torn in its first line
            self._keep(0)
            self._append(head)
        else:
            raise ResumeError(f"{path}: does not start as rows in this format do")

    def remaining(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The chunks whose rows are not all there; what is there of them is taken back. Raises
        ResumeError where the rows are of other inputs.
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
                            f"{name!r}; delete it to start anew"
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
                        "have; delete it to start anew"
                    )
        self._keep(self._end)
        yield from chunks

    def write(self, answers: Answers) -> None:
        """Whole rows, or none of them where the disk is full."""
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
        """Complete rows, up to the first that is torn."""
        end, row, quotes = self._end, b"", 0
        for line in file:
            row += line
            end += len(line)
            # A line end within quotes belongs to a name; an odd count leaves the quotes open.
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
                    f"{self._path}: the row before byte {end:,} is none of tinydigits'; delete the "
                    "file to start anew"
                ) from None
            row, quotes = b"", 0


@contextmanager
def open_journal(
    path: str, format_: JournalFormat, shown: Shown, settings: Settings
) -> Iterator[Journal]:
    """The file that `path` names, begun or resumed. Raises ResumeError where it holds rows of
    another kind of run or is in use by another run, SinkError where it cannot be written.
    """
    target = Path(path)
    with ExitStack() as stack:
        with writing(path):
            if target.exists() and not target.is_file():
                raise ResumeError(f"{target}: not a file, which alone can be resumed; name a file")
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            descriptor = os.open(target, flags, 0o666)
            file = stack.enter_context(open(descriptor, "r+b", buffering=0))  # noqa: PTH123
            _lock(file, target)  # before the settings, which are another run's where it is locked
            _check_settings(target, settings)
            journal = Journal(target, format_, shown, file)
        yield journal


def _check_settings(target: Path, settings: Settings) -> None:
    """Writes down how rows come about, or compares it with what is written down."""
    beside = journal_settings(target)
    if not target.stat().st_size:
        with replaced(beside) as file:
            file.write((json.dumps(dict(settings), indent=1) + "\n").encode())
        return
    if not beside.exists():
        raise ResumeError(
            f"{target}: was not begun with --resume, so how its rows came about is not known; "
            "delete it, or leave out --resume to replace it"
        )
    try:
        before = dict(json.loads(beside.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ResumeError(f"{beside}: damaged: {error}; delete both to start anew") from error
    differing = [
        f"{key} was {before.get(key)} and is {value}"
        for key, value in settings.items()
        if before.get(key) != value
    ]
    if differing:
        raise ResumeError(
            f"{target}: was begun with other settings: {'; '.join(differing)}; repeat those, or "
            f"delete it to start anew"
        )


def _lock(file: FileIO, target: Path) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: two runs at once are not noticed there
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ResumeError(
            f"{target}: another run is writing it; wait for it, or name another file"
        ) from None
