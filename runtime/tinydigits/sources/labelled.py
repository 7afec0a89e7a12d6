"""Labelled folders: each sub-folder is named for what its pictures show, which is their truth."""

import os
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
    that no picture lies beside them. Hidden ones are skipped. Raises SourceError, which says what
    was found.
    """
    name = printable(folder)
    try:
        classes, pictures = _classes(folder)
        for each in classes:
            with os.scandir(PurePath(folder, each)):  # one that cannot be listed would look empty
                pass
    except OSError as error:
        raise SourceError(
            f"{printable(os.fsdecode(error.filename or folder))}: {error.strerror}; name a folder "
            "with a sub-folder for each class, or a table of files and truths: --truth FILE"
        ) from error
    if not classes:
        found = f"{len(pictures):,} picture{'' if len(pictures) == 1 else 's'}" if pictures else ""
        raise SourceError(
            f"{name}: holds no sub-folder (links are not followed){found and f', but {found}'}; "
            f"sort the pictures into sub-folders named for what they show: {names_in(labels)}; or "
            "name a table of files and truths: --truth FILE"
        )
    if unknown := sorted(set(classes) - set(labels), key=natural_key):
        below = [each for each in unknown if set(labels) & set(_classes(f"{folder}/{each}")[0])]
        meant = f"; did you mean {name.rstrip('/')}/{printable(below[0])}?" if below else ""
        raise SourceError(
            f"{name}: sub-folders that are no label of the model: "
            f"{names_in(unknown)}; its labels are {names_in(labels)}{meant}"
        )
    if pictures:
        truth_of(folder, pictures[0])  # raises: it has none


def _classes(folder: str) -> tuple[list[str], list[str]]:
    """Return the names of the sub-folders that are walked, and the paths of the pictures beside
    them. Raises OSError.
    """
    classes, pictures = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                classes.append(entry.name)
            elif kind_in_walk(entry.name) is not None:
                pictures.append(entry.path)
    return classes, pictures
