"""The preparation is chosen by what it lets a network read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.train.test_labelled_folder import shapes
from tinydigits_train import batches, preparing
from tinydigits_train.data import load_prepared
from tinydigits_train.labelled_folder import Dataset
from tinydigits_train.preparing import choose

pytestmark = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FEWEST_PICTURES_SHOWN", 640)
    monkeypatch.setattr(preparing, "EPOCHS", 5)


def chosen(folder: Path) -> tuple[Dataset, str, list[str]]:
    told: list[str] = []
    prepared = load_prepared(str(folder), ("auto", "resize"))
    data, why = choose(
        prepared, 0, lambda data, share: told.append(f"{data.fit} {share:.1%}"), lambda: False
    )
    return data, why, told


def test_pictures_whose_classes_differ_by_place_are_only_resized(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, left in (("left", 6), ("right", 36)):
        (tmp_path / name).mkdir()
        for number in range(30):  # a bar, which `auto` centres
            image = np.full((64, 64), 230, np.uint8)
            across = left + int(random.integers(4))
            image[12:52, across : across + 18] = random.integers(30, 60)
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    data, why, told = chosen(tmp_path)
    assert data.fit == "resize"
    assert why == f"resize: short trainings read {', '.join(told)} of 15 pictures"


def test_where_both_do_as_well_pictures_are_fitted(tmp_path: Path) -> None:
    data, why, _ = chosen(shapes(tmp_path, {"round": 12, "tick": 12}))
    assert data.fit == "auto"
    assert why.startswith("auto: short trainings read auto ")
