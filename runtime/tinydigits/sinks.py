"""Sinks: Predictions as rows of text, CSV or JSONL, on a stream or in a file.

A file is written beside its name and takes the name when it is complete, so whatever stood there
before is whole until then.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from tinydigits.classifier import Prediction
from tinydigits.errors import SinkError
from tinydigits.sources import PART_PREFIX

Format = Literal["text", "csv", "jsonl"]
Write = Callable[[Prediction], None]

COLUMNS = ("path", "label", "score", "status", "reason", "inverted")
SCORE_DIGITS = 6  # decimals in CSV and JSONL: float32 has about seven


def format_of(path: str) -> Format:
    """The format that a file's ending names; text for any other ending."""
    endings: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    return endings.get(Path(path).suffix.lower(), "text")


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
    target = Path(path).resolve()
    in_place = target.exists() and not target.is_file()  # /dev/null and pipes are not replaced
    part = target if in_place else target.with_name(f"{PART_PREFIX}{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield stream_sink(file, format_)
        if not in_place:
            part.replace(target)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if not in_place:
            part.unlink(missing_ok=True)


def text_row(prediction: Prediction) -> str:
    """For people: `path: 7  0.98`."""
    path = _printable(prediction.path or "")
    if prediction.status == "error":
        return f"{path}: error: {_printable(prediction.reason or '')}\n"
    row = f"{path}: {prediction.label or '-'}"
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
    # Bytes that are not UTF-8 are lone surrogates here, which only an escape can hold in JSON.
    escape = not (prediction.path or "").isprintable()
    return json.dumps(fields, ensure_ascii=escape) + "\n"


def _fields(prediction: Prediction) -> dict[str, object]:
    fields: dict[str, object] = {column: getattr(prediction, column) for column in COLUMNS}
    if prediction.score is not None:
        fields["score"] = round(prediction.score, SCORE_DIGITS)
    return fields


def _csv_line(values: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _printable(name: str) -> str:
    """A name on one line: control characters, which a terminal would obey, become escapes."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
