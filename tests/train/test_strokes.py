"""Strokes draw what they are named for, in many ways, and the same from the same seed."""

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tinydigits_train.shapes import DIGIT_SHAPES, DOODLES, GREEK, LETTERS, SYMBOLS
from tinydigits_train.strokes import SIDE, digit, scribble, sign, texture, word


@pytest.mark.parametrize(
    "draw",
    [
        *(lambda random, of=of: sign(of, random) for of in (LETTERS, GREEK, SYMBOLS, DOODLES)),
        scribble,
        texture,
        lambda random: digit(7, random),
    ],
)
def test_drawings_are_inked_varied_and_repeatable(draw) -> None:  # type: ignore[no-untyped-def]
    def drawings(seed: int) -> list[bytes]:
        random = np.random.default_rng(seed)
        images: list[Image.Image] = [draw(random) for _ in range(20)]
        assert all(image.size == (SIDE, SIDE) and np.asarray(image).any() for image in images)
        return [image.tobytes() for image in images]

    assert drawings(1) == drawings(1) != drawings(2)
    assert len(set(drawings(1))) == 20


def test_a_word_is_wider_than_its_letters_are_high() -> None:
    words = [word(LETTERS, np.random.default_rng(seed)) for seed in range(20)]
    assert all(image.height == SIDE and np.asarray(image).any() for image in words)
    assert np.mean([image.width > SIDE for image in words]) > 0.5


def test_every_shape_is_drawn_inside_its_square() -> None:
    for shapes in (LETTERS, GREEK, SYMBOLS, DOODLES):
        for name, shape in shapes.items():
            places = np.array(
                [p.split(",")[:2] for p in shape.replace("|", " ").replace("o", "").split()]
            )
            assert ((places.astype(float) >= 0) & (places.astype(float) <= 100)).all(), name


def test_no_letter_that_reads_as_a_digit_is_drawn() -> None:
    assert not set(LETTERS) & set("OIlSZBGqgbosziy")
    assert set(DIGIT_SHAPES) == set(range(10))


def test_the_examples_are_drawn_apart_from_the_training_strokes() -> None:
    # The example scans prove something only if they are not what was trained on.
    assert "tinydigits_train" not in (ROOT / "examples" / "draw_scans.py").read_text("utf-8")
