"""Sinks: where the Answers go, on a stream or in files.

A file is written beside its name and takes the name when it is complete, so whatever stood there
before is whole until then.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image

from tinydigits.classifier import Answers
from tinydigits.errors import SinkError
from tinydigits.rows import RowFormat, Shown, header, row_format
from tinydigits.sources import PART_PREFIX

Format = Literal["text", "csv", "jsonl", "parquet"]
Write = Callable[[Answers], None]


def format_of(path: str) -> Format:
    """The format that a file's ending names, text where it has none. Raises SinkError for an
    ending that promises another format.
    """
    endings: dict[str, Format] = {
        ".csv": "csv",
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".parquet": "parquet",
    }
    suffix = Path(path).suffix.lower()
    if suffix in (".xls", ".xlsx", ".ods", ".tsv", ".json", ".html"):
        raise SinkError(
            f"{path}: {suffix} is not written; name a .csv, .jsonl, .parquet or .txt file"
        )
    return endings.get(suffix, "text")


def stream_sink(stream: BinaryIO, format_: RowFormat, shown: Shown, head: bool = True) -> Write:
    """Writes one row a Prediction to an open stream, CSV's header first."""
    if head:
        stream.write(header(format_, shown).encode("utf-8", "surrogateescape"))
    row = row_format(format_, shown)

    def write(answers: Answers) -> None:
        rows = "".join(map(row, answers.predictions))
        # surrogateescape: a file name that is not UTF-8 leaves as the bytes it came as.
        stream.write(rows.encode("utf-8", "surrogateescape"))
        stream.flush()  # whoever reads along sees whole rows

    return write


def check_outside(folder: str, inputs: Iterable[str]) -> None:
    """Raises SinkError where a folder for pictures lies in an input, or is one."""
    target = Path(folder).resolve()
    for name in inputs:
        if name != "-" and Path(name).is_dir() and target.is_relative_to(Path(name).resolve()):
            raise SinkError(f"{folder}: lies in the input {name}: name a folder outside it")


@contextmanager
def file_sink(path: str, format_: Format, shown: Shown) -> Iterator[Write]:
    """Rows in a file that is there only when all are written. Raises SinkError."""
    target = Path(path)
    try:
        if target.exists() and not target.is_file():  # /dev/null and pipes are not replaced
            with target.open("wb") as device, _written(device, format_, shown) as write:
                yield write
            return
        with replaced(target) as file, _written(file, format_, shown) as write:
            yield write
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def growing_sink(path: str, format_: Format, shown: Shown) -> Iterator[Write]:
    """Rows in a file that can be read while it grows. Raises SinkError."""
    try:
        with Path(path).open("wb") as file, _written(file, format_, shown) as write:
            yield write
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _written(file: BinaryIO, format_: Format, shown: Shown) -> Iterator[Write]:
    if format_ == "parquet":
        from tinydigits.parquet import parquet_sink

        with parquet_sink(file, shown) as write:
            yield write
    else:
        yield stream_sink(file, format_, shown)


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
            name = Path(prediction.path or "image").stem[:60]
            path = target / f"{next(numbers):06}-{name}.png"
            try:
                target.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
            except OSError as error:
                raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error

    return write
