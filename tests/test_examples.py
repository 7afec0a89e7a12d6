"""The example scans are what their script draws, of every kind they promise, and are read right."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples import draw_scans
from tests.conftest import SCANS
from tinydigits import Classifier
from tinydigits.model import BUNDLED


def test_the_script_draws_what_is_there(tmp_path: Path) -> None:
    draw_scans.draw(tmp_path)
    drawn = {p.relative_to(tmp_path) for p in tmp_path.rglob("*.*")}
    there = {
        p.relative_to(SCANS.parent)
        for p in SCANS.parent.rglob("*.*")
        if p.suffix not in (".py", ".ipynb")
    }
    assert drawn == {path for path in there if "__pycache__" not in path.parts}
    for path in sorted((tmp_path / "scans").iterdir()):
        with Image.open(path) as new, Image.open(SCANS / path.name) as old:
            difference = np.asarray(new.convert("RGBA"), int) - np.asarray(old.convert("RGBA"), int)
        assert np.abs(difference).mean() < 1, path.name  # codecs differ by a little


def test_they_are_many_and_of_every_kind() -> None:
    kinds, sizes = set(), set()
    for path in SCANS.iterdir():
        with Image.open(path) as image:
            kinds.add((image.format, image.mode))
            sizes.add(image.size)
    assert len(list(SCANS.iterdir())) >= 24
    assert {"PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"} <= {format_ for format_, _ in kinds}
    assert {"L", "RGB", "RGBA"} <= {mode for _, mode in kinds}
    assert len(sizes) >= 15


@pytest.mark.parametrize("model", BUNDLED)
def test_each_is_read_as_its_name_says(model: str) -> None:
    classifier = Classifier(model)
    for path in SCANS.iterdir():
        truth = path.name.partition("-")[0]
        assert classifier(path).label == (None if truth == "10" else truth), path.name
