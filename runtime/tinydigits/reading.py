"""Reading one chunk of pictures: decode → fit → infer. It is what one worker does.

A Chunk goes in and a Reading comes out, both small enough to be sent between processes.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.errors import ImageError
from tinydigits.fitting import SIDE, Fit, Invert, fit, model_inputs
from tinydigits.images import Limits, decoded, without_warnings
from tinydigits.items import Chunk
from tinydigits.model import Backend
from tinydigits.thumbnails import thumbnail


class Found(NamedTuple):
    """What the fit decided on one picture (see `fit.Fitted`)."""

    blank: bool = False
    inverted: bool | None = None
    box: tuple[int, int, int, int] | None = None


class Settings(NamedTuple):
    """How pictures are read."""

    fit: Fit
    invert: Invert
    limits: Limits


class Keep(NamedTuple):
    """What a Reading carries beside the scores, for sinks that show it."""

    fitted: bool = False
    thumbnails: bool = False


NOTHING = Keep()


class Reading(NamedTuple):
    """What was read in a chunk, before it is judged."""

    scores: NDArray[np.float32]
    """float32 [N, K]; 0 where a picture could not be read."""

    found: dict[int, Found | str]
    """By place in the chunk: what the fit decided, or why a picture could not be read. Not for
    the many that were handed through as they were."""

    fitted: NDArray[np.uint8] | None = None
    """uint8 [N, 28, 28]: what the model saw, black where a picture could not be read."""

    thumbnails: list[bytes | None] | None = None
    """A small WebP of each original; None where a picture could not be read."""


def read(chunk: Chunk, backend: Backend, settings: Settings, keep: Keep) -> Reading:
    """decode → fit → infer, for all pictures of a chunk. Raises ModelError alone: what is wrong
    with a picture is said in its place.
    """
    found: dict[int, Found | str] = {}
    thumbnails: list[bytes | None] | None = [] if keep.thumbnails else None
    with without_warnings():
        stack = _fitted(chunk, settings, found, thumbnails)
    readable = [place for place in range(len(stack)) if not isinstance(found.get(place), str)]
    if len(readable) == len(stack):
        scores = backend.scores(stack)
    else:
        scores = np.zeros((len(stack), backend.classes), np.float32)
        scores[readable] = backend.scores(stack[readable])
    return Reading(scores, found, stack if keep.fitted else None, thumbnails)


def read_nothing(chunk: Chunk, classes: int, why: str, keep: Keep) -> Reading:
    """The reading of a chunk of which nothing can be read."""
    count = len(chunk.names)
    return Reading(
        np.zeros((count, classes), np.float32),
        dict.fromkeys(range(count), why),
        np.zeros((count, SIDE, SIDE), np.uint8) if keep.fitted else None,
        [None] * count if keep.thumbnails else None,
    )


def _fitted(
    chunk: Chunk,
    settings: Settings,
    found: dict[int, Found | str],
    thumbnails: list[bytes | None] | None,
) -> NDArray[np.uint8]:
    """uint8 [N, 28, 28]; what was found, and small pictures, go where they are wanted."""
    if isinstance(chunk.images, np.ndarray):
        if thumbnails is not None:
            thumbnails.extend(thumbnail(Image.fromarray(image)) for image in chunk.images)
        stack = chunk.images.copy()
        _fit_together(list(range(len(stack))), stack, settings, found)
        return stack
    stack = np.zeros((len(chunk.names), SIDE, SIDE), np.uint8)
    ready: list[int] = []  # places of what is 28×28 and grey, which is looked at all together
    for place, source in enumerate(chunk.images):
        shown = None
        try:
            if isinstance(source, ImageError):
                raise source
            picture = decoded(source, settings.limits, chunk.regular)
            if thumbnails is not None:
                shown = thumbnail(_as_image(picture))
            if isinstance(picture, np.ndarray) and picture.shape == (SIDE, SIDE):
                stack[place] = picture
                ready.append(place)
            else:
                _fit_one(_as_image(picture), place, stack, settings, found)
        except ImageError as error:
            found[place] = str(error)
        except MemoryError:  # of what was decoded, several copies are made
            found[place] = "too large for this machine's memory"
        if thumbnails is not None:
            thumbnails.append(shown)
    if ready:
        _fit_together(ready, stack, settings, found)
    return stack


def _fit_together(
    places: list[int], stack: NDArray[np.uint8], settings: Settings, found: dict[int, Found | str]
) -> None:
    """Hands through what already is a model input, and fits the others one by one."""
    if settings.fit != "auto" or settings.invert == "yes":
        rest = places
    else:
        inputs, blank = model_inputs(stack if len(places) == len(stack) else stack[places])
        for at in np.flatnonzero(blank & inputs).tolist():
            found[places[at]] = Found(blank=True)
        rest = [places[at] for at in np.flatnonzero(~inputs).tolist()]
    for place in rest:
        try:
            _fit_one(Image.fromarray(stack[place]), place, stack, settings, found)
        except ImageError as error:
            found[place] = str(error)


def _fit_one(
    picture: Image.Image,
    place: int,
    stack: NDArray[np.uint8],
    settings: Settings,
    found: dict[int, Found | str],
) -> None:
    fitted = fit(picture, settings.fit, settings.invert)
    stack[place] = fitted.pixels
    if fitted.blank or fitted.inverted is not None or fitted.box is not None:
        found[place] = Found(fitted.blank, fitted.inverted, fitted.box)


def _as_image(picture: Image.Image | NDArray[Any]) -> Image.Image:
    return Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
