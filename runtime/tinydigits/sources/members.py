"""Members of archives and arrays: which of them are read, and which error rows the others give.

Hostile bytes do no harm but error rows: one for a member that cannot be read, and one for its file
where that cannot be read any further.
"""

import io
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tinydigits.errors import ImageError, MissingExtra, TinydigitsError, reason
from tinydigits.items import Item, Skipped
from tinydigits.names import HIDDEN, is_hidden, kind_in_walk, not_walked
from tinydigits.regular import open_for_reading
from tinydigits.remote.location import Location, Place

Entry = TypeVar("Entry")

# A few kilobytes can be made to give gigabytes. Photos and drawings shrink 100 times at the most,
# but a blank BMP shrinks 1,000 times: a small file is read however well it is compressed.
BOMB_RATIO = 200  # bytes out for each byte in


def guarded(name: str, entries: Iterable[Entry]) -> Iterator[Entry | Item]:
    """Yield the entries; where they raise an error, yield one more that holds it."""
    try:
        yield from entries
        return
    except MissingExtra:
        raise
    # On damaged bytes zipfile, gzip, zlib, zstandard, struct and numpy may raise anything, and one
    # bad file must not end a run.
    except Exception as error:
        why = said(error)
    yield Item(name, ImageError(why))


def open_place(place: Place) -> io.BufferedReader:
    """Open a regular file, or one at an address. Raises ImageError; for addresses MissingExtra."""
    if isinstance(place, Location):
        from tinydigits.remote.file import open_remote

        return open_remote(place)
    return open_for_reading(place)


def said(error: Exception) -> str:
    """Return what an error row says of an error."""
    if isinstance(error, TinydigitsError):
        return str(error)
    if isinstance(error, EOFError):
        return "truncated: it ends early"
    return f"damaged: {reason(error)}"


def is_image(name: str, skipped: Skipped) -> bool:
    """Return whether a member would be a picture in a folder; count it as skipped if not."""
    parts = name.split("/")
    if any(is_hidden(part) and part not in (".", "..") for part in parts):
        skipped[HIDDEN] += 1
    elif kind_in_walk(parts[-1]) is None:
        skipped[not_walked(parts[-1])] += 1
    else:
        return True
    return False


def bad_name(name: str) -> str | None:
    """Return why a member's name is refused. Nothing is unpacked, so it could do no harm here, but
    no honest archive has such names.
    """
    if re.match(r"[/\\]|[A-Za-z]:[/\\]", name):
        return "a member with an absolute path"
    return "a member whose path climbs out" if ".." in re.split(r"[/\\]", name) else None
