"""Labelled folders: each sub-folder is named for what its pictures show, which is their truth."""

import os
from collections.abc import Iterator
from pathlib import PurePath

from tinydigits.errors import SourceError
from tinydigits.names import is_hidden, kind_in_walk, natural_key
from tinydigits.text import names_in, printable


def truth_of(folder: str, path: str | None) -> str:
    """Return the first sub-folder below `folder` in a path that was found by walking it. Raises
    SourceError for a picture that lies in no sub-folder.
    """
    try:
        below = PurePath(path or "").relative_to(folder).parts
    except ValueError:
        below = ()
    if len(below) < 2:
        raise SourceError(
            f"{printable(path or '')}: has no truth; move it into a sub-folder of "
            f"{printable(folder)} that is named for what it shows"
        )
    return below[0]


def check_classes(folder: str, labels: tuple[str, ...]) -> None:
    """Check, before anything is read, that the sub-folders of `folder` are named for labels and
    that no picture lies beside them. Hidden ones are skipped. Raises SourceError.
    """
    try:
        names = list(_classes(folder))
        for name in names:
            with os.scandir(PurePath(folder, name)):  # one that cannot be listed would look empty
                pass
    except OSError as error:
        raise SourceError(
            f"{printable(os.fsdecode(error.filename or folder))}: {error.strerror}; name a folder "
            "with a sub-folder for each class"
        ) from error
    if not names:
        raise SourceError(
            f"{printable(folder)}: holds no sub-folder (links are not followed); sort the pictures "
            f"into sub-folders named for what they show: {names_in(labels)}"
        )
    if unknown := sorted(set(names) - set(labels), key=natural_key):
        raise SourceError(
            f"{printable(folder)}: sub-folders that are no label of the model: "
            f"{names_in(unknown)}; its labels are {names_in(labels)}"
        )


def _classes(folder: str) -> Iterator[str]:
    """Yield the names of the sub-folders that are walked. Raises OSError, SourceError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield entry.name
            elif kind_in_walk(entry.name) is not None:
                truth_of(folder, entry.path)  # raises: it has none
