"""Files at addresses: their whole content, a range of bytes, or an open file.

When fsspec reads a web address, it does not limit how much a server sends. So only its session is
used for web addresses.
"""

import io
import time
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from tinydigits.errors import ImageError
from tinydigits.remote.client import ATTEMPT, ENOUGH, WEB, ask, begun, client_of, persistent
from tinydigits.remote.failures import Unreachable, explained
from tinydigits.remote.location import Location

AHEAD = 4 << 20  # 4 MiB: the bytes of an open file that are fetched at a time; two such are held
WHOLE = 64 << 20  # 64 MiB: the most of a file whose server gives no ranges
RATE = 1 << 20  # bytes/s: a server that is slower with something large is given up
NO_RANGE = 416  # HTTP's status for a range outside of a file; in an empty one, all are
REDIRECTS = 5
_KEPT = "%/:=&?~#+!$,;'@()*[]"  # letters that addresses have beside the plain ones


class Got(NamedTuple):
    """The answer of a web server."""

    data: bytes  # no more than was asked for
    size: int | None  # bytes of the whole file; None where the server does not say
    is_range: bool  # whether `data` is the requested range, not the beginning of the file


def fetched(location: Location, max_bytes: int) -> bytes:
    """Return the content of an address.

    Raises ImageError where it is not received or has more than `max_bytes`; MissingExtra.
    """
    try:
        data = whole(location, max_bytes)
    except Unreachable as error:
        raise ImageError(str(error)) from None
    if len(data) > max_bytes:
        raise ImageError(too_many(max_bytes))
    return data


def too_many(max_bytes: int) -> str:
    """Return the reason why a larger file is not read."""
    return f"more than the limit of {max_bytes:,} bytes"


def whole(location: Location, max_bytes: int) -> bytes:
    """Return the content of an address, or its first `max_bytes + 1` bytes where it has more, so
    that the caller can tell. Raises Unreachable, MissingExtra.
    """
    if location.scheme in WEB:
        return web(location, 0, max_bytes + 1, ranged=False).data
    return read_range(location, 0, max_bytes + 1)


def read_range(location: Location, start: int, end: int) -> bytes:
    """Return bytes `start`..`end`, or fewer at the end. Raises Unreachable, MissingExtra."""
    if location.scheme in WEB:
        got = web(location, start, end, ranged=True)
        if start and not got.is_range:
            raise Unreachable("its server gives no parts of it")
        return got.data
    client = client_of(location)
    path = path_in(client, location)
    try:
        return bytes(
            persistent(
                location.scheme,
                lambda seconds: ask(client, seconds, "cat_file", path, start=start, end=end),
                *_patience(end - start),
            )
        )
    except Unreachable as error:
        if error.status == NO_RANGE and start == 0:
            return b""
        raise


def path_in(client: Any, location: Location) -> str:
    """Return the name that a store's client has for an address. Raises Unreachable."""
    # Clients know schemes in small letters only.
    rest = location.secret_url[len(location.scheme) :]
    try:
        return str(client._strip_protocol(location.scheme + rest))
    except Exception as error:  # packages of others take such names apart as they like
        raise explained(error) from error


def web(location: Location, start: int, end: int, ranged: bool, until: float | None = None) -> Got:
    """Return the bytes `start`..`end` of a web address. With `ranged`, ask the server for these
    only. Raises Unreachable, MissingExtra.
    """
    client = client_of(location)
    enough, attempt = _patience(end - start)
    got: Got = persistent(
        location.scheme,
        lambda seconds: ask(client, seconds, _get, client, location, start, end, ranged),
        until or enough,
        attempt,
    )
    return got


async def _get(fs: Any, location: Location, start: int, end: int, ranged: bool) -> Got:
    """Ask for bytes, as `web` does. Raises what aiohttp does, for 4xx and 5xx too; Unreachable."""
    session = await fs.set_session()
    headers = {"Accept-Encoding": "identity"}
    if ranged:
        headers["Range"] = f"bytes={start}-{end - 1}"
    async with session.get(
        fs.encode_url(quote(location.secret_url, safe=_KEPT)),
        headers=headers,
        max_redirects=REDIRECTS,
    ) as response:
        if location.scheme == "https" and response.url.scheme != "https":
            why = "the server leads on to an address without TLS"
            raise Unreachable(why)
        response.raise_for_status()
        data = bytearray()
        wanted = end - start
        async for received in response.content.iter_any():
            data += received
            if len(data) >= wanted:
                break
        return Got(bytes(memoryview(data)[:wanted]), _whole_size(response), response.status == 206)


def _whole_size(response: Any) -> int | None:
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if response.status == 206:
        return int(total) if total.isdecimal() else None
    return None if "Content-Encoding" in response.headers else response.content_length


def _patience(size: int) -> tuple[float, float]:
    """Return the time after which `size` bytes are not tried again, and the seconds of one try."""
    return time.monotonic() + ENOUGH + size / RATE, ATTEMPT + size / RATE


def open_remote(location: Location) -> io.BufferedReader:
    """Open a file at an address for reading. Raises ImageError, MissingExtra."""
    try:
        size = _size(location)
    except Unreachable as error:
        raise ImageError(str(error)) from None
    if size is not None:
        return io.BufferedReader(_Ranges(location, size), AHEAD)
    try:
        return io.BufferedReader(io.BytesIO(fetched(location, WHOLE)))
    except ImageError as error:
        raise ImageError(f"{error}, and its server gives no parts of it: download it") from None


def _size(location: Location) -> int | None:
    """Return a file's size in bytes; None where its server gives no ranges."""
    if location.scheme not in WEB:
        client = client_of(location)
        path = path_in(client, location)
        about = persistent(location.scheme, lambda seconds: ask(client, seconds, "info", path))
        if about["type"] == "directory" or about["size"] is None:
            raise Unreachable("not a file")
        return int(about["size"])
    try:
        first = web(location, 0, 1, ranged=True)
    except Unreachable as error:
        if error.status == NO_RANGE:  # it is empty
            return 0
        raise
    return first.size if first.is_range else None


class _Ranges(io.RawIOBase):
    """A file that is read range by range: while one is used, the next is fetched. After a range
    has failed, every read fails.
    """

    def __init__(self, location: Location, size: int) -> None:
        self._location, self._size, self._position = location, size, 0
        self._ahead: tuple[int, Future[bytes]] | None = None
        self._end = -1  # of the last range
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
        """Read into a buffer. Raises ImageError."""
        start = self._position
        end = min(start + len(buffer), self._size)
        if start >= end:
            return 0
        data = self._range(start, end)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _range(self, start: int, end: int) -> bytes:
        if self._lost is not None:
            raise self._lost
        ahead, self._ahead = self._ahead, None
        try:
            if ahead is not None and ahead[0] == start:
                data = ahead[1].result()[: end - start]
            else:
                data = self._exactly(start, end)
        except (Unreachable, ImageError) as error:
            self._lost = ImageError(str(error))
            raise self._lost from None
        follows, self._end = self._end == start, start + len(data)
        if follows and self._end < self._size:
            ahead_end = min(self._end + AHEAD, self._size)
            self._ahead = self._end, begun(partial(self._exactly, self._end, ahead_end))
        return data

    def _exactly(self, start: int, end: int) -> bytes:
        data = read_range(self._location, start, end)
        if len(data) < end - start:
            raise ImageError("truncated, or replaced while it was read")
        return data
