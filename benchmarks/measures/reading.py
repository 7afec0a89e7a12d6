"""How well the models read digits, and which pictures they refuse.

Digits: the MNIST test digits unchanged, forced through the fit, and shrunk to the 16×16 grey pixels
of the USPS digits; and without any fit, moved, faint and inverted. Other pictures: capital letters
in the fonts of matplotlib (no model was trained on them), textures and blank sheets.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness.plan import Plan, data
from benchmarks.harness.results import ONCE, Finding, Table, Value, columns
from tinydigits import Classifier
from tinydigits.images import ImageLike

# Letters that look like a digit when they are alone are left out.
LETTERS = "".join(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in "OISZBG")
TEXTURES = 400


class Shares(NamedTuple):
    """Shares of all pictures, each in [0, 1]."""

    right: float
    refused: float
    wrong: float  # wrong and not refused


def letters() -> list[ImageLike]:
    """Draw each capital in each font, dark on paper."""
    from matplotlib import get_data_path

    folder = Path(get_data_path(), "fonts", "ttf")
    fonts = sorted([*folder.glob("DejaVuS*[!y].ttf"), *folder.glob("STIXGeneral*.ttf")])
    pictures: list[ImageLike] = []
    for path, letter in itertools.product(fonts, LETTERS):
        picture = Image.new("L", (96, 96), 245)
        font = ImageFont.truetype(str(path), 64)
        ImageDraw.Draw(picture).text((48, 48), letter, 20, font, anchor="mm")
        pictures.append(picture)
    return pictures


def textures() -> list[ImageLike]:
    """Draw blank, shaded and grainy sheets, noise of several grains, checks and stripes."""
    random = np.random.default_rng(12345)
    rows, columns = np.indices((90, 90))
    pictures: list[ImageLike] = []
    for kind in range(TEXTURES):
        level, grain = random.uniform(20, 235), random.uniform(0, 6)
        sheet: NDArray[np.floating] = np.full((90, 90), level) + random.normal(0, grain, (90, 90))
        if kind % 4 == 1:
            fall, tilt = random.uniform(-0.6, 0.6, 2)
            sheet += (rows - 45) * fall + (columns - 45) * tilt
        elif kind % 4 == 2:
            size = int(random.integers(4, 45))
            noise = Image.fromarray(random.integers(0, 256, (size, size), dtype=np.uint8))
            sheet = np.asarray(noise.resize((90, 90), Image.Resampling.BICUBIC), dtype=np.float64)
        elif kind % 4 == 3:
            period = int(random.integers(3, 20))
            sheet = ((rows // period + (kind % 8 > 3) * (columns // period)) % 2) * 200.0 + 20
        pictures.append(Image.fromarray(sheet.clip(0, 255).astype(np.uint8)))
    return pictures


def shrunk(images: NDArray[np.uint8]) -> list[ImageLike]:
    """Shrink to 16×16 pixels that the digit fills, as in the USPS set."""
    return [
        np.asarray(Image.fromarray(image[4:24, 4:24]).resize((16, 16), Image.Resampling.BOX))
        for image in images
    ]


def unfitted(images: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Return images as a device without a fit may produce them: uint8 [N, 28, 28] each."""
    directions = ((0, 1), (0, -1), (1, 0), (-1, 0))  # a quarter of the images moves each way
    moved = {
        pixels: np.stack(
            [
                np.roll(image, [pixels * step for step in directions[place % 4]], (0, 1))
                for place, image in enumerate(images)
            ]
        )
        for pixels in (1, 2)
    }
    return {
        "no fit, 1 pixel off centre": moved[1],
        "no fit, 2 pixels off centre": moved[2],
        "no fit, half the ink": images // 2,
        "no fit, ink and paper exchanged": 255 - images,
    }


def shares(classifier: Classifier, pictures: list[ImageLike], truth: list[str]) -> Shares:
    """Classify the pictures and compare with the true labels."""
    rows = list(classifier.classify(pictures))
    right = np.mean([row.label == label for row, label in zip(rows, truth, strict=True)])
    kept = [(row, label) for row, label in zip(rows, truth, strict=True) if row.status == "ok"]
    wrong = sum(row.label != label for row, label in kept)
    return Shares(float(right), 1 - len(kept) / len(rows), wrong / len(rows))


COLUMNS = columns("model; pictures; number:,d; right:.2%; refused:.2%; wrong, ok:.2%")


def measure(plan: Plan) -> Finding:
    digits = data(plan).test
    most = 500 if plan.short else len(digits.labels)
    images = digits.images[:most]
    truth = [str(label) for label in digits.labels[:most]]
    others = {"letters in fonts": letters(), "textures and blanks": textures()}
    rows: list[tuple[Value, ...]] = []
    for model in plan.names:
        classifier = Classifier(model)
        untouched = Classifier(model, fit="none", invert=False)
        tried: list[tuple[str, Classifier, list[ImageLike]]] = [
            ("MNIST test", classifier, list(images)),
            ("MNIST test at 16×16", classifier, shrunk(images)),
            ("MNIST test, fit=mnist", Classifier(model, fit="mnist"), list(images)),
            *((name, untouched, list(moved)) for name, moved in unfitted(images).items()),
        ]
        for name, reader, pictures in tried:
            plan.say(f"{model}: {name}")
            rows.append((model, name, most, *shares(reader, pictures, truth)))
        for name, pictures in others.items():
            found = shares(classifier, pictures, [""] * len(pictures))
            rows.append((model, name, len(pictures), None, found.refused, None))
    return Finding(
        "reading",
        what="How well the bundled models read, and what they refuse. `right` is the share whose "
        "best class is the true one, `refused` the share that is not `ok`, `wrong, ok` the share "
        "that is wrong and not refused. Refusing is right for pictures without a digit.",
        on="the MNIST test digits unchanged, shrunk to the 16×16 grey pixels of the USPS digits, "
        "and forced through the fit; without any fit: moved, faint and inverted; capital letters "
        "in fonts that no model was trained on; textures and blank sheets",
        how=ONCE,
        tables=(Table("reading", "how well the models read", COLUMNS, tuple(rows)),),
    )
