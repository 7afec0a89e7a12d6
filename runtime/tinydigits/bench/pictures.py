"""The pictures that `tinydigits bench` reads: drawn here, since no data set is installed, or those
in the user's folder.
"""

import os
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.errors import ImageError, SourceError
from tinydigits.fitting import SIDE, fit
from tinydigits.images import decode
from tinydigits.items import Skipped
from tinydigits.pen import OVERSAMPLING
from tinydigits.pen import drawn as drawn_by_pen
from tinydigits.sources.folders import walked
from tinydigits.text import printable

FILES = 3072  # small pictures in a folder: above `pipeline.SMALL_JOB`, so that workers share them
DIGITS = 64  # different small pictures
SCANS, PHOTOS = 24, 4  # different larger ones
PHOTO = (1280, 960)  # px
STEPS = 150  # points along a stroke
LOOKED_AT = 2.0  # s: the user's own pictures are tried for so long, at most FILES of them
PASS = 1.0  # s: reading a folder once may take about so long in one process


class Pictures(NamedTuple):
    """Pictures of one kind."""

    name: str  # their name in figures
    what: str  # how many there are, in which formats and sizes
    folder: str
    paths: list[str]  # the pictures that are read one by one
    files: int  # pictures of the folder that one pass reads; 0: the folder is not read
    bytes: int  # the size of all `paths` together


def digits(count: int) -> NDArray[np.uint8]:
    """Draw uint8 [count, 28, 28]: pen strokes prepared like MNIST's digits, the same each time."""
    fitted = [fit(Image.fromarray(_stroke((96, 96), 0.07, seed)), "mnist") for seed in range(count)]
    return np.stack([each.pixels for each in fitted])


def drawn(folder: Path, images: NDArray[np.uint8]) -> list[Pictures]:
    """Write three kinds in folders below `folder`. `images`: uint8 [N, 28, 28], the smallest."""
    small, scans, photos = (folder / name for name in ("small", "scans", "photos"))
    for each in (small, scans, photos):
        each.mkdir()
    for place, image in enumerate(images):
        Image.fromarray(image).save(small / f"{place:04}.png")
    for place in range(len(images), FILES):
        _again(small / f"{place % len(images):04}.png", small / f"{place:04}.png")
    for seed in range(SCANS):
        ink = _stroke((128, 128), 0.06, seed)
        Image.fromarray(_on_paper(ink, seed).astype(np.uint8)).save(scans / f"{seed}.png")
    for seed in range(PHOTOS):
        grey = _on_paper(_stroke(PHOTO, 0.04, seed), seed)
        colours = np.stack([grey, 0.97 * grey, 0.9 * grey], axis=-1).astype(np.uint8)
        Image.fromarray(colours).save(photos / f"{seed}.jpg", quality=90)
    return [
        _of(small, f"{SIDE}×{SIDE} grey PNG", len(images), FILES),
        _of(scans, "128×128 grey PNG", SCANS, 0),
        _of(photos, f"{PHOTO[0]}×{PHOTO[1]} RGB JPEG", PHOTOS, 0),
    ]


def _again(path: Path, name: Path) -> None:
    """Make another file with the same bytes: a hard link, which is quicker to make than a copy."""
    try:
        name.hardlink_to(path)
    except OSError:  # the file system has no hard links
        name.write_bytes(path.read_bytes())


def _of(folder: Path, name: str, count: int, files: int) -> Pictures:
    paths = sorted(folder.iterdir())[:count]
    size = sum(path.stat().st_size for path in paths)
    what = f"{count} drawn" + (f", a folder of {files:,} files" if files else "")
    return Pictures(name, what, str(folder), list(map(str, paths)), files, size)


def _stroke(size: tuple[int, int], pen: float, seed: int) -> NDArray[np.uint8]:
    """Draw a wave down the middle with a round pen: uint8 [H, W], 255 where there is ink.

    `size` is (width, height) in px, `pen` the width of the stroke as a share of the shorter side.
    """
    random = np.random.default_rng(seed)
    scale = OVERSAMPLING if max(size) < 512 else 1
    width, height = (side * scale for side in size)
    short = min(width, height)
    reach, waves, phase = random.uniform((0.03, 0.4, 0), (0.18, 1.3, 1))
    way = np.linspace(-0.5, 0.5, STEPS)
    across = width / 2 + reach * short * np.sin(2 * np.pi * (waves * way + phase))
    down = height / 2 + 0.6 * short * way
    return drawn_by_pen([np.stack([across, down], axis=1)], size, pen * short / 2, scale)


def _on_paper(ink: NDArray[np.uint8], seed: int) -> NDArray[np.float64]:
    """Return dark ink on light paper with grain and a slow change of light, 0..255."""
    height, width = ink.shape
    light = 235 - 30 * np.linspace(0, 1, width) * np.linspace(0.3, 1, height)[:, np.newaxis]
    grain = np.random.default_rng(seed).normal(0, 2, ink.shape)
    return (light * (1 - ink / 300) + grain).clip(0, 255)


def own(folder: str) -> tuple[Pictures, int]:
    """Return the first pictures of a folder, as many as can be tried in LOOKED_AT, and how many of
    them could not be read. Raises SourceError where none can be read.
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - pathlib would rewrite the name
        raise SourceError(f"{folder}: not a folder: name a folder with pictures in it")
    began, unreadable, paths = time.monotonic(), 0, list[str]()
    formats, sizes = Counter[str](), list[tuple[int, int]]()
    for found in islice(walked(folder, Skipped()), FILES):
        path = found if isinstance(found, str) else str(found.name)
        try:
            picture = decode(path)
            fit(picture)
        except ImageError:
            unreadable += 1
        else:
            paths.append(path)
            formats[Path(path).suffix[1:].upper()] += 1
            sizes.append(picture.size)
        if time.monotonic() - began > LOOKED_AT:
            break
    if not paths:
        raise SourceError(f"{folder}: no picture in it can be read ({unreadable} were tried)")
    each = (time.monotonic() - began) / (len(paths) + unreadable)
    low, high = (pick(sizes, key=lambda size: size[0] * size[1]) for pick in (min, max))
    spread = f"{low[0]}×{low[1]}" + ("" if low == high else f" to {high[0]}×{high[1]}")
    count = f"{len(paths):,} file" + ("" if len(paths) == 1 else "s")
    what = f"{count}, {', '.join(sorted(formats))}, {spread}"
    files = max(1, min(len(paths) + unreadable, int(PASS / each)))
    size = sum(Path(path).stat().st_size for path in paths)
    name = printable(Path(folder).resolve().name or folder)
    return Pictures(name, what, folder, paths, files, size), unreadable
