"""Pictures as files, and in archives, as people keep many of them."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

KINDS = ("files", "zip", "tar")
SHARD = 1000  # pictures in an archive, and in a sub-folder


def encoded(images: NDArray[np.uint8]) -> list[bytes]:
    """uint8 [N, 28, 28] as PNG files."""
    result = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        result.append(file.getvalue())
    return result


def write(pictures: list[bytes], folder: Path, kind: str, count: int) -> list[Path]:
    """As many pictures, as inputs of a command. What is there is taken as it is."""
    target = folder / f"{kind}-{count}"
    inputs = [target]
    if kind != "files":
        inputs = [target / f"{first // SHARD:06}.{kind}" for first in range(0, count, SHARD)]
    if target.exists():
        return inputs
    for first in range(0, count, SHARD):
        numbers = range(first, min(first + SHARD, count))
        members = ((f"{number:09}.png", pictures[number % len(pictures)]) for number in numbers)
        target.mkdir(exist_ok=True)
        if kind == "files":
            below = target / f"{first // SHARD:06}"
            below.mkdir()
            for name, picture in members:
                (below / name).write_bytes(picture)
        elif kind == "zip":
            with zipfile.ZipFile(target / f"{first // SHARD:06}.zip", "w") as packed:
                for name, picture in members:
                    packed.writestr(name, picture)
        else:
            with tarfile.open(target / f"{first // SHARD:06}.tar", "w") as tar:
                for name, picture in members:
                    member = tarfile.TarInfo(name)
                    member.size = len(picture)
                    tar.addfile(member, io.BytesIO(picture))
    return inputs
