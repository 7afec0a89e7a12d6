"""How well models read, and what they refuse.

Digits: the MNIST test digits as they are, forced through the fit, and shrunk to the 16×16 grey
pixels of the USPS digits; and without any fit, moved, faint and inverted. No digits: capital
letters in the fonts that matplotlib brings (none was trained on), textures and blanks.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness.plan import Plan, data
from benchmarks.harness.results import Column, Finding, Table, Value
from tinydigits import Classifier
from tinydigits.images import ImageLike

# Letters that nobody tells from a digit without its neighbours are left out.
LETTERS = "".join(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in "OISZBG")


class Shares(NamedTuple):
    """Of all pictures, each in [0, 1]."""

    right: float
    refused: float
    wrong: float
    """And not refused."""


def letters() -> list[ImageLike]:
    """Each capital in each font, dark on paper."""
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


def textures(count: int = 400) -> list[ImageLike]:
    """Blank sheets, shaded and grainy ones, noise of several grains, checks and stripes."""
    random = np.random.default_rng(12345)
    rows, columns = np.indices((90, 90))
    pictures: list[ImageLike] = []
    for kind in range(count):
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
    """16×16 pixels, the digit filling them, as in the USPS set."""
    return [
        np.asarray(Image.fromarray(image[4:24, 4:24]).resize((16, 16), Image.Resampling.BOX))
        for image in images
    ]


def unfitted(images: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """What a device may hand over that has no fit: uint8 [N, 28, 28] each."""
    directions = ((0, 1), (0, -1), (1, 0), (-1, 0))  # one image in four goes each way
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
    rows = list(classifier.classify(pictures))
    right = np.mean([row.label == label for row, label in zip(rows, truth, strict=True)])
    kept = [(row, label) for row, label in zip(rows, truth, strict=True) if row.status == "ok"]
    wrong = sum(row.label != label for row, label in kept)
    return Shares(float(right), 1 - len(kept) / len(rows), wrong / len(rows))


COLUMNS = (
    Column("model"),
    Column("pictures"),
    Column("number", ",d"),
    Column("right", ".2%"),
    Column("refused", ".2%"),
    Column("wrong, ok", ".2%"),
)


def measure(plan: Plan) -> Finding:
    digits = data(plan).test
    most = 500 if plan.short else len(digits.labels)
    images = digits.images[:most]
    truth = [str(label) for label in digits.labels[:most]]
    mnist = {"MNIST test": list(images), "MNIST test at 16×16": shrunk(images)}
    others = {"letters in fonts": letters(), "textures and blanks": textures()}
    rows: list[tuple[Value, ...]] = []
    for model in plan.names:
        classifier, forced = Classifier(model), Classifier(model, fit="mnist")
        for name, pictures in mnist.items():
            plan.say(f"{model}: {name}")
            rows.append((model, name, most, *shares(classifier, pictures, truth)))
        rows.append((model, "MNIST test, fit=mnist", most, *shares(forced, list(images), truth)))
        untouched = Classifier(model, fit="none", invert=False)
        for name, stack in unfitted(images).items():
            rows.append((model, name, most, *shares(untouched, list(stack), truth)))
        for name, pictures in others.items():
            found = shares(classifier, pictures, [""] * len(pictures))
            rows.append((model, name, len(pictures), None, found.refused, None))
    return Finding(
        "reading",
        what="How well the bundled models read, and what they refuse. `right` is the share whose "
        "best class is the true one, `refused` the share that is not `ok`, `wrong, ok` the share "
        "that is wrong and not refused; of what is no digit, refusing is right.",
        on="the MNIST test digits as they are, shrunk to the 16×16 grey pixels of the USPS digits, "
        "and forced through the fit; and without any fit, moved, faint and inverted; capital "
        "letters in fonts, none of which was trained on; textures and blank sheets",
        how="each picture once; the same in each run",
        tables=(Table("reading", "how well the models read", COLUMNS, tuple(rows)),),
    )
