"""Sinks: where the Answers go, on a stream or in files.

A file is written beside its name and takes the name when it is complete, so whatever stood there
before is whole until then.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from itertools import count
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image

from tinydigits.errors import SinkError, SinkRefused
from tinydigits.judging import Answers
from tinydigits.names import PART_PREFIX, Kind, kind_by_ending, kind_of
from tinydigits.remote.location import place_of
from tinydigits.sinks.rows import RowFormat, Shown, header, row_format

Format = Literal["text", "csv", "jsonl", "parquet"]
Write = Callable[[Answers], None]


def format_of(path: str) -> Format:
    """The format that a file's ending names, text where it has none. Raises SinkRefused for an
    ending that promises another format.
    """
    endings: dict[str, Format] = {
        ".csv": "csv",
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".parquet": "parquet",
    }
    suffix, shown = Path(path).suffix.lower(), place_of(path)
    if kind_by_ending(path) is not None:
        raise SinkRefused(f"{shown}: would be an image or a store of images; name another file")
    if suffix in (".xls", ".xlsx", ".ods", ".tsv", ".json", ".html"):
        raise SinkRefused(
            f"{shown}: {suffix} is not written; name a .csv, .jsonl, .parquet or .txt file"
        )
    return endings.get(suffix, "text")


def stream_sink(stream: BinaryIO, format_: RowFormat, shown: Shown) -> Write:
    """Writes one row a Prediction to an open stream, CSV's header first."""
    write_all(stream, header(format_, shown).encode("utf-8", "surrogateescape"))
    row = row_format(format_, shown)

    def write(answers: Answers) -> None:
        rows = "".join(map(row, answers.predictions))
        # surrogateescape: a file name that is not UTF-8 leaves as the bytes it came as.
        write_all(stream, rows.encode("utf-8", "surrogateescape"))
        stream.flush()  # whoever reads along sees whole rows

    return write


def write_all(stream: BinaryIO | FileIO, data: bytes) -> None:
    """A raw stream, which stdout is under `python -u`, may write a part and say so."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def check_outside(folder: str, inputs: Iterable[str]) -> None:
    """Raises SinkRefused where a folder for pictures lies in an input, or is one: what is put there
    would be read as well.
    """
    target = Path(os.path.realpath(folder))
    for name in inputs:
        if kind_of(name) is Kind.FOLDER and target.is_relative_to(os.path.realpath(name)):
            raise SinkRefused(f"{folder}: lies in the input {name}: name a folder outside it")


@contextmanager
def file_sink(path: str, format_: Format, shown: Shown) -> Iterator[Write]:
    """Rows in a file that is there only when all are written. Raises SinkError."""
    with completed(path) as stack:
        with writing(path):
            file = stack.enter_context(opened(Path(path)))
            write = stack.enter_context(_written(file, format_, shown))
        yield _guarded(write, path)


@contextmanager
def growing_sink(path: str, format_: Format, shown: Shown) -> Iterator[Write]:
    """Rows in a file that can be read while it grows. Raises SinkError."""
    with completed(path) as stack:
        with writing(path):
            file = stack.enter_context(Path(path).open("wb"))  # noqa: SIM115 - the stack does
            _forget_journal(Path(path))
            write = stack.enter_context(_written(file, format_, shown))
        yield _guarded(write, path)


@contextmanager
def completed(path: str) -> Iterator[ExitStack]:
    """A stack that is closed at the end; an OSError of closing becomes a SinkError for `path`. If
    the block raises, that goes on and errors of closing are dropped.
    """
    stack = ExitStack()
    try:
        yield stack
    except BaseException:
        with suppress(OSError):
            stack.__exit__(*sys.exc_info())
        raise
    with writing(path):
        stack.close()


@contextmanager
def writing(path: str) -> Iterator[None]:
    """An OSError within becomes a SinkError that names `path`."""
    try:
        yield
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error


def _guarded(write: Write, path: str) -> Write:
    def guarded(answers: Answers) -> None:
        with writing(path):
            write(answers)

    return guarded


@contextmanager
def _written(file: BinaryIO, format_: Format, shown: Shown) -> Iterator[Write]:
    if format_ == "parquet":
        from tinydigits.sinks.parquet import parquet_sink

        with parquet_sink(file, shown) as write:
            yield write
    else:
        yield stream_sink(file, format_, shown)


@contextmanager
def opened(target: Path) -> Iterator[BinaryIO]:
    """Files are replaced when all went well; devices and pipes are written to. Raises OSError."""
    if target.exists() and not target.is_file():
        with target.open("wb") as device:
            yield device
        return
    with replaced(target) as file:
        yield file
    _forget_journal(target)


def journal_settings(target: Path) -> Path:
    """Where `tinydigits.sinks.resume` writes down how the rows of a file come about."""
    return target.with_name(f"{target.name}.run.json")


def _forget_journal(target: Path) -> None:
    """Rows that replace those of a journal are none of its own."""
    journal_settings(target).unlink(missing_ok=True)


@contextmanager
def replaced(target: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `target` when all went well. Raises OSError."""
    target = target.resolve()
    part = target.with_name(f"{PART_PREFIX}{os.urandom(6).hex()}.part")
    try:
        with part.open("xb") as file:
            yield file
        if target.exists():
            part.chmod(target.stat().st_mode)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def fit_sink(folder: str, inputs: Iterable[str] = ()) -> Write:
    """Writes what the model sees of each picture as NUMBER-NAME.png, 28×28 grey, into `folder`.

    Takes Answers with `fitted` kept. Raises SinkError where the folder cannot be made or written,
    or lies in one of the folders `inputs`, which would read its pictures as well.
    """
    check_outside(folder, inputs)
    target = Path(folder)
    numbers = count(1)

    def write(answers: Answers) -> None:
        assert answers.reading.fitted is not None
        for prediction, pixels in zip(answers.predictions, answers.reading.fitted, strict=True):
            if prediction.status == "error":
                continue
            # The number keeps pictures of one name apart; the name is cut so that it stays a name.
            name = Path(prediction.path or "image").stem[:60].replace("\0", "_")
            path = target / f"{next(numbers):06}-{name}.png"
            with writing(str(path)):
                target.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)

    return write
