"""Frames: pictures in a column of a table, for pandas, Spark and Ray.

    classify_frames([frame])                    # pandas
    df.mapInPandas(classify_frames, schema)     # Spark; see SPARK_COLUMNS

The column holds encoded pictures. Its place is taken by what was read in them.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tinydigits.classifier import BATCH_SIZE, Classifier
from tinydigits.errors import ImageError, MissingExtra, TinydigitsError
from tinydigits.images import ImageLike
from tinydigits.items import Chunk, Item, chunked
from tinydigits.judging import Prediction
from tinydigits.sinks.rows import COLUMNS, Shown

if TYPE_CHECKING:
    import pandas

ADDED = COLUMNS[1:]  # label, score, status, reason, inverted
SPARK_COLUMNS = "label string, score double, status string, reason string, inverted boolean"
_DTYPES = {"score": "float64", "inverted": "boolean"}  # the others are strings


def classify_frames(
    frames: Iterable["pandas.DataFrame"],
    column: str = "bytes",
    classifier: Classifier | None = None,
) -> Iterator["pandas.DataFrame"]:
    """Each frame with `label` and `reason` (string), `score` (float64 in [0, 1]), `status` (string)
    and `inverted` (boolean) in place of `column`, which holds encoded pictures (bytes); missing
    where there is no value. Frames are read lazily; a `classifier` of None is `Classifier()`.

    A picture that cannot be read, and a missing one, is a row with status `error`. Raises
    ModelError, MissingExtra, and TinydigitsError where a frame has no such column, or has one of
    the new ones already.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtra("a frame", "pandas", "ray") from error
    classifier = classifier or Classifier()
    for frame in frames:
        check_columns(list(frame.columns), column)
        values = frame[column].astype(object)
        answered = classifier.answers(chunks_of(values.where(values.notna(), None)))
        added = columns_of(row for answers in answered for row in answers.predictions)
        result = frame.drop(columns=column)
        for name in ADDED:
            dtype = _DTYPES.get(name, "string")
            result[name] = pandas.Series(added[name], index=frame.index, dtype=dtype)
        yield result


def check_columns(found: Collection[object], column: str) -> None:
    """Raises TinydigitsError where the pictures' column is missing or a new one is there."""
    if column not in found:
        listed = ", ".join(map(str, found)) or "none"
        raise TinydigitsError(f"no column {column!r}; there is {listed}: name the pictures' own")
    if taken := [name for name in ADDED if name in found]:
        raise TinydigitsError(
            f"there are columns {', '.join(taken)} already, which results have: rename or drop them"
        )


def chunks_of(values: Iterable[object]) -> Iterator[Chunk]:
    """What a column holds, in chunks for `Classifier.answers`."""
    return chunked((Item(None, _picture(value)) for value in values), BATCH_SIZE)


def _picture(value: object) -> ImageLike | ImageError:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if value is None:
        return ImageError("no picture: the value is missing")
    return ImageError(f"{type(value).__name__}, where the bytes of a picture were expected")


def columns_of(predictions: Iterable[Prediction]) -> dict[str, list[Any]]:
    """The values of the new columns, as in Parquet files."""
    shown = Shown()
    rows = [shown.values(prediction)[1:] for prediction in predictions]
    columns = zip(*rows, strict=True) if rows else [()] * len(ADDED)
    return dict(zip(ADDED, map(list, columns), strict=True))
