"""Web servers: what is at an http:// or https:// address, or a part of it.

fsspec's own reading of such addresses has no limit on what a server sends, so its session alone is
used here.
"""

from typing import Any, NamedTuple
from urllib.parse import quote

from tinydigits.remote.client import Unreachable
from tinydigits.remote.failures import Failure

REDIRECTS = 5
_KEPT = "%/:=&?~#+!$,;'@()*[]"  # letters that addresses have beside the plain ones


class Got(NamedTuple):
    """What a server gave."""

    data: bytes
    """No more than was asked for."""

    size: int | None
    """Bytes of the whole, where the server says."""

    is_part: bool
    """It gave the range that was asked for, rather than the whole."""


async def get(fs: Any, url: str, start: int, end: int, ranged: bool) -> Got:
    """The bytes `start`..`end` of what is at an address; `ranged` asks the server for no others.
    Raises what aiohttp does, for 4xx and 5xx too, and Unreachable.
    """
    session = await fs.set_session()
    headers = {"Accept-Encoding": "identity"}
    if ranged:
        headers["Range"] = f"bytes={start}-{end - 1}"
    async with session.get(
        fs.encode_url(quote(url, safe=_KEPT)), headers=headers, max_redirects=REDIRECTS
    ) as response:
        if url.lower().startswith("https:") and response.url.scheme != "https":
            why = "the server leads on to an address without TLS"
            raise Unreachable(Failure(why, passes=False))
        response.raise_for_status()
        data = bytearray()
        wanted = end - start
        async for piece in response.content.iter_any():
            data += piece
            if len(data) >= wanted:
                break
        return Got(bytes(memoryview(data)[:wanted]), _size(response), response.status == 206)


def _size(response: Any) -> int | None:
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if response.status == 206:
        return int(total) if total.isdecimal() else None
    return None if "Content-Encoding" in response.headers else response.content_length
