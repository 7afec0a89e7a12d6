"""Labelled folders: each sub-folder is named for what its pictures show, which is their truth.

A folder may also hold splits, which each hold such sub-folders: `train`, `val` and `test`.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from tinydigits.errors import SourceError
from tinydigits.names import is_hidden, kind_in_walk, natural_key
from tinydigits.text import names_in, printable

# The names that data sets give their splits, in any case (Keras, Ultralytics, Roboflow, Kaggle).
SPLITS = {
    "train": ("train", "training", "train_set", "training_set"),
    "validation": ("val", "valid", "validation", "val_set", "validation_set"),
    "test": ("test", "testing", "test_set"),
}


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


def check_classes(folder: str, labels: tuple[str, ...]) -> str:
    """Check, before anything is read, that the sub-folders of `folder` are named for labels and
    that no picture lies beside them. Hidden ones are skipped. Return the folder whose sub-folders
    they are: of a folder with splits, that of the test pictures. Raises SourceError, which says
    what was found.
    """
    name = printable(folder)
    try:
        classes, pictures = classes_of(folder)
        if splits := splits_among(folder, classes):
            folder = str(PurePath(folder, splits.get("test") or splits["validation"]))
            name = printable(folder)
            classes, pictures = classes_of(folder)
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
        below = [each for each in unknown if set(labels) & set(classes_of(f"{folder}/{each}")[0])]
        meant = f"; did you mean {name.rstrip('/')}/{printable(below[0])}?" if below else ""
        raise SourceError(
            f"{name}: sub-folders that are no label of the model: "
            f"{names_in(unknown)}; its labels are {names_in(labels)}{meant}"
        )
    if pictures:
        truth_of(folder, pictures[0])  # raises: it has none
    return folder


def splits_among(folder: str, names: Sequence[str]) -> dict[str, str]:
    """Return the sub-folders that are splits, as role → name; empty where they are classes.

    Two splits at least make a folder of splits. Raises SourceError where classes lie beside splits
    or repeat below other sub-folders, and OSError.
    """
    roles = [(role, name) for name in names for role in SPLITS if name.lower() in SPLITS[role]]
    splits = dict(roles)
    below = {name: set(classes_of(str(PurePath(folder, name)))[0]) for name in names}
    if len(splits) < 2:
        repeated = Counter(inner for inners in below.values() for inner in inners)
        twice = sorted((name for name in repeated if repeated[name] > 1), key=natural_key)
        if len(twice) > 1:
            holders = sorted((name for name in names if below[name] & set(twice)), key=natural_key)
            raise SourceError(
                f"{printable(folder)}: {names_in(twice)} repeat below {names_in(holders)}: "
                "put the pictures of each class into one sub-folder, or name the sub-folders "
                "train, val and test if they are splits"
            )
        return {}
    if others := [name for name in names if name not in splits.values()]:
        raise SourceError(
            f"{printable(folder)}: {names_in(list(splits.values()))} are splits, and "
            f"{names_in(others)} beside them are not: move them away, or into the splits"
        )
    if empty := [name for name in names if not below[name]]:
        raise SourceError(
            f"{printable(str(PurePath(folder, empty[0])))}: is a split by its name, and holds no "
            "sub-folder: sort its pictures into a sub-folder for each class"
        )
    return splits


def classes_of(folder: str) -> tuple[list[str], list[str]]:
    """Return the names of the sub-folders, and the paths of the pictures. Raises OSError."""
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
