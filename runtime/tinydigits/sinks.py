"""Sinks: Predictions as rows of text, CSV or JSONL, on a stream or in a file.

A file is written beside its name and takes the name when it is complete, so whatever stood there
before is whole until then.
"""

import csv
import io
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image

from tinydigits.classifier import Prediction
from tinydigits.errors import SinkError
from tinydigits.fit import Fitted
from tinydigits.sources import PART_PREFIX

Format = Literal["text", "csv", "jsonl"]
Write = Callable[[Prediction], None]

COLUMNS = ("path", "label", "score", "status", "reason", "inverted")
SCORE_DIGITS = 6  # decimals in CSV and JSONL: float32 has about seven


def format_of(path: str) -> Format:
    """The format that a file's ending names, text where it has none. Raises SinkError for an
    ending that promises another format.
    """
    endings: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    suffix = Path(path).suffix.lower()
    if suffix in (".xls", ".xlsx", ".ods", ".tsv", ".json", ".html", ".parquet"):
        raise SinkError(f"{path}: {suffix} is not written; name a .csv, .jsonl or .txt file")
    return endings.get(suffix, "text")


def stream_sink(stream: BinaryIO, format_: Format) -> Write:
    """Writes one row a Prediction to an open stream, CSV's header first."""
    if format_ == "csv":
        stream.write(_csv_line(COLUMNS).encode())
    row = {"text": text_row, "csv": csv_row, "jsonl": jsonl_row}[format_]

    def write(prediction: Prediction) -> None:
        # surrogateescape: a file name that is not UTF-8 leaves as the bytes it came as.
        stream.write(row(prediction).encode("utf-8", "surrogateescape"))

    return write


@contextmanager
def file_sink(path: str, format_: Format) -> Iterator[Write]:
    """Rows in a file that is there only when all are written. Raises SinkError."""
    target = Path(path)
    try:
        if target.exists() and not target.is_file():  # /dev/null and pipes are not replaced
            with target.open("wb") as file:
                yield stream_sink(file, format_)
            return
        target = target.resolve()
        part = target.with_name(f"{PART_PREFIX}{secrets.token_hex(6)}.part")
        try:
            with part.open("xb") as file:
                yield stream_sink(file, format_)
            if target.exists():
                part.chmod(target.stat().st_mode)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


def fit_sink(folder: str) -> Callable[[str | None, Fitted], None]:
    """Writes what the model sees of each picture as NUMBER-NAME.png, 28×28 grey, into `folder`.

    Raises SinkError where the folder cannot be made or written.
    """
    target = Path(folder)
    numbers = count(1)

    def write(name: str | None, fitted: Fitted) -> None:
        # The number keeps pictures of one name apart; the name is cut so that it stays a name.
        path = target / f"{next(numbers):06}-{Path(name or 'image').stem[:60]}.png"
        try:
            target.mkdir(parents=True, exist_ok=True)
            Image.fromarray(fitted.pixels).save(path)
        except OSError as error:
            raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error

    return write


def text_row(prediction: Prediction) -> str:
    """For people: `path: 7  0.98`."""
    path = _printable(prediction.path or "")
    if prediction.status == "error":
        return f"{path}: error: {_printable(prediction.reason or '')}\n"
    row = f"{path}: {'-' if prediction.label is None else _printable(prediction.label)}"
    if prediction.score is not None:
        row += f"  {prediction.score:.2f}"
    if prediction.reason is not None:
        row += f"  uncertain: {prediction.reason}"
    return row + "\n"


def csv_row(prediction: Prediction) -> str:
    """The columns of COLUMNS, empty where there is no value (RFC 4180, lines ended by LF)."""
    return _csv_line(tuple(_fields(prediction).values()))


def jsonl_row(prediction: Prediction) -> str:
    """One JSON object on one line, with the keys of COLUMNS."""
    fields = _fields(prediction)
    line = json.dumps(fields, ensure_ascii=False)
    # Bytes that are not UTF-8 are lone surrogates here, which only an escape can hold in JSON.
    return (line if line.isprintable() else json.dumps(fields)) + "\n"


def _fields(prediction: Prediction) -> dict[str, object]:
    fields: dict[str, object] = {column: getattr(prediction, column) for column in COLUMNS}
    if prediction.score is not None:
        fields["score"] = round(prediction.score, SCORE_DIGITS)
    return fields


def _csv_line(values: tuple[object, ...]) -> str:
    line = io.StringIO()
    # csv quotes what holds a character of its line end, so both of them are named to it.
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _printable(name: str) -> str:
    """A name on one line: control characters, which a terminal would obey, become escapes."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
