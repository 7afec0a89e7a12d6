"""Read the numbers in one chunk of pictures: decode → segment → infer → choose. This is the work of
one worker.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.decoders import MORE, REDUCED, Reduction
from tinydigits.errors import ImageError
from tinydigits.images import decode
from tinydigits.items import Chunk
from tinydigits.model import Backend
from tinydigits.reading import NOTHING, Keep, Settings, thumbnail
from tinydigits.remote.location import Location
from tinydigits.sheet import Sheet, read_sheet

Lines = Literal["many", "one"]

THUMBNAIL = 480  # px: the longer side of the pictures that a report draws boxes on


class NumberReading(NamedTuple):
    """The result for a chunk, before it is judged."""

    sheets: list[Sheet | str]
    """The signs of each picture, or why it cannot be read."""

    sizes: list[tuple[int, int] | None]
    """Width and height of each upright picture; None where it cannot be read."""

    thumbnails: list[bytes | None] | None = None
    """A WebP of each original, of at most THUMBNAIL px a side; None where it cannot be read."""

    in_part: int = 0
    """The number of files that hold more frames or pages than the one that was read."""


@dataclass(frozen=True, slots=True)
class NumberReader:
    """Reads numbers. Workers are sent one."""

    backend: Backend
    settings: Settings
    second: Backend | None = None
    """Another network for the same labels. The scores are then the mean of both: a row is read
    exactly only if each digit is right, and two networks are seldom wrong about the same one."""

    lines: Lines = "many"
    """Whether a picture may hold several lines."""

    def read(self, chunk: Chunk, keep: Keep = NOTHING) -> NumberReading:
        """Read all pictures of a chunk. Raises ModelError alone: the reason why a picture cannot be
        read takes its place in `sheets`.
        """
        sheets: list[Sheet | str] = []
        sizes: list[tuple[int, int] | None] = []
        thumbnails: list[bytes | None] = []
        in_part = 0
        for source in chunk.images:
            size = shown = None
            try:
                if isinstance(source, ImageError):
                    raise source
                assert not isinstance(source, Location)  # `sources.at_hand` has fetched it
                picture = decode(source, self.settings.limits)
                in_part += picture.info.get(MORE) is True
                shown = thumbnail(picture, THUMBNAIL) if keep.thumbnails else None
                sheet = read_sheet(
                    picture, self.settings.invert, self.lines == "many", self._scores
                )
                size, reduction = picture.size, picture.info.get(REDUCED)
                if isinstance(reduction, Reduction):  # a PNG may hold a text of that name
                    sheet, size = sheet.in_whole(reduction), reduction[1:]
                sheets.append(sheet)
            except ImageError as error:
                sheets.append(str(error))
            except MemoryError:  # several copies of a decoded picture are made
                sheets.append("too large for this machine's memory")
            sizes.append(size)
            thumbnails.append(shown)
        return NumberReading(sheets, sizes, thumbnails if keep.thumbnails else None, in_part)

    def _scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        scores = self.backend.scores(images)
        if self.second is not None:
            scores += self.second.scores(images)
            scores /= 2
        return scores

    def give_up(self, chunk: Chunk, why: str, keep: Keep) -> NumberReading:
        """Return the reading of a chunk whose pictures cannot be read."""
        nothing: list[None] = [None] * len(chunk.names)
        return NumberReading(
            [why for _ in nothing], [*nothing], [*nothing] if keep.thumbnails else None
        )
