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
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif isinstance(entry, Item):
            yield entry
        elif is_hidden(entry.name):
            skipped[HIDDEN] += not entry.name.startswith(PART_PREFIX)
        elif (kind := kind_in_walk(entry.name)) is Kind.PICTURE and entry.is_file(
            follow_symlinks=False
        ):
            yield Item(entry.path, entry.path, regular=True)
        elif entry.is_dir(follow_symlinks=False):
            open_folders.append(_listing(entry.path))
        elif (mode := _mode(entry)) and not stat.S_ISREG(mode):
            skipped[LINK if stat.S_ISDIR(mode) else OTHER] += 1
        elif kind is None:
            skipped[not_walked(entry.name)] += 1
        else:  # a broken link with a picture's name becomes an error row
            yield entry.path if kind is Kind.DOCUMENT else Item(entry.path, entry.path)


def _listing(folder: str) -> Iterator["os.DirEntry[str] | Item"]:
    """Yield what a folder holds, in natural order; one Item if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        return iter([Item(folder, ImageError(error.strerror or str(error)))])
    if len({entry.name.translate(_DIGITS_ALIKE) for entry in found}) == 1:
        # The names differ in digits alone, and have equally many, as in most large folders.
        return iter(sorted(found, key=attrgetter("name")))
    return iter(sorted(found, key=lambda entry: natural_key(entry.name)))


_DIGITS_ALIKE = str.maketrans("123456789", "000000000")


def _mode(entry: os.DirEntry[str]) -> int:
    """Return the mode of what is there, or where a link leads; 0 where that is nothing."""
    try:
        return entry.stat().st_mode
    except OSError:
        return 0
