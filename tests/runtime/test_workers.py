"""What cannot be sent to workers is read too, and no picture takes them longer than is allowed."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.support.files import png
from tests.support.slow import slow_jpeg
from tinydigits import Classifier, TinydigitsError
from tinydigits.bounds import Limits
from tinydigits.images import ImageLike

SEVEN = ROOT / "examples" / "scans" / "7-red-pen.png"


def test_what_cannot_be_sent_is_read_all_the_same() -> None:
    """Open files, and Pillow images that are decoded only when they are sent, and are damaged."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    damaged = Image.open(io.BytesIO(png(noise)[:3000]))
    with SEVEN.open("rb") as first, SEVEN.open("rb") as last:
        pictures: list[ImageLike] = [first, damaged, *[SEVEN] * 30, last]
        rows = list(Classifier("dense").classify(pictures, batch_size=1, workers=2))
    assert [row.status for row in rows] == ["ok", "error", *["ok"] * 31]
    assert {row.label for row in rows} == {"7", None}


def test_a_job_of_nothing_but_open_files_ends() -> None:
    files = [SEVEN.open("rb") for _ in range(40)]
    rows = list(Classifier("dense").classify(files, batch_size=1, workers=2))
    assert [row.label for row in rows] == ["7"] * 40
    for file in files:
        file.close()


class Unpacked(io.BytesIO):
    """A file that can be sent and cannot be unpacked by who gets it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _fails, ("only here",)


def _fails(why: str) -> None:
    raise AttributeError(why)


def test_what_workers_cannot_unpack_is_read_here() -> None:
    pictures: list[ImageLike] = [SEVEN, Unpacked(SEVEN.read_bytes()), SEVEN]
    rows = list(Classifier("dense").classify(pictures, batch_size=1, workers=2))
    assert [row.label for row in rows] == ["7"] * 3


def test_pictures_that_take_too_long_are_error_rows_and_the_others_stay(tmp_path: Path) -> None:
    """Two are in one chunk, one is the last of all, and one comes as bytes."""
    slow = tmp_path / "slow.jpg"
    slow.write_bytes(slow_jpeg())
    pictures: list[ImageLike] = [SEVEN] * 20
    for place in (4, 6, 19):
        pictures[place] = slow
    pictures[11] = slow.read_bytes()
    fast = Classifier("dense", limits=Limits(max_seconds=0.5))
    rows = list(fast.classify(pictures, batch_size=8, workers=2))
    assert [row.path for row in rows] == [
        None if isinstance(picture, bytes) else str(picture) for picture in pictures
    ]
    assert [place for place, row in enumerate(rows) if row.status == "error"] == [4, 6, 11, 19]
    assert rows[4].reason == "it takes more than 0.5 s to read; --max-seconds allows more"
    assert {row.label for row in rows if row.status == "ok"} == {"7"}


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_limit_of_time_that_is_none(seconds: float) -> None:
    with pytest.raises(TinydigitsError, match=r"max_seconds .*: more than 0 was expected"):
        Classifier("dense", limits=Limits(max_seconds=seconds))
