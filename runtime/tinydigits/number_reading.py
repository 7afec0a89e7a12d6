"""Read the numbers in one chunk of pictures: decode → segment → infer → choose. This is the work of
one worker.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.errors import ImageError
from tinydigits.fitting import fit
from tinydigits.images import decode
from tinydigits.items import Chunk
from tinydigits.model import Backend
from tinydigits.reading import NOTHING, Keep, Settings, thumbnail
from tinydigits.remote.location import Location

Lines = Literal["many", "one"]

THUMBNAIL = 480  # px: the longer side of the pictures that a report draws boxes on


class Sign(NamedTuple):
    """One sign that is taken for a digit."""

    scores: NDArray[np.float32]
    """float32 [K], one score for each label."""

    box: tuple[int, int, int, int]
    """Left, top, right, bottom in pixels of the upright picture, right and bottom exclusive."""

    doubted: bool = False
    """Whether it is of another size than the other signs of the picture."""


class Sheet(NamedTuple):
    """The signs of one picture."""

    lines: tuple[tuple[Sign, ...], ...]
    """In reading order."""

    left_out: int
    """How many signs are no digits."""

    blank: bool
    """Whether no ink was found."""


class NumberReading(NamedTuple):
    """The result for a chunk, before it is judged."""

    sheets: list[Sheet | str]
    """The signs of each picture, or why it cannot be read."""

    sizes: list[tuple[int, int] | None]
    """Width and height of each upright picture; None where it cannot be read."""

    thumbnails: list[bytes | None] | None = None
    """A WebP of each original, of at most THUMBNAIL px a side; None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class NumberReader:
    """Reads numbers. Workers are sent one."""

    backend: Backend
    settings: Settings
    lines: Lines = "many"
    """Whether a picture may hold several lines."""

    def read(self, chunk: Chunk, keep: Keep = NOTHING) -> NumberReading:
        """Read all pictures of a chunk. Raises ModelError alone: the reason why a picture cannot be
        read takes its place in `sheets`.
        """
        sheets: list[Sheet | str] = []
        sizes: list[tuple[int, int] | None] = []
        thumbnails: list[bytes | None] = []
        for source in chunk.images:
            size = shown = None
            try:
                if isinstance(source, ImageError):
                    raise source
                assert not isinstance(source, Location)  # `sources.at_hand` has fetched it
                picture = decode(source, self.settings.limits)
                shown = thumbnail(picture, THUMBNAIL) if keep.thumbnails else None
                sheets.append(self._sheet(picture))
                size = picture.size
            except ImageError as error:
                sheets.append(str(error))
            except MemoryError:  # several copies of a decoded picture are made
                sheets.append("too large for this machine's memory")
            sizes.append(size)
            thumbnails.append(shown)
        return NumberReading(sheets, sizes, thumbnails if keep.thumbnails else None)

    def give_up(self, chunk: Chunk, why: str, keep: Keep) -> NumberReading:
        """Return the reading of a chunk whose pictures cannot be read."""
        nothing: list[None] = [None] * len(chunk.names)
        return NumberReading(
            [why for _ in nothing], [*nothing], [*nothing] if keep.thumbnails else None
        )

    def _sheet(self, picture: Image.Image) -> Sheet:
        """Read one picture: columns without ink part the digits."""
        grey = np.asarray(picture.convert("L"))
        around = np.concatenate([grey[0], grey[-1]])
        inked = (abs(grey.astype(np.int16) - int(np.median(around))) > 80).any(axis=0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], inked, [0]])))
        cut = [(int(left), int(right)) for left, right in zip(edges[::2], edges[1::2], strict=True)]
        if not cut:
            return Sheet((), 0, blank=True)
        fits = [
            fit(picture.crop((max(0, left - 4), 0, right + 4, picture.height)), "mnist")
            for left, right in cut
        ]
        scores = self.backend.scores(np.stack([each.pixels for each in fits]))
        line = tuple(
            Sign(each, (left, 0, right, picture.height))
            for each, (left, right) in zip(scores, cut, strict=True)
            if each.max() >= 0.5
        )
        return Sheet((line,) if line else (), len(cut) - len(line), blank=False)
