"""Read a labelled folder: its sub-folders are the classes, and each holds pictures of any kind.

The runtime's own code decodes and fits the pictures, so a network learns from the same images that
it will be given later.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError, SourceError
from tinydigits.fitting import Fit, fit
from tinydigits.images import Limits, decode
from tinydigits.items import Item, Skipped
from tinydigits.names import is_hidden, natural_key
from tinydigits.sources import Opening, open_inputs

TEST_SHARE = 0.15  # of each class's pictures, and at least one
FEWEST, MOST = 2, 100  # classes
FEWEST_PICTURES = 5  # of a class


@dataclass(frozen=True, slots=True)
class Digits:
    """Labelled model inputs."""

    images: NDArray[np.uint8]  # uint8 [N, 28, 28], ink bright on dark
    # uint8 [N], each an index into the names of the classes; for MNIST, the digit itself.
    labels: NDArray[np.uint8]


def classes_in(folder: Path) -> list[str]:
    """Return the names of the classes, in natural order: all sub-folders that are not hidden. Links
    are not followed.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and not is_hidden(entry.name)
        ]
    return sorted(names, key=natural_key)


def load_folder(
    folder: Path, seed: int, how: Fit
) -> tuple[Digits, Digits, tuple[str, ...], tuple[str, ...]]:
    """Return training images, test images, the names of the classes, and the unreadable pictures.

    The same `seed` splits the same folder in the same way. Raises SourceError if there are too few
    or too many classes, or if a class has too few pictures.
    """
    names = classes_in(folder)
    if not FEWEST <= len(names) <= MOST:
        raise SourceError(
            f"{folder}: {len(names)} sub-folders, where {FEWEST} to {MOST} classes can be trained "
            "(links are not followed)"
        )
    if unusable := [name for name in names if not name.isprintable()]:
        raise SourceError(f"{folder}: rename {unusable[0]!r}: a label has to be printable")
    train: list[tuple[NDArray[np.uint8], int]] = []
    test: list[tuple[NDArray[np.uint8], int]] = []
    unreadable: list[str] = []
    for index, name in enumerate(names):
        images = _images(folder / name, how, unreadable)
        if len(images) < FEWEST_PICTURES:
            raise SourceError(
                f"{folder / name}: {len(images)} readable pictures, {FEWEST_PICTURES} are needed"
            )
        order = np.random.default_rng([seed, index]).permutation(len(images))
        cut = max(1, round(TEST_SHARE * len(images)))
        train += [(images[place], index) for place in order[cut:]]
        test += [(images[place], index) for place in order[:cut]]
    return _digits(train), _digits(test), tuple(names), tuple(unreadable)


def _digits(labelled: list[tuple[NDArray[np.uint8], int]]) -> Digits:
    images, labels = zip(*labelled, strict=True)
    return Digits(np.stack(images), np.array(labels, np.uint8))


def _images(folder: Path, how: Fit, unreadable: list[str]) -> list[NDArray[np.uint8]]:
    """Return the readable pictures in a folder, in natural order. Add others to `unreadable`."""
    images = []
    for item in open_inputs((str(folder),), Opening(Limits(), Skipped())):
        assert isinstance(item, Item)
        try:
            if isinstance(item.image, ImageError):
                raise item.image
            picture = decode(item.image)  # type: ignore[arg-type] # nothing in it is at an address
            images.append(fit(picture, how).pixels)
        except ImageError as error:
            unreadable.append(f"{item.name}: {error}")
    return images
