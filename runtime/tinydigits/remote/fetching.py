"""Fetching: pictures at addresses come while those before them are read.

What waits for its turn is bounded, and so memory is: of a large picture only the beginning is
fetched ahead, to see that it is one.
"""

import threading
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from typing import Any

import numpy as np

from tinydigits.errors import ImageError, SourceError, TinydigitsError
from tinydigits.images import ImageLike
from tinydigits.items import CHUNK_BYTES, Chunk
from tinydigits.remote.client import Unreachable
from tinydigits.remote.failures import explained
from tinydigits.remote.file import too_many, whole
from tinydigits.remote.location import Location

AT_ONCE = 32  # pictures that are on their way
AHEAD = 1024  # pictures: how far beyond the one that is awaited
HELD = 64 * 1024 * 1024  # bytes that have come and wait: beyond, no more are asked for
LARGE = 8 * 1024 * 1024  # bytes: a picture with more is fetched when it is awaited
DEAD = 100  # pictures in a row of which a server said nothing: then it will give none


def fetched_chunks(chunks: Iterable[Chunk], max_bytes: int) -> Iterator[Chunk]:
    """The chunks, where what is at a Location has come as encoded bytes, or is an ImageError where
    it does not come or has more than `max_bytes`. One that would be too large then is cut.

    Raises SourceError where a server no longer answers; MissingExtra.
    """
    taken: deque[Chunk] = deque()

    def images() -> Iterator[Any]:
        for chunk in chunks:
            taken.append(chunk)
            # An array is handed on as one, a list picture by picture.
            yield from [chunk.images] if isinstance(chunk.images, np.ndarray) else chunk.images

    with closing(_in_order(images(), max_bytes)) as ordered:
        for first in ordered:
            chunk = taken.popleft()
            if isinstance(chunk.images, np.ndarray):
                yield chunk
                continue
            begin, held, come = 0, 0, list[ImageLike | Location | ImageError]()
            for image in chain([first], islice(ordered, len(chunk.names) - 1)):
                come.append(image)
                held += _bytes_in(image)
                if held >= CHUNK_BYTES:
                    yield Chunk(chunk.names[begin : begin + len(come)], come)
                    begin, held, come = begin + len(come), 0, []
            if come:
                yield Chunk(chunk.names[begin:], come, chunk.regular)


def _in_order(images: Iterator[Any], max_bytes: int) -> Generator[Any]:
    """The same, with what is at each Location in its place."""
    room, failures = _Room(), Counter[str]()
    waiting: deque[Any] = deque()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch")

    def awaited() -> Any:
        image = waiting.popleft()
        if isinstance(image, Future):
            image = _given(image.result(), failures)
        room.leave(_bytes_in(image))
        return image

    try:
        for number, image in enumerate(images):
            if isinstance(image, Location):
                waiting.append(pool.submit(_fetched, image, number, max_bytes, room))
            else:
                room.hold(_bytes_in(image))
                waiting.append(image)
            while waiting and (len(waiting) > AHEAD or room.is_full or _has_come(waiting[0])):
                yield awaited()
        while waiting:
            yield awaited()
    finally:
        room.close()
        pool.shutdown(wait=False, cancel_futures=True)


def _bytes_in(image: Any) -> int:
    return len(image) if isinstance(image, bytes) else 0


def _has_come(image: Any) -> bool:
    return not isinstance(image, Future) or image.done()


def _fetched(
    location: Location, number: int, max_bytes: int, room: "_Room"
) -> tuple[Location, bytes | ImageError | Unreachable]:
    """In a thread. `number` is the picture's place among all."""
    expected, data = room.begin(number), b""
    try:
        data = whole(location, min(LARGE, max_bytes))
        if max_bytes > LARGE and len(data) > LARGE:
            data = b""
            room.await_turn(number)
            data = whole(location, max_bytes)
        if len(data) > max_bytes:
            data = b""
            return location, ImageError(too_many(max_bytes))
        return location, data
    except Unreachable as error:
        return location, error
    except TinydigitsError:
        raise
    except Exception as error:  # of one picture, whatever a store's package makes of its name
        return location, Unreachable(explained(error))
    finally:
        room.end(len(data), expected)


def _given(
    fetched: tuple[Location, bytes | ImageError | Unreachable], failures: Counter[str]
) -> bytes | ImageError:
    """What came of an address. Raises SourceError where nothing comes from its server any more."""
    location, come = fetched
    server = location.server
    if not isinstance(come, Unreachable):
        failures[server] = 0
        return come
    is_silent = come.failure.passes and come.failure.status is None
    failures[server] = failures[server] + 1 if is_silent else 0
    if failures[server] >= DEAD:
        raise SourceError(
            f"{server}: no longer answers: {DEAD} pictures in a row did not come, the last because "
            f"{come}; try again later"
        )
    return ImageError(str(come))


class _Room:
    """How much has come or is on its way, and whose turn it is. For several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = self._turn = 0
        self._expected = LARGE // 2  # bytes of a picture, as those before it were
        self._is_open = True

    @property
    def is_full(self) -> bool:
        return self._held > HELD

    def begin(self, number: int) -> int:
        """Waits until there is room, or it is this picture's turn. How much is expected of it."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self.is_full or self._turn == number or not self._is_open
            )
            self._held += self._expected
            return self._expected

    def await_turn(self, number: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._turn == number or not self._is_open)

    def end(self, size: int, expected: int) -> None:
        """So much has come, where so much was expected."""
        with self._changed:
            self._held += size - expected
            self._expected += (size - self._expected) // 8
            self._changed.notify_all()

    def hold(self, size: int) -> None:
        """So much was there already."""
        with self._changed:
            self._held += size

    def leave(self, size: int) -> None:
        """The picture whose turn it was is gone."""
        with self._changed:
            self._held -= size
            self._turn += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
