"""What the pages begin with: few digits, and what an earlier page or the reader made of them."""

import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, MadeOnce
from tests.support.lessons import keras_linear, linear, onnx_linear
from tests.support.warm import warm
from tinydigits.sources.idx import read_images, read_labels
from tinydigits_export.ranges import RANGES
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.ready import FILES
from tinydigits_train.tensorflow import load_tensorflow

OF_A_CLASS = 40  # pictures in the folder `digits`
PREPARED = (
    "train -o digits.keras",
    "train --recipe tiny --epochs 5 -o tiny.keras",
    "export digits.keras -o out",
)


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A folder with a script `tinydigits` for which TensorFlow is loaded once."""
    with warm(tmp_path_factory.mktemp("commands")) as folder:
        yield folder


@pytest.fixture(scope="session")
def prepared(few_digits: Path, commands: Path, made_once: MadeOnce) -> Path:
    """`digits.keras` and `tiny.keras` with their records, `out` exported from the former, `digits`
    with pictures by class, `inbox` with pictures of no order, and networks from elsewhere:
    `notebook.keras` and `model.onnx`.
    """

    def make(folder: Path) -> None:
        images = read_images(few_digits / FILES[0])
        labels = read_labels(few_digits / FILES[1])
        for label in range(10):
            (folder / "digits" / str(label)).mkdir(parents=True)
            for number, image in enumerate(images[labels == label][:OF_A_CLASS]):
                Image.fromarray(image).save(folder / "digits" / str(label) / f"{number}.png")
        shutil.copytree(ROOT / "examples" / "scans", folder / "inbox")
        known = Digits(images, labels)
        keras = load_tensorflow("a test", "train").keras
        model = keras_linear(keras, known, RANGES["0..255"], None)
        model.save(folder / "notebook.keras")
        weights = linear(known, RANGES["normalised"])
        onnx_linear(folder / "model.onnx", weights, ["N", 1, 28, 28])
        for typed in PREPARED:
            subprocess.run(
                [commands / "tinydigits", *typed.split()],
                cwd=folder,
                env=os.environ | {"TINYDIGITS_DATA": str(few_digits)},
                capture_output=True,
                check=True,
            )

    return made_once("prepared", make)
