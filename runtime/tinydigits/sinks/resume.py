"""Journal: an output file that a later run can continue.

The file itself is the journal. Beside it, NAME.run.json holds the settings of the run; once the run
is finished, an attribute of the file does, if the system has such attributes. A run with other
settings would write other rows, so it is refused. The inputs alone decide where chunks end, and a
chunk is read again unless the file has all its rows. So a file that several runs have written
equals, byte for byte, the file of a single run.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from tinydigits.errors import ResumeError, SinkError, SinkRefused
from tinydigits.items import Chunk
from tinydigits.names import file_of
from tinydigits.sinks.files import only_writer, replaced, writing
from tinydigits.sinks.output import journal_settings, write_all
from tinydigits.sinks.rows import Rows, header, row_format

JournalFormat = Literal["csv", "csv-excel", "jsonl"]
Settings = Mapping[str, object]

_SETTINGS = "user.tinydigits.run"  # the attribute of a finished file that holds its settings
_CSV_VALUE = re.compile(r'(?:\A|,)(?:"([^"]*(?:""[^"]*)*)"|([^,]*))')


class WrittenRow(NamedTuple):
    """A row that the file already has."""

    path: str
    status: str
    end: int  # the offset in the file at which it ends, in bytes


class Journal:
    """An output file that is open for more rows. Made by `open_journal`."""

    def __init__(self, path: Path, format_: JournalFormat, rows: Rows, file: FileIO) -> None:
        self.found = Counter[str]()  # rows that the file already had, by status
        self._path, self._format, self._file = path, format_, file
        self._row, self._columns = row_format(format_, rows), rows.columns()
        self._end = 0
        head = header(format_, rows).encode("utf-8", "surrogateescape")
        self._start = len(head)
        start = file.read(len(head)) or b""
        if start == head:
            self._end = len(head)
        elif head.startswith(start):  # empty, or cut off in its first line
            self._keep(0)
            self._append(head)
        else:
            raise ResumeError(f"{path}: does not start like rows in this format; name another file")

    @property
    def has_rows(self) -> bool:
        """Whether there is a row that is kept or written."""
        return self._end > self._start

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

    def unread(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks without the pictures that have a row and were not changed, renamed or
        replaced since the last row was written. Raises ResumeError.
        """
        since, names = self._path.stat().st_mtime_ns, set[str | None]()
        with self._path.open("rb") as file:
            file.seek(self._end)
            for row in self._rows(file):
                self.found[row.status] += 1
                self._end = row.end
                if os.path.lexists(file_of(row.path)):
                    names.add(row.path)
        self._keep(self._end)
        for chunk in chunks:
            new = [
                (name, image)
                for name, image in zip(chunk.names, chunk.images, strict=True)
                if name not in names or _changed_after(since, name)
            ]
            names.difference_update(chunk.names)
            if new:
                yield Chunk([name for name, _ in new], [image for _, image in new])

    def write(self, answers: Any) -> None:
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
            quotes += line.count(b'"') if self._format != "jsonl" else 0
            if quotes % 2 or not line.endswith(b"\n"):
                continue
            text = row.decode("utf-8", "surrogateescape")
            try:
                is_csv = self._format != "jsonl"
                values = _csv_values(text, self._columns) if is_csv else json.loads(text)
                yield WrittenRow(values["path"], values["status"], end)
            except (ValueError, KeyError, TypeError):
                raise ResumeError(
                    f"{self._path}: the row before byte {end:,} was not written by tinydigits; "
                    "delete the file to start again"
                ) from None
            row, quotes = b"", 0


def _csv_values(row: str, columns: Sequence[str]) -> dict[str, str]:
    """Return the first values of a row. csv.reader refuses values of over 131,072 letters, unless
    its limit is raised for the whole process.
    """
    if '"' not in row:  # as in nearly all
        return dict(zip(columns, row[:-1].split(","), strict=False))
    found = (match.groups() for match in _CSV_VALUE.finditer(row))
    values = (plain if quoted is None else quoted.replace('""', '"') for quoted, plain in found)
    return dict(zip(columns, values, strict=False))


def _changed_after(since: int, name: str | None) -> bool:
    """Return whether a file was changed, renamed or replaced after `since`, in ns since 1970."""
    try:
        return Path(file_of(name or "")).stat().st_ctime_ns > since
    except OSError:
        return True  # it is an error row


@contextmanager
def open_journal(
    path: str, format_: JournalFormat, rows: Rows, settings: Settings, finishes: bool = True
) -> Iterator[Journal]:
    """Create the file `path`, or open it to continue its rows. If the run `finishes` and the block
    ends without an error, NAME.run.json is removed. Raises ResumeError where other settings gave
    its rows or another run is writing it, SinkError where it cannot be written.
    """
    target = Path(path)
    with ExitStack() as stack:
        with writing(path):
            if target.exists() and not target.is_file():
                raise ResumeError(f"{target}: not a file: --resume needs a file")
            try:
                stack.enter_context(only_writer(target))
            except SinkRefused as error:
                raise ResumeError(str(error)) from None
            is_new = not target.exists()
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            descriptor = os.open(target, flags, 0o666)
            file = stack.enter_context(open(descriptor, "r+b", buffering=0))  # noqa: PTH123
            _check_settings(target, settings)
            journal = Journal(target, format_, rows, file)
        try:
            yield journal
        except BaseException:
            if is_new and not journal.has_rows:
                target.unlink(missing_ok=True)
                journal_settings(target).unlink(missing_ok=True)
            raise
        if finishes:
            with suppress(OSError, AttributeError):  # few systems and drives keep none
                os.setxattr(target, _SETTINGS, json.dumps(dict(settings)).encode())
                journal_settings(target).unlink(missing_ok=True)


def _check_settings(target: Path, settings: Settings) -> None:
    """Write the settings beside a new file, or compare them with those of an old one."""
    beside = journal_settings(target)
    if not target.stat().st_size:
        with replaced(beside) as file:
            file.write((json.dumps(dict(settings), indent=1) + "\n").encode())
        return
    try:
        before = dict(json.loads(_written_settings(target)))
    except FileNotFoundError:
        raise ResumeError(
            f"{target}: was not begun with --resume or --watch, so its settings are not known; "
            "delete the file, or name another"
        ) from None
    except (ValueError, TypeError) as error:
        raise ResumeError(
            f"{beside}: damaged: {error}; delete it and {target} to start again"
        ) from error
    if changed := differing(before, settings):
        raise ResumeError(
            f"{target}: was begun with other settings: {'; '.join(changed)}; use those again, or "
            "delete the file to start again"
        )


def differing(before: Settings, now: Settings) -> list[str]:
    """Return a sentence for each setting that has changed: what it was, and what it is now."""
    return [
        f"{key} was {before.get(key)} and is {value}"
        for key, value in now.items()
        if before.get(key) != value
    ]


def _written_settings(target: Path) -> bytes:
    """Return the settings of a file's rows. Raises OSError, FileNotFoundError where it has none."""
    try:
        return journal_settings(target).read_bytes()
    except FileNotFoundError:
        with suppress(OSError, AttributeError):
            return os.getxattr(target, _SETTINGS)
        raise
