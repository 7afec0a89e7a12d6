"""Ink is found in colour, in shadow and in faint pencil, and none is found where there is none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tinydigits.ink import find_ink

SIZE = 120


def cross() -> NDArray[np.float32]:
    """float32 [120, 120]: 1 on two strokes, 0 elsewhere."""
    image = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(image).line([(40, 30), (80, 90)], fill=255, width=6)
    ImageDraw.Draw(image).line([(80, 30), (40, 90)], fill=255, width=6)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


STROKES = cross()


def overlap(levels: NDArray[np.float32]) -> float:
    """Of the cells that are ink or found to be ink, the share that is both."""
    found, true = levels > 0.5, STROKES > 0.5
    return float((found & true).sum() / (found | true).sum())


def painted(pen: tuple[int, ...], paper: tuple[int, ...]) -> NDArray[np.float32]:
    colours = np.array(paper) + STROKES[..., np.newaxis] * (np.array(pen) - np.array(paper))
    result: NDArray[np.float32] = colours.astype(np.float32)
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
    ink = find_ink(painted(pen, paper), None)
    assert ink is not None
    assert overlap(ink.levels) > 0.9
    assert ink.levels.max() == 1
    assert ink.dark is (sum(pen) < sum(paper))


@pytest.mark.parametrize("noise", [0, 3])
@pytest.mark.parametrize("contrast", [200, 60, 25])
def test_faint_ink_in_shadow_is_found(contrast: int, noise: float) -> None:
    rows, columns = np.indices((SIZE, SIZE))
    paper = 235 - 90 * (rows + columns) / (2 * SIZE)
    grain = np.random.default_rng(0).normal(0, noise, paper.shape)
    ink = find_ink((paper + grain - contrast * STROKES).astype(np.float32), None)
    assert ink is not None
    assert ink.dark
    assert overlap(ink.levels) > 0.75


def test_polarity_is_not_fooled_by_a_frame() -> None:
    levels = 255 - 255 * STROKES
    levels[0] = levels[:, 0] = 0  # a paper edge: half of the border is black
    ink = find_ink(levels, None)
    assert ink is not None
    assert ink.dark


def test_polarity_can_be_given() -> None:
    ink = find_ink(255 - 255 * STROKES, dark=False)
    assert ink is None or overlap(ink.levels) < 0.1


@pytest.mark.parametrize("noise", [0.0, 1.0, 4.0, 8.0])
def test_paper_has_no_ink(noise: float) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        shade = np.linspace(120, 240, SIZE)[:, np.newaxis] + random.normal(0, noise, (SIZE, SIZE))
        assert find_ink(shade.astype(np.float32), None) is None
