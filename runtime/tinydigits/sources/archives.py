"""Archives: the images inside .zip, .tar, .tar.gz, .tgz and .tar.zst, without unpacking to disk.

An archive is read like a folder, in the order in which it is stored, one member in memory at a
time.
"""

from collections.abc import Iterator

from tinydigits.images import Limits
from tinydigits.items import Item, Skipped
from tinydigits.remote.location import redacted
from tinydigits.sources.members import guarded, open_regular
from tinydigits.sources.tars import in_tar
from tinydigits.sources.zips import in_zip


def members(path: str, limits: Limits, skipped: Skipped) -> Iterator[Item]:
    """Each image in the archive, with its encoded bytes or with why it cannot be read, and the
    archive itself where it cannot be read. Raises MissingExtra alone.
    """
    shown = redacted(path)
    return guarded(shown, _members(path, shown, limits, skipped))


def _members(path: str, shown: str, limits: Limits, skipped: Skipped) -> Iterator[Item]:
    inside = in_zip if shown.lower().endswith(".zip") else in_tar
    with open_regular(path) as file:
        for name, image in inside(file, limits, skipped):
            yield Item(f"{shown}/{name}", image)
