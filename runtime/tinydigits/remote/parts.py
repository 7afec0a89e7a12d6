"""Remote parts: bytes of what is at an address."""

import time
from typing import Any

from tinydigits.remote.client import ATTEMPT, ENOUGH, WEB, Unreachable, ask, client_of, persistent
from tinydigits.remote.failures import Failure, explained
from tinydigits.remote.http import Got, get
from tinydigits.remote.location import scheme_of

RATE = 1 << 20  # bytes/s: a server that gives less of what is large is given up
NO_RANGE = 416  # HTTP's status where a range lies outside, as any does of what is empty


def whole(url: str, max_bytes: int) -> bytes:
    """As `remote.fetched`, but of what has more than `max_bytes` one byte more than that. Raises
    Unreachable, MissingExtra.
    """
    if scheme_of(url) in WEB:
        return web(url, 0, max_bytes + 1, ranged=False).data
    return part(url, 0, max_bytes + 1)


def part(url: str, start: int, end: int) -> bytes:
    """The bytes `start`..`end` of an object, or fewer at its end. Raises Unreachable,
    MissingExtra.
    """
    scheme = scheme_of(url)
    if scheme in WEB:
        got = web(url, start, end, ranged=True)
        if start and not got.is_part:
            raise Unreachable(Failure("its server gives no parts of it", passes=False))
        return got.data
    client = client_of(scheme, url)
    path = path_in(client, url)
    try:
        return bytes(
            persistent(
                scheme,
                lambda seconds: ask(client, seconds, "cat_file", path, start=start, end=end),
                *_patience(end - start),
            )
        )
    except Unreachable as error:
        if error.failure.status == NO_RANGE and start == 0:
            return b""
        raise


def size_of(url: str) -> int:
    """Of an object that is not on the web, in bytes. Raises Unreachable, MissingExtra."""
    scheme = scheme_of(url)
    client = client_of(scheme, url)
    path = path_in(client, url)
    about = persistent(scheme, lambda seconds: ask(client, seconds, "info", path))
    if about["type"] == "directory" or about["size"] is None:
        raise Unreachable(Failure("not a file", passes=False))
    return int(about["size"])


def path_in(client: Any, url: str) -> str:
    """What an address is called by its store's client, which knows schemes in small letters.
    Raises Unreachable.
    """
    scheme = scheme_of(url)
    try:
        return str(client._strip_protocol(scheme + url[len(scheme) :]))
    except Exception as error:  # packages of others take such names apart as they like
        raise Unreachable(explained(error)) from error


def web(url: str, start: int, end: int, ranged: bool, until: float | None = None) -> Got:
    """As `part`, of a web address; see `remote_http.get`."""
    scheme = scheme_of(url)
    client = client_of(scheme, url)
    enough, attempt = _patience(end - start)
    got: Got = persistent(
        scheme,
        lambda seconds: ask(client, seconds, get, client, url, start, end, ranged),
        until or enough,
        attempt,
    )
    return got


def _patience(size: int) -> tuple[float, float]:
    """Until when so many bytes are tried for, and how long at a time."""
    return time.monotonic() + ENOUGH + size / RATE, ATTEMPT + size / RATE
