"""Parquet: rows in typed columns, for tools that work on tables (extra `parquet`)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from tinydigits.errors import MissingExtra, SinkError
from tinydigits.sinks.rows import Rows, Write

GROUP_ROWS = 65_536  # rows in memory, and in a row group


@contextmanager
def parquet_sink(
    file: BinaryIO, rows: Rows, notes: Callable[[], Mapping[str, str]] = dict
) -> Iterator[Write]:
    """Write the columns of `rows` as strings, scores as float64, `inverted` as bool, counts as
    int32 and the digits of numbers as lists; null where there is no value. Bytes of a name that are
    not UTF-8, which Parquet's strings cannot hold, become \\xff. `notes` is called after the last
    row; the file's metadata holds what it returns.

    Raises MissingExtra, and SinkError where PyArrow cannot be loaded.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingExtra("Parquet", "PyArrow", "parquet") from error
    except ImportError as error:
        raise SinkError(f"PyArrow does not load here: {error}; install it again") from error
    schema = pyarrow.schema([(column, _type(column, pyarrow)) for column in rows.columns()])
    held: list[Any] = []
    with parquet.ParquetWriter(file, schema) as writer:

        def flush() -> None:
            columns = zip(*map(rows.values, held), strict=True)
            arrays = [
                pyarrow.array(map(_storable, column), field.type)
                for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            held.clear()

        def write(answers: Any) -> None:
            held.extend(answers.predictions)
            if len(held) >= GROUP_ROWS:
                flush()

        yield write
        if held:
            flush()
        writer.add_key_value_metadata(notes())


def _type(column: str, pyarrow: Any) -> Any:
    digit = [("label", pyarrow.string()), ("score", pyarrow.float64())]
    digit += [("box", pyarrow.list_(pyarrow.int32()))]
    types = {
        "inverted": pyarrow.bool_(),
        "lines": pyarrow.int32(),
        "digits": pyarrow.list_(pyarrow.list_(pyarrow.struct(digit))),
        "left_out": pyarrow.int32(),
    }
    is_score = column == "score" or column.startswith("score_") or column.endswith("_score")
    return types.get(column, pyarrow.float64() if is_score else pyarrow.string())


def _storable(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value
