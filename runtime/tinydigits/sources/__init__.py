"""Sources: what was named on the command line or in a list, as a stream of Items.

Folders are walked by `folders`, archives and arrays streamed by `archives` and `arrays`; what is at
an address is listed by `remote.listing` and fetched, chunk by chunk, by `remote.fetching`.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from tinydigits.images import Limits
from tinydigits.items import Address, Chunk, Item, Skipped, Stack
from tinydigits.names import ARCHIVES, ARRAYS
from tinydigits.remote.location import is_remote, redacted
from tinydigits.sources.folders import walked


class Opening(NamedTuple):
    """How inputs are opened."""

    limits: Limits
    skipped: Skipped
    stdin: Callable[[], BinaryIO] | None = None
    """Opens the stream that `-` is read from; None where `-` is a file's name."""


def open_inputs(inputs: Iterable[str], opening: Opening) -> Generator[Item | Stack]:
    """Every input, in order: a folder is walked, `-` reads a list of files from stdin, archives
    and arrays are known by their ending, and anything else is one picture, whatever its ending.
    Pictures at addresses come as an Address. Raises SourceError where there are none at one that is
    named here; MissingExtra.
    """
    for name in inputs:
        if name == "-" and opening.stdin:
            for listed_name in listed(opening.stdin()):
                yield from _opened(listed_name, opening)
        else:
            yield from open_input(name, opening)


def open_input(name: str, opening: Opening) -> Iterator[Item | Stack]:
    """Open one input: see `open_inputs`."""
    if os.path.isdir(name):  # noqa: PTH112 - pathlib would rewrite the name that rows show
        return walked(name, opening.skipped)
    return _listed(name, opening) if is_remote(name) else _opened(name, opening)


def _listed(address: str, opening: Opening) -> Iterator[Item | Stack]:
    from tinydigits.remote.listing import listed_remote

    for url in listed_remote(address, opening.skipped):
        yield from _opened(url, opening)


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


def at_hand(chunks: Iterable[Chunk], max_bytes: int) -> Iterator[Chunk]:
    """The chunks, from the first with an Address in it on by way of `fetching.fetched_chunks`."""
    chunks = iter(chunks)
    for chunk in chunks:
        if Address in map(type, chunk.images):
            from tinydigits.remote.fetching import fetched_chunks

            yield from fetched_chunks(chain([chunk], chunks), max_bytes)
            return
        yield chunk
