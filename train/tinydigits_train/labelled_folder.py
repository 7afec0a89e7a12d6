"""A labelled folder: its sub-folders are the classes, and any pictures may be in them.

Pictures are decoded and fitted by the runtime's own code, so that what is learnt is what will be
seen.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError, SourceError
from tinydigits.fitting import Fit, fit
from tinydigits.images import decode
from tinydigits.items import Skipped
from tinydigits.names import natural_key
from tinydigits.sources.folders import walked

TEST_SHARE = 0.15  # of each class's pictures, and at least one
FEWEST, MOST = 2, 100  # classes
FEWEST_PICTURES = 5  # of a class


@dataclass(frozen=True, slots=True)
class Digits:
    """Labelled model inputs."""

    images: NDArray[np.uint8]
    """uint8 [N, 28, 28], ink bright on dark."""

    labels: NDArray[np.uint8]
    """uint8 [N], each an index into the names of the classes; of MNIST the digit itself."""


def classes_in(folder: Path) -> list[str]:
    """The names of the classes, in natural order: all sub-folders that are not hidden."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    return sorted(names, key=natural_key)


def load_folder(
    folder: Path, seed: int, how: Fit
) -> tuple[Digits, Digits, tuple[str, ...], tuple[str, ...]]:
    """Training images, test images, the names of the classes, and what could not be read.

    The same `seed` splits the same folder alike. Raises SourceError where there are too few or too
    many classes, or too few pictures in one.
    """
    names = classes_in(folder)
    if not FEWEST <= len(names) <= MOST:
        raise SourceError(
            f"{folder}: {len(names)} sub-folders, where {FEWEST} to {MOST} classes can be trained"
        )
    if unusable := [name for name in names if not name.isprintable()]:
        raise SourceError(f"{folder}: rename {unusable[0]!r}: a label has to be printable")
    parts: tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]] = ([], [])
    labels: tuple[list[int], list[int]] = ([], [])
    unreadable: list[str] = []
    for index, name in enumerate(names):
        images = _images(folder / name, how, unreadable)
        if len(images) < FEWEST_PICTURES:
            raise SourceError(
                f"{folder / name}: {len(images)} readable pictures, {FEWEST_PICTURES} are needed"
            )
        order = np.random.default_rng([seed, index]).permutation(len(images))
        cut = max(1, round(TEST_SHARE * len(images)))
        for part, places in enumerate((order[cut:], order[:cut])):
            parts[part].extend(images[place] for place in places)
            labels[part].extend([index] * len(places))
    train, test = (
        Digits(np.stack(images), np.array(indices, np.uint8))
        for images, indices in zip(parts, labels, strict=True)
    )
    return train, test, tuple(names), tuple(unreadable)


def _images(folder: Path, how: Fit, unreadable: list[str]) -> list[NDArray[np.uint8]]:
    """Each readable picture below a folder, in natural order; the others are added to the list."""
    images = []
    for item in walked(str(folder), Skipped()):
        path = item.name or ""
        try:
            images.append(fit(decode(path), how).pixels)
        except ImageError as error:
            unreadable.append(f"{path}: {error}")
    return images
