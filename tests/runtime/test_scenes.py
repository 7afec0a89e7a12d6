"""The bundled network reads a digit in every kind of scene that people photograph."""

import pytest
from PIL import Image, ImageDraw

from benchmarks.harness.scenes import SCENES, scenes
from tinydigits import Classifier

COUNT = 20
MODEL = "conv"  # of `classifier`


@pytest.mark.parametrize("kind", SCENES)
def test_digits_are_read_in_a_scene(kind: str, classifier: Classifier) -> None:
    pictures, truth = zip(*scenes(kind, COUNT), strict=True)
    found = classifier.classify([*pictures])
    right = [row.ok and row.label == label for row, label in zip(found, truth, strict=True)]
    assert sum(right) >= 18, [n for n, read in enumerate(right) if not read]


@pytest.mark.parametrize("gap", [0, 3, 5, 8])
def test_a_four_of_two_strokes_that_do_not_meet_is_read_whole(
    gap: int, classifier: Classifier
) -> None:
    picture = Image.new("L", (240, 240), 235)
    pen = ImageDraw.Draw(picture)
    bend = [(78, 60), (62, 126), (126 - gap, 126)]
    pen.line(bend, fill=30, width=10, joint="curve")
    pen.line([(136, 70), (134, 180)], fill=30, width=10)
    assert classifier(picture).label == "4"
    assert classifier(picture).ok
