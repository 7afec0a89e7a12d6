"""The fit does to each golden picture what is written down beside it, and the digit can be seen."""

import numpy as np
import pytest
from PIL import Image

from tests.golden.make import HERE, cases
from tinydigits import core
from tinydigits.fitting import fit
from tinydigits.images import decode

NAMES = [name for name, _ in cases()]


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_fit_is_as_written_down(name: str, pure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if pure:  # NumPy, and not the C where it was compiled
        monkeypatch.setattr(core, "library", lambda: None)
    found = fit(decode(HERE / f"{name}.png")).pixels
    with Image.open(HERE / f"{name}.28x28.png") as image:
        expected = np.asarray(image)
    assert np.array_equal(found, expected)


def test_a_model_input_is_left_as_it_is() -> None:
    with Image.open(HERE / "already-28x28.png") as image:
        pixels = np.asarray(image)
    assert np.array_equal(fit(decode(HERE / "already-28x28.png")).pixels, pixels)


def test_every_picture_has_its_answer_and_nothing_else_lies_there() -> None:
    there = {path.name for path in HERE.iterdir()}
    assert there == {f"{name}{end}" for name in NAMES for end in (".png", ".28x28.png")}
    assert len(NAMES) >= 15
