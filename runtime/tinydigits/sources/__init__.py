"""Sources: inputs, as they are named on the command line or in a list, become a stream of Items.

Folders are walked by `folders`; archives and arrays are streamed by `archives` and `arrays`, and
`documents` counts pages. `remote.listing` lists what is at an address, and `remote.fetching`
fetches it, chunk by chunk.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from tinydigits.bounds import Limits
from tinydigits.items import Chunk, Item, Skipped, Stack
from tinydigits.names import Kind, kind_by_ending, kind_of, kind_of_file, page_in, shown
from tinydigits.pages import Page
from tinydigits.remote.location import Location, Place, place_of
from tinydigits.sources.folders import walked


class Opening(NamedTuple):
    """How inputs are opened."""

    limits: Limits
    skipped: Skipped
    stdin: Callable[[], BinaryIO] | None = None  # opens the list `-`; None: `-` names a file


def open_inputs(inputs: Iterable[Place], opening: Opening) -> Generator[Item | Stack]:
    """Yield the pictures of every input, in order. `names.kind_of` says how each is read. A picture
    at an address comes as its Location.

    Raises SourceError where there are none at an address that is among `inputs`; MissingExtra.
    """
    for name in inputs:
        places = named_files(name, opening)
        if kind_of(name) is Kind.REMOTE:
            from tinydigits.sources.documents import opened_ahead

            yield from opened_ahead(places, lambda place: open_file(place, opening))
        else:
            yield from opened(places, opening)


def named_files(name: Place, opening: Opening) -> Iterator[Place | Item]:
    """Yield the files that an input stands for, none of which is opened: pictures in a folder come
    as Items; documents, and what is in a list, in a bucket, or named itself, as they are called.
    """
    kind = kind_of(name, stdin=opening.stdin is not None)
    if kind is Kind.STDIN:
        from tinydigits.sources.lists import listed

        assert opening.stdin is not None
        return map(place_of, listed(opening.stdin()))
    if kind is Kind.FOLDER:
        return walked(str(name), opening.skipped)
    place = place_of(name)
    if isinstance(place, Location):
        from tinydigits.remote.listing import listed_remote

        return listed_remote(place, opening.skipped)
    return iter((place,))


def opened(places: Iterable[Place | Item], opening: Opening) -> Generator[Item | Stack]:
    """Yield the pictures in what `named_files` yields."""
    for place in places:
        if isinstance(place, Item):
            yield place
        else:
            yield from open_file(place, opening)


def open_file(place: Place, opening: Opening) -> Iterator[Item | Stack]:
    """Yield the pictures in one file, which is an archive, an array, a document, or a picture. One
    whose ending says nothing may be a document, or the page of one.
    """
    kind = kind_of_file(place)
    if kind is Kind.ARCHIVE:
        from tinydigits.sources.archives import members

        return members(place, opening.limits, opening.skipped)
    if kind is Kind.ARRAYS:
        from tinydigits.sources.arrays import stacks

        return stacks(place, opening.skipped)
    unknown = isinstance(place, str) and kind_by_ending(place) is None
    if unknown and (page := page_in(str(place))):
        return iter((Item(str(place), Page(*page)),))
    if unknown or kind is Kind.DOCUMENT:
        from tinydigits.sources.documents import pages

        return pages(place, opening.limits.max_bytes)
    return iter((Item(shown(place), place),))


def at_hand(chunks: Iterable[Chunk], max_bytes: int) -> Iterator[Chunk]:
    """Yield the chunks; from the first with a Location in it on, `fetched_chunks` fetches them."""
    chunks = iter(chunks)
    for chunk in chunks:
        if Location in map(type, chunk.images):
            from tinydigits.remote.fetching import fetched_chunks

            yield from fetched_chunks(chain([chunk], chunks), max_bytes)
            return
        yield chunk
