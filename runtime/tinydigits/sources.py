"""Sources: what was named on the command line or in a list, as a stream of Items.

Folders are walked in natural order (2.png before 10.png), one folder's listing in memory at a
time. Nothing is opened here: an Item that turns out to be unreadable becomes an error row.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tinydigits.images import SUFFIXES, ImageLike

PART_PREFIX = ".tinydigits-"  # of files that tinydigits is writing, which are not there yet


@dataclass(frozen=True, slots=True)
class Item:
    """One input, which gives exactly one row."""

    name: str | None
    """What the row calls it."""

    image: ImageLike
    """Where the picture is."""


@dataclass(slots=True)
class Skipped:
    """What folder walks passed over, for the summary."""

    hidden: int = 0
    """Files and folders whose name begins with a dot."""

    other: int = 0
    """Files without an image's ending, links to folders, FIFOs, sockets and devices."""


def open_inputs(
    inputs: Iterable[str], stdin: Callable[[], BinaryIO], skipped: Skipped
) -> Iterator[Item]:
    """Every input as Items, in order: a folder is walked, `-` reads a list of files from what
    `stdin` gives, and anything else is one picture, whatever its ending.
    """
    for name in inputs:
        if name == "-":
            yield from listed(stdin())
        elif os.path.isdir(name):  # noqa: PTH112 - pathlib would rewrite the name that rows show
            yield from walked(name, skipped)
        else:
            yield Item(name, name)


def listed(lines: BinaryIO) -> Iterator[Item]:
    """One Item a line, read as they come. Empty lines hold no name. Names are the bytes of the
    file system, kept where they are not UTF-8.
    """
    for line in lines:
        if name := os.fsdecode(line.rstrip(b"\r\n")):
            yield Item(name, name)


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
        elif isinstance(entry, str):
            yield Item(entry, entry)
        elif entry.name.startswith("."):
            skipped.hidden += not entry.name.startswith(PART_PREFIX)
        elif entry.is_dir(follow_symlinks=False):
            open_folders.append(_listing(entry.path))
        elif _is_image(entry):
            yield Item(entry.path, entry.path)
        else:
            skipped.other += 1


def _listing(folder: str) -> Iterator["os.DirEntry[str] | str"]:
    """What is in a folder, in natural order; the folder's own name where that cannot be read."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: natural_key(entry.name))
    except OSError:
        return iter([folder])
    return iter(ordered)


def _is_image(entry: os.DirEntry[str]) -> bool:
    if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:  # noqa: PTH122 - a million times
        return False
    if entry.is_file(follow_symlinks=False):
        return True
    try:
        mode = entry.stat().st_mode
    except OSError:
        return True  # a broken link with an image's name: its row says so
    return stat.S_ISREG(mode)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts digits in a name by their value; equal values by the name itself."""
    parts: list[str | int] = list(re.split(r"([0-9]+)", name))
    parts[1::2] = [int(number) for number in parts[1::2]]
    return parts, name
