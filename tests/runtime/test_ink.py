"""Ink is found in colour, in shadow and in faint pencil, and none is found where there is none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tinydigits.ink import find_ink, grey_of, ink_is_dark
from tinydigits.resampling import Grey

SIZE = 120


def cross() -> NDArray[np.float32]:
    """float32 [120, 120]: 1 on two strokes, 0 elsewhere."""
    image = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(image).line([(40, 30), (80, 90)], fill=255, width=6)
    ImageDraw.Draw(image).line([(80, 30), (40, 90)], fill=255, width=6)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


STROKES = cross()


def overlap(levels: Grey) -> float:
    """Of the pixels that are ink or found to be ink, the share that is both."""
    found, true = levels >= 128, STROKES > 0.5
    return float((found & true).sum() / (found | true).sum())


def painted(pen: tuple[int, ...], paper: tuple[int, ...]) -> Grey:
    colours = np.array(paper) + STROKES[..., np.newaxis] * (np.array(pen) - np.array(paper))
    result: Grey = colours.astype(np.uint8)
    return result


@pytest.mark.parametrize(
    ("pen", "paper"),
    [
        ((30, 60, 160), (250, 235, 90)),  # blue on yellow
        ((120, 170, 110), (215, 195, 165)),  # green on beige
        ((225, 215, 80), (250, 250, 250)),  # yellow on white
        ((200, 60, 60), (90, 110, 90)),  # red on a green board: hardly any difference in grey
        ((240, 240, 240), (27, 27, 27)),  # chalk on a dark board
        ((25, 25, 28), (27, 60, 140)),  # black on blue
    ],
)
def test_ink_is_found_in_the_channels_that_show_it(
    pen: tuple[int, int, int], paper: tuple[int, int, int]
) -> None:
    grey = grey_of(painted(pen, paper))
    dark = ink_is_dark(grey)
    assert dark is (sum(pen) < sum(paper))
    ink = find_ink(grey, dark, reduced=False)
    assert ink is not None
    assert overlap(ink.levels) > 0.9
    assert ink.levels.max() == 255


@pytest.mark.parametrize("noise", [0, 3])
@pytest.mark.parametrize("contrast", [200, 60, 25])
def test_faint_ink_in_shadow_is_found(contrast: int, noise: float) -> None:
    rows, columns = np.indices((SIZE, SIZE))
    paper = 235 - 90 * (rows + columns) / (2 * SIZE)
    grain = np.random.default_rng(0).normal(0, noise, paper.shape)
    grey = (paper + grain - contrast * STROKES).clip(0, 255).astype(np.uint8)
    assert ink_is_dark(grey)
    ink = find_ink(grey, True, reduced=False)
    assert ink is not None
    assert overlap(ink.levels) > 0.75


def test_polarity_is_not_fooled_by_a_frame_a_table_or_a_shadow() -> None:
    sheet = (235 - 200 * STROKES).astype(np.uint8)
    framed, on_table, shaded = sheet.copy(), np.full((250, 240), 40, np.uint8), sheet.copy()
    framed[0] = framed[:, 0] = 0  # a paper edge: half of the border is black
    on_table[:220, 20:] = 235
    on_table[:120, 20:140] = sheet
    shaded[:, 60:] //= 3
    for grey in (framed, on_table, shaded):
        assert ink_is_dark(grey)
        assert not ink_is_dark(255 - grey)


def test_polarity_can_be_given() -> None:
    ink = find_ink((255 - 255 * STROKES).astype(np.uint8), dark=False, reduced=False)
    assert ink is None or overlap(ink.levels) < 0.1


@pytest.mark.parametrize("noise", [0.0, 1.0, 4.0, 8.0])
def test_paper_has_no_ink(noise: float) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        shade = np.linspace(120, 240, SIZE)[:, np.newaxis] + random.normal(0, noise, (SIZE, SIZE))
        grey = shade.clip(0, 255).astype(np.uint8)
        assert find_ink(grey, True, reduced=False) is None
        assert find_ink(grey, False, reduced=False) is None


def test_equal_channels_are_left_as_they_are() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (90, 70), np.uint8)
    assert np.array_equal(grey_of(np.stack([grey] * 3, axis=-1)), grey)
    assert grey_of(grey) is grey
