"""Sources: inputs, as they are named on the command line or in a list, become a stream of Items.

Folders are walked by `folders`; archives and arrays are streamed by `archives` and `arrays`, and
`documents` counts pages. `remote.listing` lists what is at an address, and `remote.fetching`
fetches it, chunk by chunk.
"""

import os
import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from tinydigits.bounds import Limits
from tinydigits.contents import format_of, other_kind
from tinydigits.errors import SourceError
from tinydigits.items import Chunk, Item, Skipped, Stack
from tinydigits.names import Kind, kind_by_ending, kind_of, kind_of_file, page_in, shown
from tinydigits.pages import Page
from tinydigits.remote.location import Location, Place, place_of
from tinydigits.sources.folders import walked

BLOCK = 1 << 16  # bytes of a list that are read at once
# With what a list begins that a program on Windows has written, and its encoding if not UTF-8.
_MARKS = {b"\xef\xbb\xbf": None, b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# A list of UTF-16 without a mark. A list with NUL between its names looks like this only if its
# first names are single letters, and one of them is `.` or `/`.
_UNMARKED = re.compile(rb"(?P<le>(?:[^\0]\0)+?[./\\\n]\0)|(?P<be>(?:\0[^\0])+?\0[./\\\n])")
NAME_BYTES = 1 << 20  # 1 MiB: the longest name in a list; a signed address has a few thousand


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


def listed(lines: BinaryIO) -> Iterator[str]:
    """Yield the names in a list as they arrive: one a line, or each ended by NUL if the first block
    that arrives holds one. Empty lines are no names. Names are bytes of the file system, and are
    kept where they are not UTF-8; a list that begins with a byte-order mark, or with pairs of bytes
    as in UTF-16, is decoded.

    Raises SourceError where NAME_BYTES hold no whole name, and where the list is itself a picture
    or an archive.
    """
    rest, end, empty = b"", b"", 0
    for block in _blocks(lines):
        end = end or (b"\0" if b"\0" in block else b"\n")
        *names, rest = (rest + block).split(end)
        empty += len(block)
        for name in names:
            if name := name if end == b"\0" else name.rstrip(b"\r"):
                empty = 0
                yield os.fsdecode(name)
        if max(empty, len(rest)) > NAME_BYTES:
            raise SourceError(
                f"-: the list holds no name in {NAME_BYTES:,} bytes; end each name with a line end "
                "or a NUL byte"
            )
    if rest := rest if end == b"\0" else rest.rstrip(b"\r"):
        yield os.fsdecode(rest)


def _blocks(lines: BinaryIO) -> Iterator[bytes]:
    """Yield what arrives, in the encoding of the file system and without a byte-order mark."""
    read: Callable[[int], bytes] = lines.read1  # type: ignore[attr-defined]
    block = read(BLOCK)
    while block and any(mark.startswith(block) for mark in _MARKS) and block not in _MARKS:
        if not (more := read(1)):
            break
        block += more
    what = format_of(block)
    if what in (None, "BMP", "PPM"):  # names may begin like the latter two
        what = re.split(", which|:", other_kind(block) or "")[0]
    else:
        what = f"a {what}"
    if what:
        raise SourceError(
            f"-: a list of files was expected, and this is {what} itself: name it, as in "
            "`tinydigits classify FILE`"
        )
    mark = next(filter(block.startswith, _MARKS), b"")
    encoding, block = _MARKS.get(mark), block.removeprefix(mark)
    if not mark and (pairs := _UNMARKED.match(block)):
        encoding = f"utf-16-{pairs.lastgroup}"
    decoder = encoding and getincrementaldecoder(encoding)("replace")
    while True:
        yield os.fsencode(decoder.decode(block)) if decoder else block
        if not (block := read(BLOCK)):
            return


def at_hand(chunks: Iterable[Chunk], max_bytes: int) -> Iterator[Chunk]:
    """Yield the chunks; from the first with a Location in it on, `fetched_chunks` fetches them."""
    chunks = iter(chunks)
    for chunk in chunks:
        if Location in map(type, chunk.images):
            from tinydigits.remote.fetching import fetched_chunks

            yield from fetched_chunks(chain([chunk], chunks), max_bytes)
            return
        yield chunk
