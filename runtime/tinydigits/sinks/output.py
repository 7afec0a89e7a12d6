"""Rows on stdout or in a file."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Literal

from tinydigits.errors import SinkError, SinkRefused
from tinydigits.judging import Answers
from tinydigits.names import kind_by_ending
from tinydigits.remote.location import place_of
from tinydigits.sinks.files import completed, only_writer, replaced, writing
from tinydigits.sinks.rows import RowFormat, Rows, Write, header, row_format

Format = Literal["text", "csv", "csv-excel", "jsonl", "parquet"]
JOURNALS = ("csv", "csv-excel", "jsonl")  # can be resumed


def stream_sink(stream: BinaryIO, format_: RowFormat, rows: Rows) -> Write:
    """Return a function that writes a row for each answer; CSV's header is written at once."""
    write_all(stream, header(format_, rows).encode("utf-8", "surrogateescape"))
    row = row_format(format_, rows)

    def write(answers: Answers) -> None:
        written = "".join(map(row, answers.predictions))
        # surrogateescape: a file name that is not UTF-8 leaves as the bytes it came as.
        write_all(stream, written.encode("utf-8", "surrogateescape"))
        stream.flush()  # whoever reads along sees whole rows

    return write


# The endings of files that name each format.
FORMATS: dict[Format, tuple[str, ...]] = {
    "text": (".txt",),
    "csv": (".csv",),
    "csv-excel": (),
    "jsonl": (".jsonl", ".ndjson"),
    "parquet": (".parquet",),
}
_OTHERS = (".xls", ".xlsx", ".ods", ".tsv", ".json", ".html")  # promise a format of their own


def format_of(path: str) -> Format:
    """Return the format that a file's ending names; text for other endings. Raises SinkRefused for
    an ending that promises another kind of file.
    """
    suffix, shown = Path(path).suffix.lower(), place_of(path)
    if kind_by_ending(path) is not None:
        raise SinkRefused(f"{shown}: would be an image or a store of images; name another file")
    if suffix in _OTHERS:
        raise SinkRefused(
            f"{shown}: {suffix} is not written; name a .csv, .jsonl, .parquet or .txt file"
        )
    return next((name for name, endings in FORMATS.items() if suffix in endings), "text")


def _begun(format_: Format, file: BinaryIO, rows: Rows) -> AbstractContextManager[Write]:
    """Begin rows in an open file, which are complete when the context ends."""
    if format_ != "parquet":
        return nullcontext(stream_sink(file, format_, rows))
    from tinydigits.sinks.parquet import parquet_sink

    return parquet_sink(file, rows)


def write_all(stream: BinaryIO | FileIO, data: bytes) -> None:
    """Write all of the data: a raw stream, such as stdout under `python -u`, may write less than
    it is given, and returns how much.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


@contextmanager
def stdout_sink(format_: Format, rows: Rows) -> Iterator[Write]:
    """Write rows to stdout. Raises SinkError; BrokenPipeError where the reader has gone."""
    if sys.stdout is None:
        raise SinkError("stdout is closed: name a file with -o")
    with _to_stdout(), _begun(format_, sys.stdout.buffer, rows) as write:

        def written(answers: Answers) -> None:
            with _to_stdout():
                write(answers)

        yield written


@contextmanager
def _to_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # the reader has seen enough: click ends the command without a word
    except OSError as error:
        raise SinkError(f"stdout cannot be written: {error.strerror}") from error


@contextmanager
def file_sink(path: str, format_: Format, rows: Rows, grows: bool = False) -> Iterator[Write]:
    """Write rows to a file that is there only when all are written, or, where it `grows`, has them
    after those that it had before and can be read meanwhile. Raises SinkError: SinkRefused where
    another process is writing the file.
    """
    with completed(path) as stack:
        with writing(path):
            opened = _grown if grows else _replaced
            file = stack.enter_context(opened(Path(path)))
            write = stack.enter_context(_begun(format_, file, rows))

        def written(answers: Answers) -> None:
            with writing(path):
                write(answers)

        yield written


@contextmanager
def _replaced(target: Path) -> Iterator[BinaryIO]:
    """Open a file for rows, and remove the settings of a journal that had its name."""
    with replaced(target, alone=True) as file:
        yield file
        file.flush()
        journal_settings(target).unlink(missing_ok=True)


@contextmanager
def _grown(target: Path) -> Iterator[BinaryIO]:
    """Open a file for more lines. A last line that a crash cut short is removed."""
    with only_writer(target), target.open("ab") as file:
        if target.is_file():
            with target.open("rb") as before:
                file.truncate(sum(len(line) for line in before if line.endswith(b"\n")))
        yield file


def journal_settings(target: Path) -> Path:
    """Return the file beside `target` in which `tinydigits.sinks.resume` keeps its settings."""
    return target.with_name(f"{target.name}.run.json")
