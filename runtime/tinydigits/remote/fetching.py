"""Fetching: pictures at addresses are fetched while those before them are read.

The pictures that wait for their turn have limited room, so memory is bounded. Only the beginning of
a large picture is fetched ahead, enough to see that it is large.
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
from tinydigits.remote.failures import Unreachable, explained
from tinydigits.remote.file import too_many, whole
from tinydigits.remote.location import Location

AT_ONCE = 32  # pictures that are fetched at the same time
AHEAD = 1024  # pictures: no more wait behind the next one to be read
HELD = 64 * 1024 * 1024  # bytes: while more wait, no further picture is fetched
LARGE = 8 * 1024 * 1024  # bytes: a larger picture is fetched when its turn comes
DEAD = 100  # pictures in a row without an answer, after which the server is given up


def fetched_chunks(chunks: Iterable[Chunk], max_bytes: int) -> Iterator[Chunk]:
    """Yield the chunks with encoded bytes in place of each Location, or with an ImageError where it
    cannot be fetched or has more than `max_bytes`. A chunk that gets too large is cut.

    Raises SourceError where a server no longer answers; MissingExtra.
    """
    taken: deque[Chunk] = deque()

    def images() -> Iterator[Any]:
        for chunk in chunks:
            taken.append(chunk)
            # An array is yielded as one, a list picture by picture.
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
    """Yield the images in order, with its picture in place of each Location."""
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
    """Fetch one picture, in a thread. `number` is its place among all."""
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
    except TinydigitsError:
        raise
    except Exception as error:  # a store's package may raise anything for an odd name
        return location, explained(error)
    finally:
        room.end(len(data), expected)


def _given(
    fetched: tuple[Location, bytes | ImageError | Unreachable], failures: Counter[str]
) -> bytes | ImageError:
    """Return the picture. Raises SourceError where its server no longer answers."""
    location, come = fetched
    server = location.server
    if not isinstance(come, Unreachable):
        failures[server] = 0
        return come
    is_silent = come.passes and come.status is None
    failures[server] = failures[server] + 1 if is_silent else 0
    if failures[server] >= DEAD:
        raise SourceError(
            f"{server}: no longer answers: {DEAD} pictures in a row did not come, the last because "
            f"{come}; try again later"
        )
    return ImageError(str(come))


class _Room:
    """Counts bytes held or on their way, and knows whose turn it is. Threads share it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = self._turn = 0
        self._expected = LARGE // 2  # bytes of a picture, by those before it
        self._is_open = True

    @property
    def is_full(self) -> bool:
        return self._held > HELD

    def begin(self, number: int) -> int:
        """Wait for room, or for this picture's turn. Return how many bytes are expected."""
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
        """Count `size` bytes, of which `expected` are counted already."""
        with self._changed:
            self._held += size - expected
            self._expected += (size - self._expected) // 8
            self._changed.notify_all()

    def hold(self, size: int) -> None:
        """Count bytes that needed no fetching."""
        with self._changed:
            self._held += size

    def leave(self, size: int) -> None:
        """Subtract the bytes of a picture that leaves, and give the next one its turn."""
        with self._changed:
            self._held -= size
            self._turn += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let no thread wait any more."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
