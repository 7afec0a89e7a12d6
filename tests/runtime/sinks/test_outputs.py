"""A run writes down what it does before it does it: a picture is moved only when it has its row."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tinydigits import Classifier, SinkError
from tinydigits.items import Item, chunked
from tinydigits.sinks.outputs import Outputs
from tinydigits.sinks.rows import Shown

pytestmark = pytest.mark.linux  # /dev/full


def test_a_picture_whose_row_cannot_be_written_stays_where_it_is(tmp_path: Path) -> None:
    picture = tmp_path / "inbox" / "seven.png"
    picture.parent.mkdir()
    shutil.copy(ROOT / "examples" / "scans" / "7-red-pen.png", picture)
    classifier = Classifier("dense")
    outputs = Outputs(
        Shown(classifier.info.labels),
        "csv",
        "/dev/full",
        sort_into=str(tmp_path / "sorted"),
        sort_by="move",
    )
    answered = classifier.answers(chunked([Item(str(picture), str(picture))], 1))
    with pytest.raises(SinkError, match="No space left"), outputs.opened(()) as write:
        write(next(answered))
    assert picture.exists()
    assert not list((tmp_path / "sorted").rglob("*.png"))
