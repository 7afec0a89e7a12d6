"""Pictures for the benchmarks: drawn digits, and files and archives that hold many pictures."""

import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples import draw_scans as scans
from tinydigits.fitting import fit

KINDS = ("files", "zip", "tar")
SHARD = 1000  # pictures in an archive, and in a sub-folder


def drawn_digits(count: int) -> NDArray[np.uint8]:
    """Draw model inputs, uint8 [count, 28, 28], for benchmarks that run without MNIST."""
    drawn = [
        fit(scans.white_on_black(scans.mask(digit, (64, 64), 0.07, seed), 0)).pixels
        for seed in range(5)
        for digit in range(10)
    ]
    return np.stack([drawn[place % len(drawn)] for place in range(count)])


def sizes() -> dict[str, Image.Image]:
    """Draw one picture of each size that the fit is measured with."""
    grey = (255 - 255 * scans.mask(5, (128, 128), 0.06, 1)).astype(np.uint8)
    return {
        "28×28, handed through": Image.fromarray(drawn_digits(16)[15]),
        "128×128": Image.fromarray(grey),
        "1280×960 photograph": scans.blue_pen(scans.mask(5, (1280, 960), 0.05, 1), 1),
    }


def write_labelled(images: NDArray[np.uint8], labels: Sequence[int], folder: Path) -> None:
    """Write PNG files into a sub-folder for each label."""
    for label in set(labels):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / str(label) / f"{place:05}.png")


def encoded(images: NDArray[np.uint8]) -> list[bytes]:
    """Encode uint8 [N, 28, 28] as PNG files."""
    result = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        result.append(file.getvalue())
    return result


def write_shards(pictures: list[bytes], folder: Path, kind: str, count: int) -> list[Path]:
    """Write `count` pictures, repeating them as needed, and return the inputs of a command.

    kind: one of KINDS. Files of an earlier call are used again.
    """
    target = folder / f"{kind}-{count}"
    shards = [target / f"{first // SHARD:06}" for first in range(0, count, SHARD)]
    inputs = [shard.with_suffix(f".{kind}") for shard in shards] if kind != "files" else [target]
    if target.exists():
        return inputs
    target.mkdir()
    for place, shard in enumerate(shards):
        numbers = range(place * SHARD, min((place + 1) * SHARD, count))
        members = ((f"{number:09}.png", pictures[number % len(pictures)]) for number in numbers)
        if kind == "files":
            shard.mkdir()
            for name, picture in members:
                (shard / name).write_bytes(picture)
        elif kind == "zip":
            with zipfile.ZipFile(shard.with_suffix(".zip"), "w") as packed:
                for name, picture in members:
                    packed.writestr(name, picture)
        else:
            with tarfile.open(shard.with_suffix(".tar"), "w") as tar:
                for name, picture in members:
                    member = tarfile.TarInfo(name)
                    member.size = len(picture)
                    tar.addfile(member, io.BytesIO(picture))
    return inputs
