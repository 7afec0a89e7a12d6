"""The fit does to each golden picture what is written down beside it, and the digit can be seen."""

import numpy as np
import pytest
from PIL import Image

from tests.golden.make import HERE, cases
from tinydigits.fitting import fit
from tinydigits.images import decode

TOLERANCE = 2  # of 255: what resampling may differ by between versions and languages
NAMES = [name for name, _ in cases()]


@pytest.mark.parametrize("name", NAMES)
def test_the_fit_is_as_written_down(name: str) -> None:
    found = fit(decode(HERE / f"{name}.png")).pixels.astype(int)
    with Image.open(HERE / f"{name}.28x28.png") as image:
        expected = np.asarray(image).astype(int)
    assert np.abs(found - expected).max() <= TOLERANCE


def test_every_picture_has_its_answer_and_nothing_else_lies_there() -> None:
    there = {path.name for path in HERE.iterdir()}
    assert there == {f"{name}{end}" for name in NAMES for end in (".png", ".28x28.png")}
    assert len(NAMES) >= 15
