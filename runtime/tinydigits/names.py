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

    DOCUMENT = auto()
    """A file each page of which is a picture."""

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
    # A walk through a folder, archive or bucket takes these two alone.
    Kind.DOCUMENT: (".pdf", ".tif", ".tiff"),
    Kind.PICTURE: (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib", ".webp"),
        *(".gif", ".heic", ".heif", ".hif", ".avif", ".pgm", ".ppm", ".pbm", ".pnm"),
    ),
}
_WALKED = {end: kind for kind in (Kind.PICTURE, Kind.DOCUMENT) for end in ENDINGS[kind]}

HIDDEN, LINK, OTHER = "hidden", "link to a folder", "other file"
LATER_FRAMES = "file after its first frame"
# The endings of files that a walk does not take, by the kinds that the summary names.
_NOT_WALKED = {
    "video": ".mp4 .mov .m4v .avi .mkv .webm .3gp .mts .wmv .mpg .mpeg",
    "raw photograph": ".dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .pef .srw",
    "JPEG XL picture": ".jxl",
    "picture of another format": ".jp2 .j2k .psd .xcf .tga .ico .icns .exr .hdr .dds .qoi",
    "drawing": ".svg .svgz .eps .ai .emf .wmf .cdr",
    "document": ".doc .docx .odt .rtf .pages .ppt .pptx .odp .xls .xlsx .ods .ps .djvu .epub",
    "archive": ".zip .tar .gz .tgz .zst .bz2 .tbz2 .xz .txz .7z .rar .cbz .cbr .iso",
    "file of arrays": ".npy .npz .idx .ubyte",
}
_KINDS = {end: kind for kind, ends in _NOT_WALKED.items() for end in ends.split()}


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
    """Return what a file holds, here or remote, by its ending: PICTURE where that says nothing."""
    return kind_by_ending(str(place)) or Kind.PICTURE


def kind_by_ending(name: str) -> Kind | None:
    """Return the kind of file that a name's ending stands for; None for any other ending."""
    if kind := kind_in_walk(name):  # nearly all names have one
        return kind
    name = name.lower()
    return next((kind for kind, endings in ENDINGS.items() if name.endswith(endings)), None)


def kind_in_walk(name: str) -> Kind | None:
    """Return PICTURE or DOCUMENT where a walk takes a file of this name, and None where not."""
    stem, dot, ending = name.rpartition(".")
    return _WALKED.get((dot + ending).lower()) if stem else None


def not_walked(name: str) -> str:
    """Return the kind, for the summary, of a file that a walk does not take."""
    _, dot, ending = name.rpartition(".")
    return _KINDS.get(dot + ending.lower(), OTHER)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden: macOS puts copies without pictures in archives."""
    return name.startswith(".") or name == "__MACOSX"


def page_in(name: str) -> tuple[str, int] | None:
    """Return the document and the number that the name of a row such as `scan.pdf#3` means; None
    for a file of that name, and for any other name.
    """
    document, mark, number = name.rpartition("#")
    if not mark or not (number.isascii() and number.isdigit()) or os.path.lexists(name):
        return None
    return (document, int(number)) if os.path.lexists(document) else None


def file_of(name: str) -> str:
    """Return the file in which the picture of a row is."""
    page = page_in(name)
    return page[0] if page else name


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
