"""Read one chunk of pictures: decode → fit → infer. This is the work of one worker.

A Chunk goes in and a Reading comes out; both are small enough to be sent between processes.
"""

import io
import os
from ctypes import addressof
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.bounds import Limits
from tinydigits.core import Doubt, Fitted, fitted_together
from tinydigits.decoders import MORE, REDUCED, Reduction
from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.fitting import CLOSER, SIDE, Fit, fit, model_inputs
from tinydigits.images import decoded
from tinydigits.items import Chunk, Followed
from tinydigits.model import Backend, BackendName
from tinydigits.plain import DIGIT_BYTES, digits_in
from tinydigits.remote.location import Location

THUMBNAIL = 72  # px: the longer side


class Found(NamedTuple):
    """The fit's decisions on one picture (see `core.Fitted`)."""

    doubt: Doubt | None = None
    inverted: bool | None = None
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)  # without slots: `vars` gives the arguments of a Classifier
class Settings:
    """The arguments of a Classifier. Raises TinydigitsError for a value out of its range."""

    model: str | os.PathLike[str] | None = None
    fit: Fit | None = None
    invert: bool | None = None
    min_score: float | None = None
    limits: Limits = field(default_factory=Limits)
    threads: int = 1
    backend: BackendName | None = None

    def __post_init__(self) -> None:
        for name, choices in (
            ("fit", get_args(Fit)),
            ("invert", (True, False)),
            ("backend", get_args(BackendName)),
        ):
            value = getattr(self, name)
            if value is not None and value not in choices:
                listed = ", ".join(map(str, (None, *choices)))
                raise TinydigitsError(f"{name}={value!r}: choose from {listed}")
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise TinydigitsError(f"min_score {self.min_score}: a number in [0, 1] was expected")
        if not self.limits.max_seconds > 0:
            raise TinydigitsError(
                f"max_seconds {self.limits.max_seconds}: more than 0 was expected"
            )
        if self.threads < 1:
            raise TinydigitsError(f"threads {self.threads}: at least 1 was expected")


class Keep(NamedTuple):
    """The parts of a Reading beside the scores, for sinks that show pictures."""

    fitted: bool = False
    thumbnails: bool = False


NOTHING = Keep()


class Reading(NamedTuple):
    """The result for a chunk, before it is judged."""

    scores: NDArray[np.float32]
    """float32 [N, K]; 0 where a picture could not be read."""

    found: dict[int, Found | str]
    """By place in the chunk: the fit's decisions, or why a picture cannot be read. Pictures that
    already were model inputs have no entry."""

    fitted: NDArray[np.uint8] | None = None
    """uint8 [N, 28, 28]: the model inputs, black where a picture cannot be read."""

    thumbnails: list[bytes | None] | None = None
    """A small WebP of each original; None where a picture cannot be read."""

    in_part: int = 0
    """The number of files that hold more frames or pages than the one that was read."""


Read = TypeVar("Read", covariant=True)


class ChunkReader(Protocol[Read]):
    """A reader, as the pipeline needs it. Workers are sent one."""

    @property
    def backend(self) -> Backend: ...

    @property
    def settings(self) -> Settings: ...

    def read(self, chunk: Chunk, keep: Keep = NOTHING) -> Read:
        """Read all pictures of a chunk."""

    def give_up(self, chunk: Chunk, why: str, keep: Keep) -> Read:
        """Return the reading of a chunk whose pictures cannot be read."""


@dataclass(frozen=True, slots=True)
class Reader:
    """decode → fit → infer. Workers are sent a Reader."""

    backend: Backend
    settings: Settings
    """`fit` is not None."""

    @property
    def fit(self) -> Fit:
        """How pictures become model inputs."""
        assert self.settings.fit is not None
        return self.settings.fit

    def read(self, chunk: Chunk, keep: Keep = NOTHING) -> Reading:
        """Read all pictures of a chunk. Raises ModelError alone: the reason why a picture cannot be
        read takes its place in `found`.
        """
        made = _ModelInputs(self.settings, len(chunk.names), keep.thumbnails)
        made.fill(chunk)
        inputs, found = made.inputs, made.found
        readable = [place for place in range(len(inputs)) if not isinstance(found.get(place), str)]
        if len(readable) == len(inputs):
            scores = self.backend.scores(inputs)
        else:
            scores = np.zeros((len(inputs), self.backend.classes), np.float32)
            scores[readable] = self.backend.scores(inputs[readable])
        fitted = inputs if keep.fitted else None
        return Reading(scores, found, fitted, made.thumbnails, made.in_part)

    def give_up(self, chunk: Chunk, why: str, keep: Keep) -> Reading:
        """Return the reading of a chunk whose pictures cannot be read."""
        count = len(chunk.names)
        return Reading(
            np.zeros((count, self.backend.classes), np.float32),
            dict.fromkeys(range(count), why),
            np.zeros((count, SIDE, SIDE), np.uint8) if keep.fitted else None,
            [None] * count if keep.thumbnails else None,
        )


class _ModelInputs:
    """The model inputs of a chunk and the decisions of the fit, as they are made."""

    def __init__(self, settings: Settings, count: int, thumbnails: bool) -> None:
        assert settings.fit is not None
        self._fit, self._invert, self._limits = settings.fit, settings.invert, settings.limits
        self.inputs = np.zeros((count, SIDE, SIDE), np.uint8)
        self.found: dict[int, Found | str] = {}
        self.thumbnails: list[bytes | None] | None = [] if thumbnails else None
        self.in_part = 0  # files that hold more frames or pages

    def fill(self, chunk: Chunk) -> None:
        """Decode and fit all pictures."""
        if isinstance(chunk.images, np.ndarray):
            if self.thumbnails is not None:
                self.thumbnails += map(thumbnail, chunk.images)
            self.inputs[:] = chunk.images
            self._fit_together(list(range(len(self.inputs))))
            return
        # Places of grey pictures of 28×28, which are examined together
        ready = self._digits(chunk.images, chunk.regular)
        done = frozenset(ready)
        for place, source in enumerate(chunk.images if len(done) < len(self.inputs) else ()):
            if place in done:
                continue
            shown = None
            try:
                if isinstance(source, ImageError):
                    raise source
                assert not isinstance(source, Location)  # `sources.at_hand` has fetched it
                reduced = self._fit in ("auto", "mnist") and isinstance(
                    source, (str, bytes, os.PathLike)
                )
                picture = decoded(source, self._limits, chunk.regular, reduced)
                if isinstance(picture, Image.Image) and picture.info.get(MORE) is True:
                    self.in_part += 1
                    if picture.mode == "L" and picture.size == (SIDE, SIDE):
                        picture = np.asarray(picture)
                if self.thumbnails is not None:
                    shown = thumbnail(picture)
                if isinstance(picture, np.ndarray) and picture.shape == (SIDE, SIDE):
                    self.inputs[place] = picture
                    ready.append(place)
                elif not self._fit_one(picture, place):
                    del picture  # so that its memory can be used again
                    picture = decoded(source, self._limits, chunk.regular)
                    self._fit_one(picture, place, last=True)
            except ImageError as error:
                self.found[place] = str(error)
            except MemoryError:  # several copies of a decoded picture are made
                self.found[place] = "too large for this machine's memory"
            if self.thumbnails is not None:
                self.thumbnails.append(shown)
        if ready:
            self._fit_together(sorted(ready))

    def _digits(self, images: list[Any], regular: bool) -> list[int]:
        """Decode the grey PNG files of 28×28 together. Return their places."""
        allowed = self._limits.max_pixels >= SIDE**2 and self._limits.max_bytes >= DIGIT_BYTES
        if self.thumbnails is not None or not allowed:
            return []
        at = (addressof(images.at), images.first) if isinstance(images, Followed) else ()
        return digits_in(images, regular, self.inputs, *at)

    def _fit_together(self, places: list[int]) -> None:
        """Leave model inputs as they are, and fit the others."""
        rest = places
        if self._fit == "auto" and self._invert is not True:
            whole = len(places) == len(self.inputs)
            ready, blank = model_inputs(self.inputs if whole else self.inputs[places])
            for at in np.flatnonzero(blank & ready).tolist():
                self.found[places[at]] = Found("blank")
            rest = [places[at] for at in np.flatnonzero(~ready).tolist()]
        if not rest:
            return
        pictures = self.inputs[rest]
        fitted = fitted_together(pictures, self._fit, self._invert)
        if fitted is None:
            fitted = [fit(picture, self._fit, self._invert) for picture in pictures]
        for place, each in zip(rest, fitted, strict=True):
            self._put(each, place)

    def _fit_one(
        self, picture: Image.Image | NDArray[np.uint8], place: int, last: bool = False
    ) -> bool:
        """Fit one picture. Return False where it was decoded at a reduced scale, its digit is too
        small for that, and this is not the `last` attempt.
        """
        fitted = fit(picture, self._fit, self._invert)
        reduction = picture.info.get(REDUCED) if isinstance(picture, Image.Image) else None
        if isinstance(reduction, Reduction):  # a PNG may hold a text of that name
            box = fitted.box
            if not last and (box is None or max(box[2] - box[0], box[3] - box[1]) < CLOSER):
                return False
            if box is not None:
                fitted = fitted._replace(box=reduction.in_whole(box))
        self._put(fitted, place)
        return True

    def _put(self, fitted: Fitted, place: int) -> None:
        self.inputs[place] = fitted.pixels
        decisions = Found(*fitted[1:])
        if decisions != Found():
            self.found[place] = decisions


def thumbnail(picture: Image.Image | NDArray[np.uint8], side: int = THUMBNAIL) -> bytes:
    """Return a WebP of at most `side` px a side, in grey or colour on white."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    small = picture.copy() if max(picture.size) <= side else _reduced(picture, side)
    if small.mode == "RGBA":
        white = Image.new("RGBA", small.size, (255, 255, 255, 255))
        small = Image.alpha_composite(white, small).convert("RGB")
    file = io.BytesIO()
    small.convert("RGB").save(file, "WEBP", quality=40, method=2)
    return file.getvalue()


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    """Scale the longer side to `side`; a strip keeps at least one pixel across."""
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BOX)
