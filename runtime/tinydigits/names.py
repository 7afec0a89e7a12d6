"""Names: the kinds of input, their endings, and the order in which names are read."""

import os
import re
import sys
from enum import Enum, auto

from tinydigits.remote.location import Location, Place, place_of, redacted

PART_PREFIX = ".tinydigits-"  # begins the names of files that tinydigits is still writing


class Kind(Enum):
    """The kind of an input."""

    STDIN = auto()
    """`-`: a list of names on the standard input."""

    FOLDER = auto()
    """A folder of this machine, which is walked."""

    REMOTE = auto()
    """An address, at which a picture, an archive, an array or many pictures may be."""

    ARCHIVE = auto()
    """A file that holds files."""

    ARRAYS = auto()
    """A file that holds pictures which need no decoding."""

    PICTURE = auto()
    """Any other name: a file that is named is read as one picture, whatever its ending."""


ENDINGS = {
    Kind.ARCHIVE: (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst"),
    Kind.ARRAYS: (
        *(".npy", ".npz"),
        *(
            ending + gz
            for ending in ("ubyte", ".idx", *(f".idx{dimensions}" for dimensions in range(10)))
            for gz in ("", ".gz")
        ),
    ),
    # A walk through a folder, archive or bucket takes these alone.
    Kind.PICTURE: (
        *(".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif"),
        *(".pgm", ".ppm", ".pbm", ".pnm"),
    ),
}
_PICTURES = frozenset(ENDINGS[Kind.PICTURE])


def kind_of(name: Place, stdin: bool = True) -> Kind:
    """Return what an input is. `stdin` says whether `-` is the standard input or a file's name."""
    if name == "-" and stdin:
        return Kind.STDIN
    # pathlib would rewrite the name that rows show.
    if isinstance(name, str) and os.path.isdir(name):  # noqa: PTH112
        return Kind.FOLDER
    place = place_of(name)
    return Kind.REMOTE if isinstance(place, Location) else kind_of_file(place)


def kind_of_file(place: Place) -> Kind:
    """Return ARCHIVE, ARRAYS or PICTURE: what a file holds, here or remote, by its ending."""
    return kind_by_ending(str(place)) or Kind.PICTURE


def kind_by_ending(name: str) -> Kind | None:
    """Return the kind of file that a name's ending stands for; None for any other ending."""
    if has_image_ending(name):  # nearly all names have one
        return Kind.PICTURE
    name = name.lower()
    return next((kind for kind, endings in ENDINGS.items() if name.endswith(endings)), None)


def has_image_ending(name: str) -> bool:
    """Return whether a walk takes a file of this name for a picture."""
    stem, dot, ending = name.rpartition(".")
    return bool(stem) and (dot + ending).lower() in _PICTURES


def shown(place: Place) -> str:
    """Return what rows and messages show of a place. The name of a file is shown as it is. Any
    other may be an address with something before it, such as a quote, and is redacted.
    """
    name = str(place)
    is_file_name = ":" not in name or isinstance(place, Location) or os.path.lexists(name)
    return name if is_file_name else redacted(name)


def natural_key(name: str) -> tuple[str, str]:
    """Return a key that sorts digits in a name by their value; equal values by the name itself."""
    return _NUMBERS.sub(_by_value, name), name


def _by_value(number: re.Match[str]) -> str:
    """Return digits so that they sort as text: before all else, then by length, then by digit."""
    digits = number[0].lstrip("0")
    return f"\0{chr(min(len(digits), sys.maxunicode))}{digits}"


_NUMBERS = re.compile("[0-9]+")
