"""With `auto`, workers are started for work that takes long, and for no other."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT
from tinydigits import Classifier, Prediction, images, pipeline, reading, workers
from tinydigits.images import ImageLike
from tinydigits.reading import Reader

SCANS = sorted((ROOT / "examples" / "scans").iterdir())
FILES: list[ImageLike] = [str(SCANS[place % len(SCANS)]) for place in range(60)]
MODEL = "dense"  # of `classifier`


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many workers were, each time that any were."""
    counts: list[int] = []
    shared = workers.shared

    def counted(reader: Reader, chunks: Any, count: int, keep: Any) -> Any:
        counts.append(count)
        return shared(reader, chunks, count, keep)

    monkeypatch.setattr(workers, "shared", counted)
    monkeypatch.setattr(pipeline, "usable_cpus", lambda: 9)
    return counts


def test_none_for_a_small_job(
    classifier: Classifier, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "SHORT_WORK", 600)
    stack = [np.full((28, 28), place % 256, np.uint8) for place in range(2100)]
    assert len(list(classifier.classify(stack[:1900], workers="auto"))) == 1900
    assert started == []
    assert len(list(classifier.classify(stack, workers="auto"))) == 2100
    assert started == [9]


def taking_long(
    classifier: Classifier,
    pictures: Iterable[ImageLike],
    short: float,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Prediction]:
    """By a clock that each picture puts forward by 10 ms; work of `short` seconds is short."""
    clock = 0.0

    def decoded(*given: Any) -> Any:
        nonlocal clock
        clock += 0.01
        return images.decoded(*given)

    monkeypatch.setattr(reading, "decoded", decoded)
    monkeypatch.setattr(pipeline, "time", SimpleNamespace(monotonic=lambda: clock))
    monkeypatch.setattr(pipeline, "SHORT_WORK", short)
    return classifier.classify(pictures, batch_size=20, workers="auto")


def test_for_few_pictures_that_take_long_one_for_each_batch(
    classifier: Classifier, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = list(classifier.classify(FILES, batch_size=20))
    assert list(taking_long(classifier, FILES, 0.7, monkeypatch)) == alone  # of 0.6 s
    assert started == []
    assert list(taking_long(classifier, FILES, 0.5, monkeypatch)) == alone
    assert started == [3]
    assert list(taking_long(classifier, FILES[:20], 0.05, monkeypatch)) == alone[:20]
    assert started == [3]  # a single batch would gain nothing


def test_file_objects_are_not_tried_since_they_would_be_empty_then(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    seven = Path(ROOT, "examples", "scans", "7-red-pen.png").read_bytes()
    opened = [io.BytesIO(seven) for _ in range(60)]
    assert {row.label for row in taking_long(classifier, opened, 0.05, monkeypatch)} == {"7"}


def test_few_pictures_are_tried_however_small_the_batches(
    classifier: Classifier, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    read = Reader.read

    def counted(self: Reader, *given: Any) -> Any:
        tried.append(given)
        return read(self, *given)

    monkeypatch.setattr(Reader, "read", counted)
    monkeypatch.setattr(pipeline, "SHORT_WORK", 600)
    assert len(list(classifier.classify(FILES, batch_size=1, workers="auto"))) == len(FILES)
    assert started == []
    assert len(tried) <= len(FILES) + pipeline.PROBES
