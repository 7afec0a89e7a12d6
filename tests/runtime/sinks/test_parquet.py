"""Parquet's row groups are full but for the last, and a PyArrow that does not load is named."""

import io
import sys
from pathlib import Path

import pytest

from tests.conftest import answers_of
from tinydigits import Prediction, SinkError
from tinydigits.judging import Status
from tinydigits.sinks import parquet
from tinydigits.sinks.parquet import parquet_sink
from tinydigits.sinks.rows import Shown

ROW = Prediction("a.png", "7", 0.98, Status.OK, None)


@pytest.mark.parametrize(("rows", "groups"), [(0, []), (4, [2, 2]), (5, [2, 2, 1])])
def test_no_row_group_is_empty(
    rows: int, groups: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="PyArrow is not installed: the extra `parquet`")
    from pyarrow.parquet import ParquetFile

    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    file = io.BytesIO()
    with parquet_sink(file, Shown(), lambda: {"rows": str(rows)}) as write:
        for _ in range(rows):
            write(answers_of([ROW]))
    found = ParquetFile(io.BytesIO(file.getvalue()))
    counts = [found.metadata.row_group(at).num_rows for at in range(found.num_row_groups)]
    assert counts == groups
    assert found.schema_arrow.names == list(Shown().columns())
    assert found.read().num_rows == rows
    assert found.metadata.metadata[b"rows"] == str(rows).encode()


def test_a_pyarrow_that_does_not_load_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('GLIBC_2.34 not found')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    with (
        pytest.raises(SinkError, match=r"does not load here: GLIBC_2\.34 not found; install it"),
        parquet_sink(io.BytesIO(), Shown()),
    ):
        pass
