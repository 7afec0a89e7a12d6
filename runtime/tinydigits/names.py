"""What a name is: endings of pictures, archives and arrays; the order in which names are read."""

import re

PART_PREFIX = ".tinydigits-"  # of files that tinydigits is writing, which are not there yet
ARCHIVES = re.compile(r"\.(zip|tar|tar\.gz|tgz|tar\.zst)$", re.IGNORECASE)
ARRAYS = re.compile(r"(ubyte|\.idx\d?)(\.gz)?$|\.np[yz]$", re.IGNORECASE)

# Endings that a folder walk takes for images. A file that is named is read whatever its ending.
SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif"),
        *(".pgm", ".ppm", ".pbm", ".pnm"),
    }
)


def has_image_ending(name: str) -> bool:
    stem, dot, ending = name.rpartition(".")
    return bool(stem) and (dot + ending).lower() in SUFFIXES


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts digits in a name by their value; equal values by the name itself."""
    parts: list[str | int] = list(_NUMBERS.split(name))
    parts[1::2] = map(int, parts[1::2])
    return parts, name


_NUMBERS = re.compile("([0-9]+)")
