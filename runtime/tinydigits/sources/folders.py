"""Folders, walked in natural order (2.png before 10.png), one folder's listing in memory at a time.

Pictures are not opened here: an unreadable one becomes an error row later.
"""

import os
import stat
from collections.abc import Iterator
from operator import attrgetter

from tinydigits.errors import ImageError
from tinydigits.items import Item, Skipped
from tinydigits.names import (
    HIDDEN,
    LINK,
    OTHER,
    PART_PREFIX,
    Kind,
    is_hidden,
    kind_in_walk,
    natural_key,
    not_walked,
)


def walked(folder: str, skipped: Skipped) -> Iterator[Item | str]:
    """Yield the pictures below a folder, which their endings tell, in natural order. Documents come
    as their paths.

    Links to files are followed; links to folders are not, so no loop can arise. A folder that
    cannot be listed is one Item, which becomes an error row.
    """
    open_folders = [_listing(folder)]  # not recursion: folders may be nested thousands deep
    while open_folders:
        for entry in open_folders[-1]:
            if isinstance(entry, Item):
                yield entry
            elif is_hidden(entry.name):
                skipped[HIDDEN] += not entry.name.startswith(PART_PREFIX)
            elif (kind := kind_in_walk(entry.name)) is Kind.PICTURE and entry.is_file(
                follow_symlinks=False
            ):
                yield Item(entry.path, entry.path, regular=True)
            elif entry.is_dir(follow_symlinks=False):
                open_folders.append(_listing(entry.path))
                break
            elif (mode := _mode(entry)) and not stat.S_ISREG(mode):
                skipped[LINK if stat.S_ISDIR(mode) else OTHER] += 1
            elif kind is None:
                skipped[not_walked(entry.name)] += 1
            else:  # a broken link with a picture's name becomes an error row
                yield entry.path if kind is Kind.DOCUMENT else Item(entry.path, entry.path)
        else:
            open_folders.pop()


def _listing(folder: str) -> Iterator["os.DirEntry[str] | Item"]:
    """Yield what a folder holds, in natural order; one Item if it cannot be read. Pictures come as
    Items where their names are alike, which takes half the time.
    """
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        return iter([Item(folder, ImageError(error.strerror or str(error)))])
    names = "/".join(entry.name for entry in found)
    if len(set(names.translate(_DIGITS_ALIKE).split("/"))) > 1:
        return iter(sorted(found, key=lambda entry: natural_key(entry.name)))
    # The names differ in digits alone, and have equally many, as in most large folders. No ending
    # of a picture has a digit.
    found.sort(key=attrgetter("name"))
    if is_hidden(names) or kind_in_walk(names) is not Kind.PICTURE:
        return iter(found)
    return (
        Item(entry.path, entry.path, True) if entry.is_file(follow_symlinks=False) else entry
        for entry in found
    )


_DIGITS_ALIKE = str.maketrans("123456789", "000000000")


def _mode(entry: os.DirEntry[str]) -> int:
    """Return the mode of what is there, or where a link leads; 0 where that is nothing."""
    try:
        return entry.stat().st_mode
    except OSError:
        return 0
