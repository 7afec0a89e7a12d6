"""Documents: TIFF and PDF files, each page of which is a picture and has a row `NAME#3`.

A document of one page is a picture like any other. This module counts pages; whoever reads a page
decodes it.
"""

import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO

from tinydigits.bounds import Limits
from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.items import Item
from tinydigits.names import Kind, kind_of_file, shown
from tinydigits.pages import MOST_PAGES, Page, directories
from tinydigits.remote.location import Location, Place
from tinydigits.sources.members import open_place

AHEAD = 4  # documents at addresses that are fetched while others are read; each may have 64 MiB


def opened_ahead(places: Iterable[Any], open_file: Callable[[Any], Iterator[Any]]) -> Iterator[Any]:
    """Yield what `open_file` gives for each place at an address, in order. Documents, which have to
    be fetched before their pages are known, are fetched while those before them are read.
    """
    from tinydigits.remote.client import begun

    waiting = deque[Callable[[], Iterable[Any]]]()
    for place in places:
        opened = open_file(place)  # it is read when it is iterated
        if kind_of_file(place) is Kind.DOCUMENT:
            waiting.append(begun(partial(list, opened)).result)
        else:
            waiting.append(opened.__iter__)
        if len(waiting) > AHEAD:
            yield from waiting.popleft()()
    while waiting:
        yield from waiting.popleft()()


def pages(place: Place, max_bytes: int = Limits().max_bytes) -> Iterator[Item]:
    """Yield each page of a file; or the file itself where it is no document, cannot be read, or has
    more than `max_bytes`: whoever reads it reports what is wrong.
    """
    name = shown(place)
    try:
        with open_place(place) as file:
            if isinstance(place, Location):
                data = file.read(max_bytes + 1)
                found = [*pages_in(name, data)] if len(data) <= max_bytes else []
            else:
                is_small = os.fstat(file.fileno()).st_size <= max_bytes
                found = [*_pages(name, place, file)] if is_small else []
    except (TinydigitsError, OSError):
        found = []
    yield from found or [Item(name, place)]


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
