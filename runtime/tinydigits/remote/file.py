"""Remote files: archives and arrays at addresses, read in parts, of which the next one is on its
way while one is used.
"""

import io
import threading
from concurrent.futures import Future

from tinydigits.errors import ImageError
from tinydigits.remote.client import WEB, Unreachable
from tinydigits.remote.listing import fetched
from tinydigits.remote.location import scheme_of
from tinydigits.remote.parts import NO_RANGE, part, size_of, web

PART = 4 << 20  # 4 MiB: the bytes of a part, of which two are in memory
WHOLE = 64 << 20  # 64 MiB: the most of a file that its server gives in no parts


def opened(url: str) -> io.BufferedReader:
    """A file at an address, open for reading. Raises ImageError, MissingExtra."""
    try:
        size = _size(url)
    except Unreachable as error:
        raise ImageError(str(error)) from None
    if size is not None:
        return io.BufferedReader(_Parts(url, size), PART)
    try:
        return io.BufferedReader(io.BytesIO(fetched(url, WHOLE)))
    except ImageError as error:
        raise ImageError(f"{error}, and its server gives no parts of it: download it") from None


def _size(url: str) -> int | None:
    """In bytes; None of what comes only as a whole."""
    if scheme_of(url) not in WEB:
        return size_of(url)
    try:
        first = web(url, 0, 1, ranged=True)
    except Unreachable as error:
        if error.failure.status == NO_RANGE:  # it is empty
            return 0
        raise
    return first.size if first.is_part else None


class _Parts(io.RawIOBase):
    """The bytes of a file. Once a part did not come, none will."""

    def __init__(self, url: str, size: int) -> None:
        self._url, self._size, self._position = url, size, 0
        self._ahead: tuple[int, Future[bytes]] | None = None
        self._end = -1  # of the last part
        self._lost: ImageError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("a place before the beginning")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Raises ImageError."""
        start = self._position
        end = min(start + len(buffer), self._size)
        if start >= end:
            return 0
        data = self._part(start, end)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _part(self, start: int, end: int) -> bytes:
        if self._lost is not None:
            raise self._lost
        ahead, self._ahead = self._ahead, None
        try:
            if ahead is not None and ahead[0] == start:
                data = ahead[1].result()[: end - start]
            else:
                data = _exactly(self._url, start, end)
        except (Unreachable, ImageError) as error:
            self._lost = ImageError(str(error))
            raise self._lost from None
        one_after_the_other, self._end = self._end == start, start + len(data)
        if one_after_the_other and self._end < self._size:
            self._ahead = self._end, _begun(self._url, self._end, min(self._end + PART, self._size))
        return data


def _exactly(url: str, start: int, end: int) -> bytes:
    data = part(url, start, end)
    if len(data) < end - start:
        raise ImageError("truncated, or replaced while it was read")
    return data


def _begun(url: str, start: int, end: int) -> Future[bytes]:
    """In a thread that keeps nothing from ending."""
    come: Future[bytes] = Future()

    def fetch() -> None:
        try:
            come.set_result(_exactly(url, start, end))
        except BaseException as error:
            come.set_exception(error)

    threading.Thread(target=fetch, daemon=True).start()
    return come
