"""A column of pictures becomes what Classifier reads in them, whoever holds the table."""

from collections.abc import Iterator
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tinydigits import Classifier, TinydigitsError
from tinydigits.cluster.dataframes import ADDED, SPARK_COLUMNS, classify_frames

if TYPE_CHECKING:
    import pandas

SCANS = sorted((ROOT / "examples" / "scans").iterdir()) + sorted(
    (ROOT / "examples" / "broken").iterdir()
)


@pytest.fixture(autouse=True)
def _pandas() -> None:
    """Import pandas when the first test runs: both test processes collect this file."""
    pytest.importorskip("pandas")


def frame(column: str = "bytes") -> "pandas.DataFrame":
    import pandas

    return pandas.DataFrame(
        {"name": [path.name for path in SCANS], column: [path.read_bytes() for path in SCANS]},
        index=range(7, 7 + len(SCANS)),
    )


def test_rows_are_those_of_a_classifier() -> None:
    import pandas

    (found,) = classify_frames([frame()], classifier=Classifier("dense"))
    expected = list(Classifier("dense").classify(path.read_bytes() for path in SCANS))
    assert list(found.columns) == ["name", *ADDED]
    assert list(found.index) == list(range(7, 7 + len(SCANS)))
    for row, prediction in zip(found.itertuples(index=False), expected, strict=True):
        values = [None if pandas.isna(value) else value for value in row[1:]]
        row_score = None if prediction.score is None else round(prediction.score, 6)
        expected_row = [prediction.label, row_score, prediction.status, prediction.reason]
        assert values == [*expected_row, prediction.inverted]
    assert {row.status for row in expected} == {"ok", "uncertain", "error"}


def test_dtypes_do_not_depend_on_the_rows() -> None:
    whole, none = classify_frames([frame(), frame()[:0]])
    blank, *_ = classify_frames([frame().iloc[[-1]]])
    assert whole.dtypes.to_dict() == none.dtypes.to_dict() == blank.dtypes.to_dict()


def test_what_holds_no_picture_is_an_error_row() -> None:
    import pandas

    values = [
        b"junk",
        None,
        float("nan"),
        pandas.NA,
        "scans/a.png",
        bytearray(b""),
        memoryview(b""),
    ]
    (found,) = classify_frames([pandas.DataFrame({"bytes": pandas.Series(values, dtype=object)})])
    assert set(found["status"]) == {"error"}
    reasons = list(found["reason"])
    assert reasons[1:4] == ["no picture: the value is missing"] * 3
    assert reasons[4] == "str, where the bytes of a picture were expected"
    assert reasons[5:] == ["an empty file"] * 2


def test_it_is_what_map_in_pandas_takes() -> None:
    """A function of an iterator that gives an iterator, lazily, of one frame for each, whose
    columns are those of the schema.
    """
    taken: list[int] = []

    def batches() -> Iterator["pandas.DataFrame"]:
        for number in range(3):
            taken.append(number)
            yield frame("content")[:2]

    function = partial(classify_frames, column="content")
    assert next(iter(signature(function).parameters)) == "frames"
    results = function(batches())
    assert isinstance(results, Iterator)
    first = next(results)
    assert taken == [0]
    assert len(first) == 2
    assert len(list(results)) == 2
    schema = f"name string, {SPARK_COLUMNS}"
    types = {"string": "string", "double": "float64", "boolean": "boolean"}
    expected = [word.split() for word in schema.split(", ")]
    assert [name for name, _ in expected] == list(first.columns)
    assert [types[kind] for _, kind in expected[1:]] == list(map(str, first.dtypes))[1:]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"image": [b""]}, "no column 'bytes' among image"),
        ({"bytes": [b""], "label": ["7"], "score": [1.0]}, "label, score are there already"),
    ],
)
def test_other_columns_are_neither_guessed_nor_overwritten(
    columns: dict[str, list[object]], why: str
) -> None:
    import pandas

    with pytest.raises(TinydigitsError, match=why):
        next(classify_frames([pandas.DataFrame(columns)]))
