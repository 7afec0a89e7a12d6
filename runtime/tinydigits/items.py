"""What travels: an Item is one picture, a Stack many that need no decoding, a Chunk what one worker
reads at a time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError
from tinydigits.images import ImageLike
from tinydigits.remote.location import Location

CHUNK_BYTES = 8 * 1024 * 1024  # of encoded images in memory: a chunk with more is complete


class Item(NamedTuple):
    """One input, which gives exactly one row."""

    name: str | None
    """What the row calls it."""

    image: ImageLike | Location | ImageError
    """The picture, or where it is, or why there is none. What is at a Location has to be fetched
    before it can be read.
    """

    regular: bool = False
    """It was a regular file when it was found, so that it need not be looked at before it is
    opened."""


class Stack(NamedTuple):
    """Many pictures that need no decoding, with a row for each."""

    name: str
    """Of the file; the rows are called NAME/0, NAME/1 and so on."""

    first: int
    """The number of the first of these."""

    images: NDArray[np.uint8]
    """uint8 [N, 28, 28]"""


class Chunk(NamedTuple):
    """What one worker reads at a time."""

    names: list[str | None]
    images: list[ImageLike | Location | ImageError] | NDArray[np.uint8]
    """As many, or uint8 [N, 28, 28]."""

    regular: bool = False
    """All were regular files when they were found."""


@dataclass(slots=True)
class Skipped:
    """What walks through folders and archives passed over, for the summary."""

    hidden: int = 0
    """Files and folders whose name begins with a dot."""

    other: int = 0
    """Files without an image's ending, links to folders, FIFOs, sockets and devices."""


def chunked(items: Iterable[Item | Stack], size: int) -> Iterator[Chunk]:
    """At most `size` pictures a chunk, and no more than CHUNK_BYTES before the last of them. Where
    chunks end depends on the items alone.
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
        held += len(image) if isinstance(image, bytes) else 0
        if len(names) >= size or held >= CHUNK_BYTES:
            yield Chunk(names, images, all_regular)
            names, images, all_regular, held = [], [], True, 0
    if names:
        yield Chunk(names, images, all_regular)


def _sliced(stack: Stack, size: int) -> Iterator[Chunk]:
    for first in range(0, len(stack.images), size):
        images = stack.images[first : first + size]
        start = stack.first + first
        yield Chunk([f"{stack.name}/{start + at}" for at in range(len(images))], images)
