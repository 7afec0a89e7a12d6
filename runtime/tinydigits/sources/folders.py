"""Sources: what was named on the command line or in a list, as a stream of Items.

Folders are walked in natural order (2.png before 10.png), one folder's listing in memory at a
time. Pictures in folders are not opened here: one that turns out to be unreadable becomes an error
row. Archives and arrays are streamed by the modules `archives` and `arrays`; what is at an address
is listed by `remote.listing` and fetched, chunk by chunk, by `remote.fetching`.
"""

import os
import re
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError
from tinydigits.images import SUFFIXES, ImageLike, Limits
from tinydigits.remote.location import is_remote, redacted

PART_PREFIX = ".tinydigits-"  # of files that tinydigits is writing, which are not there yet
CHUNK_BYTES = 8 * 1024 * 1024  # of encoded images in memory: a chunk with more is complete
ARCHIVES = re.compile(r"\.(zip|tar|tar\.gz|tgz|tar\.zst)$", re.IGNORECASE)
ARRAYS = re.compile(r"(ubyte|\.idx\d?)(\.gz)?$|\.np[yz]$", re.IGNORECASE)


class Address(str):
    """Where a picture is that has to be fetched before it can be read."""

    __slots__ = ()


class Item(NamedTuple):
    """One input, which gives exactly one row."""

    name: str | None
    """What the row calls it."""

    image: ImageLike | ImageError
    """Where the picture is, or why there is none."""

    regular: bool = False
    """It was a regular file when it was found, so that it need not be looked at before it is
    opened."""


class Stack(NamedTuple):
    """Many pictures that need no decoding, with a row for each."""

    name: str
    """Of the file; the rows are called NAME/0, NAME/1 and so on."""

    first: int
    """The number of the first of these."""

    images: NDArray[np.uint8]
    """uint8 [N, 28, 28]"""


class Chunk(NamedTuple):
    """What one worker reads at a time."""

    names: list[str | None]
    images: "list[ImageLike | ImageError] | NDArray[np.uint8]"
    """As many, or uint8 [N, 28, 28]."""

    regular: bool = False
    """All were regular files when they were found."""


@dataclass(slots=True)
class Skipped:
    """What walks through folders and archives passed over, for the summary."""

    hidden: int = 0
    """Files and folders whose name begins with a dot."""

    other: int = 0
    """Files without an image's ending, links to folders, FIFOs, sockets and devices."""


class Opening(NamedTuple):
    """How inputs are opened."""

    stdin: Callable[[], BinaryIO]
    """Gives the stream that `-` is read from."""

    limits: Limits
    skipped: Skipped


def open_inputs(inputs: Iterable[str], opening: Opening) -> Generator[Item | Stack]:
    """Every input, in order: a folder is walked, `-` reads a list of files from stdin, archives
    and arrays are known by their ending, and anything else is one picture, whatever its ending.
    Pictures at addresses come as an Address. Raises SourceError where there are none at one that is
    named here; MissingExtra.
    """
    for name in inputs:
        if name == "-":
            for listed_name in listed(opening.stdin()):
                yield from _opened(listed_name, opening)
        elif os.path.isdir(name):  # noqa: PTH112 - pathlib would rewrite the name that rows show
            yield from walked(name, opening.skipped)
        elif is_remote(name):
            from tinydigits.remote.listing import listed_remote

            for url in listed_remote(name, opening.skipped):
                yield from _opened(url, opening)
        else:
            yield from _opened(name, opening)


def _opened(name: str, opening: Opening) -> Iterator[Item | Stack]:
    shown = redacted(name)
    if ARCHIVES.search(shown):
        from tinydigits.sources.archives import members

        return members(name, opening.limits, opening.skipped)
    if ARRAYS.search(shown):
        from tinydigits.sources.arrays import stacks

        return stacks(name, opening.skipped)
    return iter((Item(shown, Address(name) if is_remote(name) else name),))


def listed(lines: BinaryIO) -> Iterator[str]:
    """The names in a list, as they come: one a line, or each ended by NUL if the first block that
    arrives holds one. Empty ones are no names. Names are the bytes of the file system, kept where
    they are not UTF-8.
    """
    rest, end = b"", b""
    while block := lines.read1(1 << 16):  # type: ignore[attr-defined]
        end = end or (b"\0" if b"\0" in block else b"\n")
        *names, rest = (rest + block).split(end)
        for name in names:
            if name := name if end == b"\0" else name.rstrip(b"\r"):
                yield os.fsdecode(name)
    if rest := rest if end == b"\0" else rest.rstrip(b"\r"):
        yield os.fsdecode(rest)


def chunked(items: Iterable[Item | Stack], size: int) -> Iterator[Chunk]:
    """At most `size` pictures a chunk, and no more than CHUNK_BYTES before the last of them. Where
    chunks end depends on the items alone.
    """
    names: list[str | None] = []
    images: list[ImageLike | ImageError] = []
    all_regular, held = True, 0
    for item in items:
        if isinstance(item, Stack):
            if names:
                yield Chunk(names, images, all_regular)
                names, images, all_regular, held = [], [], True, 0
            yield from _sliced(item, size)
            continue
        name, image, regular = item
        names.append(name)
        images.append(image)
        all_regular &= regular
        held += len(image) if isinstance(image, bytes) else 0
        if len(names) >= size or held >= CHUNK_BYTES:
            yield Chunk(names, images, all_regular)
            names, images, all_regular, held = [], [], True, 0
    if names:
        yield Chunk(names, images, all_regular)


def at_hand(chunks: Iterable[Chunk], max_bytes: int) -> Iterator[Chunk]:
    """The chunks, from the first with an Address in it on by way of `fetching.fetched_chunks`."""
    chunks = iter(chunks)
    for chunk in chunks:
        if Address in map(type, chunk.images):
            from tinydigits.remote.fetching import fetched_chunks

            yield from fetched_chunks(chain([chunk], chunks), max_bytes)
            return
        yield chunk


def _sliced(stack: Stack, size: int) -> Iterator[Chunk]:
    for first in range(0, len(stack.images), size):
        images = stack.images[first : first + size]
        start = stack.first + first
        yield Chunk([f"{stack.name}/{start + at}" for at in range(len(images))], images)


def walked(folder: str, skipped: Skipped) -> Iterator[Item]:
    """The images below a folder, in natural order, by their ending (`images.SUFFIXES`).

    Links to files are followed; links to folders are not, so no loop can arise. A folder that
    cannot be listed is one Item, which becomes an error row.
    """
    open_folders = [_listing(folder)]  # not recursion: folders may be nested thousands deep
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif isinstance(entry, Item):
            yield entry
        elif entry.name.startswith("."):
            skipped.hidden += not entry.name.startswith(PART_PREFIX)
        elif entry.is_dir(follow_symlinks=False):
            open_folders.append(_listing(entry.path))
        elif not has_image_ending(entry.name):
            skipped.other += 1
        elif entry.is_file(follow_symlinks=False):
            yield Item(entry.path, entry.path, regular=True)
        elif _leads_to_a_file(entry):
            yield Item(entry.path, entry.path)
        else:
            skipped.other += 1


def _listing(folder: str) -> Iterator["os.DirEntry[str] | Item"]:
    """What is in a folder, in natural order; the folder itself where that cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        return iter([Item(folder, ImageError(error.strerror or str(error)))])
    if len({entry.name.translate(_DIGITS_ALIKE) for entry in found}) == 1:
        # Names that differ in digits alone, and have as many of them, as in most large folders.
        return iter(sorted(found, key=attrgetter("name")))
    return iter(sorted(found, key=lambda entry: natural_key(entry.name)))


_DIGITS_ALIKE = str.maketrans("123456789", "000000000")


def has_image_ending(name: str) -> bool:
    stem, dot, ending = name.rpartition(".")
    return bool(stem) and (dot + ending).lower() in SUFFIXES


def _leads_to_a_file(entry: os.DirEntry[str]) -> bool:
    try:
        mode = entry.stat().st_mode
    except OSError:
        return True  # a broken link with an image's name: its row says so
    return stat.S_ISREG(mode)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts digits in a name by their value; equal values by the name itself."""
    parts: list[str | int] = list(_NUMBERS.split(name))
    parts[1::2] = map(int, parts[1::2])
    return parts, name


_NUMBERS = re.compile("([0-9]+)")
