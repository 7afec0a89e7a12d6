"""The bundled network reads a digit in every kind of scene that people photograph."""

import pytest

from benchmarks.harness.scenes import SCENES, scenes
from tinydigits import Classifier

COUNT = 20
# The sheet's edges and the table are as strong as the ink there, and many a sheet is small.
FEWEST = {"sheet on a table": 14}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier("conv")


@pytest.mark.parametrize("kind", SCENES)
def test_digits_are_read_in_a_scene(kind: str, classifier: Classifier) -> None:
    pictures, truth = zip(*scenes(kind, COUNT), strict=True)
    found = classifier.classify([*pictures])
    right = [row.ok and row.label == label for row, label in zip(found, truth, strict=True)]
    assert sum(right) >= FEWEST.get(kind, 18), [n for n, read in enumerate(right) if not read]
