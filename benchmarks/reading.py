"""How well models read, and what they refuse:

    python -m benchmarks.reading --mnist DIR --people DIR

Digits: the MNIST test digits as they are, forced through the fit, and shrunk to the 16×16 grey
pixels of the USPS digits; and a folder of pictures by people, one sub-folder a label. No digits:
capital letters in the fonts that matplotlib brings (none was trained on), textures and blanks.
"""

import itertools
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tinydigits import Classifier, Prediction
from tinydigits.idx import read_images, read_labels
from tinydigits.images import ImageLike
from tinydigits.sources import Skipped, walked

# Letters that nobody tells from a digit without its neighbours are left out.
LETTERS = "".join(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in "OISZBG")


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


def read(classifier: Classifier, pictures: list[ImageLike], truth: list[str]) -> str:
    rows = list(classifier.classify(pictures))
    right = np.mean([row.label == label for row, label in zip(rows, truth, strict=True)])
    kept = [(row, label) for row, label in zip(rows, truth, strict=True) if row.status == "ok"]
    unanswered = 1 - len(kept) / len(rows)
    wrong = sum(row.label != label for row, label in kept) / len(rows)
    return f"{right:>8.2%}  {unanswered:>8.2%}  {wrong:>8.2%}"


def refused(rows: list[Prediction]) -> str:
    return f"{'':>8}  {sum(row.status != 'ok' for row in rows) / len(rows):>8.2%}"


@click.command()
@click.option("-m", "--model", "models", multiple=True, default=("dense", "conv"))
@click.option("--mnist", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--people", type=click.Path(path_type=Path, exists=True))
def main(models: tuple[str, ...], mnist: Path, people: Path | None) -> None:
    """Print the table for each model."""
    images = read_images(next(mnist.glob("t10k-images*")))
    labels = [str(label) for label in read_labels(next(mnist.glob("t10k-labels*")))]
    digits: dict[str, tuple[list[ImageLike], list[str]]] = {
        "MNIST test": (list(images), labels),
        "MNIST test at 16×16": (shrunk(images), labels),
    }
    if people:
        names = [str(item.name) for item in walked(str(people), Skipped())]
        digits[f"people ({len(names)})"] = (list(names), [Path(name).parent.name for name in names])
    others = {"letters in fonts": letters(), "textures and blanks": textures()}
    for model in models:
        classifier = Classifier(model)
        print(f"{model:<24} {'right':>8}  {'refused':>8}  {'wrong, ok':>8}")
        for name, (pictures, truth) in digits.items():
            print(f"  {name:<22} {read(classifier, pictures, truth)}")
        forced = Classifier(model, fit="mnist")
        print(f"  {'MNIST test, fit=mnist':<22} {read(forced, list(images), labels)}")
        for name, pictures in others.items():
            print(
                f"  {name:<22} {refused(list(classifier.classify(pictures)))}  of {len(pictures)}"
            )


if __name__ == "__main__":
    main()
