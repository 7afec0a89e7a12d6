"""Items, which travel: an Item is one picture, a Stack holds many that need no decoding, and a
Chunk is read by one worker at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError
from tinydigits.images import ImageLike
from tinydigits.pages import Page
from tinydigits.remote.location import Location

CHUNK_BYTES = 8 * 1024 * 1024  # encoded bytes in memory: a chunk that holds more is complete


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


class Chunk(NamedTuple):
    """Pictures that one worker reads at a time."""

    names: list[str | None]
    images: list[ImageLike | Location | ImageError] | NDArray[np.uint8]
    """One for each name, or uint8 [N, 28, 28]."""

    regular: bool = False
    """Whether all were regular files when they were found."""


Skipped = Counter[str]
"""Counts, for the summary, of what is not read, by its kind: see `names.not_walked`."""


def chunked(items: Iterable[Item | Stack], size: int) -> Iterator[Chunk]:
    """Yield chunks of at most `size` pictures, with at most CHUNK_BYTES before the last of them.
    The ends of chunks depend on the items alone.
    """
    names: list[str | None] = []
    images: list[ImageLike | Location | ImageError] = []
    all_regular, held = True, 0
    for item in items:
        if isinstance(item, Stack):
            if names:
                yield Chunk(names, images, all_regular)
                names, images, all_regular, held = [], [], True, 0
            yield from _sliced(item, size)
            continue
        name, image, regular = item
        names.append(name)
        images.append(image)
        all_regular &= regular
        held += held_in(image, images[-2] if len(images) > 1 else None)
        if len(names) >= size or held >= CHUNK_BYTES:
            yield Chunk(names, images, all_regular)
            names, images, all_regular, held = [], [], True, 0
    if names:
        yield Chunk(names, images, all_regular)


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
