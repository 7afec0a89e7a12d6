"""Items, which travel: an Item is one picture, a Stack holds many that need no decoding, and a
Chunk is read by one worker at a time.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ctypes import c_int64
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError
from tinydigits.images import ImageLike
from tinydigits.pages import Page
from tinydigits.remote.location import Location

CHUNK_BYTES = 1024 * 1024  # encoded bytes: a chunk that has more is complete
PAGE_BYTES = 64 * 1024  # what a page of a document counts as: it takes as long as such a picture
NOWHERE = -1  # the number of no picture
LOOKED_AT = 8  # of so many files in a row, the size of one is looked up: it counts for all of them


class Item(NamedTuple):
    """One input, which gives exactly one row."""

    name: str | None
    """The path in its row."""

    image: ImageLike | Location | ImageError
    """The picture, or where it is, or why there is none. A picture at a Location has to be fetched
    before it can be read.
    """

    regular: bool = False
    """Whether it was a regular file when it was found, so that it is opened without a look at its
    kind."""


class Stack(NamedTuple):
    """Many pictures that need no decoding, with a row for each."""

    name: str  # the file's name; the paths of the rows are NAME/0, NAME/1 and so on
    first: int  # the number of the first image
    images: NDArray[np.uint8]  # uint8 [N, 28, 28]


class Followed(list[Any]):
    """The pictures of a chunk, which write to `at` the number of each as it is read: `first` + its
    place, and NOWHERE behind the last.
    """

    def __init__(self, pictures: Iterable[Any], at: c_int64, first: int) -> None:
        super().__init__(pictures)
        self.at, self.first = at, first

    def __iter__(self) -> Iterator[Any]:
        for number, picture in enumerate(super().__iter__(), self.first):
            self.at.value = number
            yield picture
        self.at.value = NOWHERE


class Chunk(NamedTuple):
    """Pictures that one worker reads at a time."""

    names: list[str | None]
    images: list[ImageLike | Location | ImageError] | NDArray[np.uint8]
    """One for each name, or uint8 [N, 28, 28]."""

    regular: bool = False
    """Whether all were regular files when they were found."""


Skipped = Counter[str]
"""The number of files that are not read, by kind, for the summary: see `names.not_walked`."""


def chunked(items: Iterable[Item | Stack], size: int) -> Iterator[Chunk]:
    """Yield chunks of at most `size` pictures, with about CHUNK_BYTES at most: a worker takes as
    long for a few photographs as for many small pictures. A chunk ends after each `size` pictures,
    however many chunks they make. The ends depend on the items alone.
    """
    names: list[str | None] = []
    images: list[ImageLike | Location | ImageError] = []
    all_regular, held, on_disk, left = True, 0, 0, size
    for item in items:
        if isinstance(item, Stack):
            if names:
                yield Chunk(names, images, all_regular)
                names, images, all_regular, held = [], [], True, 0
            left = size
            yield from _sliced(item, size)
            continue
        name, image, regular = item
        if isinstance(image, (bytes, Page)):  # `|` would make a new object for each picture
            held += held_in(image, images[-1] if images else None)
            held += PAGE_BYTES if isinstance(image, Page) else 0
        else:
            if len(names) % LOOKED_AT == 0:
                on_disk = _size_on_disk(image)
            held += on_disk
        names.append(name)
        images.append(image)
        all_regular &= regular
        left -= 1
        if left == 0 or held >= CHUNK_BYTES:
            yield Chunk(names, images, all_regular)
            names, images, all_regular, held = [], [], True, 0
            left = left or size
    if names:
        yield Chunk(names, images, all_regular)


def _size_on_disk(image: object) -> int:
    """Return the bytes of a file: 0 where it is none, or cannot be looked up."""
    if isinstance(image, str | os.PathLike):
        with suppress(OSError, ValueError):
            return os.stat(image).st_size  # noqa: PTH116 - a Path takes twice as long
    return 0


def held_in(image: object, before: object = None) -> int:
    """Return the encoded bytes that a picture holds in memory. The pages of a document share them:
    they count for the first, which has no page of the same `before` it.
    """
    if isinstance(image, Page):
        image = b"" if isinstance(before, Page) and before.source is image.source else image.source
    return len(image) if isinstance(image, bytes) else 0


def _sliced(stack: Stack, size: int) -> Iterator[Chunk]:
    for first in range(0, len(stack.images), size):
        images = stack.images[first : first + size]
        start = stack.first + first
        yield Chunk([f"{stack.name}/{start + at}" for at in range(len(images))], images)
