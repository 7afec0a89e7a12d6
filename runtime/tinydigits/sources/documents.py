"""Documents: TIFF and PDF files, each page of which is a picture and has a row `NAME#3`.

A document of one page is a picture like any other. Pages are counted here, and decoded by who reads
them.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO

from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.items import Item
from tinydigits.names import shown
from tinydigits.pages import MOST_PAGES, Page, directories
from tinydigits.remote.location import Location, Place
from tinydigits.sources.members import open_place


def pages(place: Place, max_bytes: int = 0) -> Iterator[Item]:
    """Yield each page of a file, or the file itself where it is no document or cannot be read. From
    an address, `max_bytes` are read at the most.
    """
    name = shown(place)
    try:
        with open_place(place) as file:
            if not isinstance(place, Location):
                yield from _pages(name, place, file)
                return
            data = file.read(max_bytes + 1)
    except (TinydigitsError, OSError):
        yield Item(name, place)  # who reads it says what is wrong
        return
    if len(data) > max_bytes:
        yield Item(name, place)
    else:
        yield from pages_in(name, data)


def pages_in(name: str, data: bytes) -> Iterator[Item]:
    """Yield each page of a document in memory; any other file as it is."""
    return _pages(name, data, io.BytesIO(data))


def _pages(name: str, source: str | bytes, file: BinaryIO) -> Iterator[Item]:
    found = directories(file)
    if len(found) < 2:
        yield Item(name, source)
        return
    for number, at in enumerate(found[:MOST_PAGES], 1):
        yield Item(f"{name}#{number}", Page(source, number, at))
    if len(found) > MOST_PAGES:
        why = f"more than {MOST_PAGES:,} pages, and the others are not read: split it"
        yield Item(name, ImageError(why))
