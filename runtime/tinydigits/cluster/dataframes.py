"""Tables with a column of encoded pictures, for pandas, Spark and Ray: what is read in the pictures
takes the place of the column.

    classify_frames([frame])                    # pandas
    df.mapInPandas(classify_frames, schema)     # Spark; see SPARK_COLUMNS
    classify_dataset(dataset)                   # Ray Data
"""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tinydigits.classifier import BATCH_SIZE, Classifier
from tinydigits.cluster.ray_cluster import actors, answers, import_ray
from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.images import ImageLike
from tinydigits.items import Chunk, Item, chunked
from tinydigits.judging import Answers
from tinydigits.pipeline import Workers
from tinydigits.quiet import own_process
from tinydigits.sinks.rows import COLUMNS, Shown

if TYPE_CHECKING:
    import pandas
    import pyarrow
    from ray.data import Dataset

ADDED = COLUMNS[1:]  # label, score, status, reason, inverted
SPARK_COLUMNS = "label string, score double, status string, reason string, inverted boolean"
_DTYPES = dict.fromkeys(ADDED, "string") | {"score": "float64", "inverted": "boolean"}  # pandas


def classify_frames(
    frames: Iterable["pandas.DataFrame"],
    column: str = "bytes",
    classifier: Classifier | None = None,
) -> Iterator["pandas.DataFrame"]:
    """Yield each frame with `label` and `reason` (string), `score` (float64 in [0, 1]), `status`
    (string) and `inverted` (boolean) in place of `column`, which holds encoded pictures (bytes).
    Values that do not exist are missing. Frames are read lazily; a `classifier` of None is
    `Classifier()`.

    A picture that cannot be read, or is missing, is a row with status `error`. Raises ModelError,
    MissingExtra, and TinydigitsError where a frame lacks the column or has a new one already.
    """
    classifier = classifier or Classifier()
    for frame in frames:
        _check_columns(list(frame.columns), column)
        values = frame[column].astype(object)
        added = _columns(classifier.answers(_chunks(values.where(values.notna(), None))))
        yield frame.drop(columns=column).assign(**added).astype(_DTYPES)


def classify_dataset(
    ds: "Dataset",
    column: str = "bytes",
    classifier: Classifier | None = None,
    *,
    workers: Workers = "auto",
) -> "Dataset":
    """Return a Ray Dataset with `label` and `reason` (string), `score` (float64 in [0, 1]),
    `status` (string) and `inverted` (bool) in place of `column`, which holds encoded pictures
    (binary). Values that do not exist are null. It is lazy, like all of Ray Data.

    A picture that cannot be read, or is null, is a row with status `error`. `workers` actors, by
    default one for each CPU of the cluster, each hold a copy of `classifier`, by default
    `Classifier()`. The file of a model of your own has to be on every node.

    Raises ModelError, MissingExtra; and when it runs, TinydigitsError where the column is missing
    or a new one is there already.
    """
    data = import_ray().data
    return ds.map_batches(
        _Reader,
        fn_constructor_args=(classifier or Classifier(), column),  # sent as its settings
        batch_size=BATCH_SIZE,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(min_size=1, max_size=actors(workers)),
        num_cpus=1,
    )


class _Reader:
    """An actor, which reads batches of a Dataset."""

    def __init__(self, classifier: Classifier, column: str) -> None:
        self._classifier, self._column = classifier, column
        own_process()

    def __call__(self, batch: "pyarrow.Table") -> "pyarrow.Table":
        import pyarrow

        _check_columns(batch.column_names, self._column)
        chunks = _chunks(batch.column(self._column).to_pylist())
        added = _columns(answers(self._classifier, chunks))
        types = {"score": pyarrow.float64(), "inverted": pyarrow.bool_()}
        batch = batch.drop_columns([self._column])
        for name in ADDED:
            values = pyarrow.array(added[name], types.get(name, pyarrow.string()))
            batch = batch.append_column(name, values)
        return batch


def _check_columns(found: Collection[object], column: str) -> None:
    if column not in found:
        listed = ", ".join(map(str, found)) or "none"
        raise TinydigitsError(f"no column {column!r} among {listed}: name the pictures' column")
    if taken := [name for name in ADDED if name in found]:
        raise TinydigitsError(
            f"the columns {', '.join(taken)} are there already, and results would have these "
            "names: rename or drop them"
        )


def _chunks(values: Iterable[object]) -> Iterator[Chunk]:
    return chunked((Item(None, _picture(value)) for value in values), BATCH_SIZE)


def _picture(value: object) -> ImageLike | ImageError:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if value is None:
        return ImageError("no picture: the value is missing")
    return ImageError(f"{type(value).__name__}, where the bytes of a picture were expected")


def _columns(answered: Iterable[Answers]) -> dict[str, list[Any]]:
    """Return the values of the new columns, as in Parquet files."""
    shown = Shown()
    rows = [shown.values(row) for each in answered for row in each.predictions]
    return {name: [row[place] for row in rows] for place, name in enumerate(ADDED, 1)}
