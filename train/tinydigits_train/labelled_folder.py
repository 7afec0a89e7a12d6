"""Read pictures whose classes are known: a labelled folder, one with splits, or a list as CSV.

The runtime's own code decodes and fits the pictures, so a network learns from the same images that
it will be given later.
"""

import hashlib
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.bounds import Limits
from tinydigits.classifier import BATCH_SIZE
from tinydigits.errors import ImageError, SourceError
from tinydigits.fitting import Fit, fit
from tinydigits.images import decode
from tinydigits.items import Item, Skipped, chunked
from tinydigits.names import natural_key
from tinydigits.sources import Opening, at_hand, open_inputs
from tinydigits.sources.labelled import classes_of, splits_among
from tinydigits.sources.truths import is_table, read_truths
from tinydigits.sources.truths import pictures as pictures_of
from tinydigits.text import names_in, printable

DIGITS = tuple(string.digits)  # the classes of MNIST
OWN = "its own pictures"  # the source of all data that is read here
TEST_SHARE = 0.15  # of each class's pictures, and at least one
FEWEST, MOST = 2, 100  # classes
FEWEST_PICTURES = 5  # of a class


def no_pictures() -> NDArray[np.uint8]:
    """Return uint8 [0, 28, 28]."""
    return np.zeros((0, 28, 28), np.uint8)


@dataclass(frozen=True, slots=True)
class Digits:
    """Labelled model inputs."""

    images: NDArray[np.uint8]  # uint8 [N, 28, 28], ink bright on dark
    # uint8 [N], each an index into the names of the classes; for MNIST, the digit itself.
    labels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Dataset:
    """The training and the test images."""

    train: Digits
    test: Digits
    name: str
    source: str  # the origin of the digits, for people
    labels: tuple[str, ...] = DIGITS  # the names of the classes, in order
    fit: Fit = "auto"  # how pictures were brought to 28×28
    # Files of a labelled folder that could not be read, with the reason.
    unreadable: tuple[str, ...] = ()
    # Images that a folder keeps apart for validation. None where there are none.
    validation: Digits | None = None
    # uint8 [N, 28, 28]: pictures that hold none of the classes.
    others: NDArray[np.uint8] = field(default_factory=no_pictures)
    # Digits that a network has to read as well after it was trained further. None where there are
    # none.
    known: Digits | None = None
    # Whether the classes have numbers for names, because nothing named them.
    numbered: bool = False
    # Whether the images were made from pictures, so that they could be prepared in another way.
    from_pictures: bool = False

    @property
    def is_like_mnist(self) -> bool:
        """Whether the classes are the ten digits, prepared as those of MNIST are."""
        return self.labels == DIGITS and self.fit == "auto"

    @property
    def sha256(self) -> str:
        """The SHA-256 of the arrays, so it is the same for plain and gzipped files."""
        digest = hashlib.sha256()
        for digits in (self.train, self.test):
            digest.update(digits.images.tobytes())
            digest.update(digits.labels.tobytes())
        return digest.hexdigest()


Pictures = NDArray[np.uint8]  # uint8 [N, F, 28, 28]: N pictures, each fitted in F ways


def classes_in(folder: Path) -> list[str]:
    """Return the classes, in natural order: the sub-folders, without hidden ones and links."""
    return sorted(classes_of(str(folder))[0], key=natural_key) if folder.is_dir() else []


def load_folder(folder: Path, seed: int, fits: Sequence[Fit]) -> list[Dataset]:
    """Return the pictures as each of `fits` prepares them.

    The folder's own splits are kept. Where it has none, the same `seed` splits the same folder in
    the same way. Raises SourceError if there are too few or too many classes, or if a class has too
    few pictures.
    """
    names = classes_in(folder)
    unreadable: list[str] = []

    def read(below: Path, labels: Sequence[str], fewest: int) -> list[Pictures]:
        return [
            _enough(below / name, _pictures(_walked(below / name), fits, unreadable), fewest)
            for name in labels
        ]

    if splits := splits_among(str(folder), names):
        if "train" not in splits:
            raise SourceError(f"{folder}: holds {names_in(names)}, and no train to learn from")
        labels = _checked(folder / splits["train"])
        held = [splits[role] for role in ("test", "validation") if role in splits]
        for name in held:
            if others := [label for label in classes_in(folder / name) if label not in labels]:
                raise SourceError(
                    f"{folder / name}: {names_in(others)} are no classes in {splits['train']}, "
                    f"which has {names_in(labels)}"
                )
        train = read(folder / splits["train"], labels, FEWEST_PICTURES)
        test, *validation = (
            read(folder / name, labels, 0 if len(held) > 1 else 1) for name in held
        )
    else:
        labels = _checked(folder)
        train, test = _parted(read(folder, labels, FEWEST_PICTURES), seed)
        validation = []
    sides = [_by_fit(*_joined(side)) for side in (train, test, *validation)]
    return [
        Dataset(
            train, test, named(folder), OWN, tuple(labels), how, tuple(unreadable),
            apart[0] if apart else None, from_pictures=True,
        )
        for how, train, test, *apart in zip(fits, *sides, strict=True)
    ]  # fmt: skip


def load_list(
    path: Path, labels: tuple[str, ...], seed: int, fits: Sequence[Fit], share: float
) -> list[Dataset]:
    """Read the pictures that a table lists, as each of `fits` prepares them: see `read_truths`.

    An empty truth means that the picture holds none of the classes. `seed` chooses the `share` of
    the other pictures that is for testing. Raises SourceError where a truth is none of the labels.
    """
    numbers = {label: number for number, label in enumerate((*labels, ""))}
    table = read_truths(str(path), strict=False)
    for name, truth in table.texts.items():
        if truth not in numbers:
            raise SourceError(
                f"{path}: {printable(name)} is said to be {printable(truth)!r}, which is no "
                f"class: {names_in(labels)}"
            )
    unreadable: list[str] = []
    by_class = [[_pictures([], fits, unreadable)] for _ in numbers]
    limits = Limits()
    items = pictures_of(table, Opening(limits, Skipped()))
    for names, images, _ in at_hand(chunked(items, BATCH_SIZE), limits.max_bytes):
        for file, image in zip(names, images, strict=True):
            each = _pictures([Item(file, image)], fits, unreadable)
            by_class[numbers[table.texts[file or ""]]].append(each)
    *known, others = map(np.concatenate, by_class)
    if not any(map(len, (*known, others))):
        raise SourceError(
            f"{path}: lists no picture that can be read, such as {printable(unreadable[0])}"
        )
    fitted, classes = _joined(known)
    order = np.random.default_rng([seed, 0]).permutation(len(fitted))
    aside, rest = np.split(order, [round(share * len(fitted))])
    train, test = (_by_fit(fitted[places], classes[places]) for places in (rest, aside))
    return [
        Dataset(
            train[way], test[way], named(path), OWN, labels, how, tuple(unreadable),
            others=others[:, way], from_pictures=True,
        )
        for way, how in enumerate(fits)
    ]  # fmt: skip


def labels_in(path: Path) -> tuple[str, ...]:
    """Return the classes of a list: the ten digits where all are digits, else those it names.
    Raises SourceError where they cannot be trained.
    """
    found = set(read_truths(str(path), strict=False).texts.values()) - {""}
    if found <= set(DIGITS):
        return DIGITS
    if not FEWEST <= len(found) <= MOST:
        raise SourceError(
            f"{path}: names {len(found)} classes, where {FEWEST} to {MOST} can be trained"
        )
    return tuple(_printable(path, sorted(found, key=natural_key)))


def named(path: Path) -> str:
    """Return the name of a file or folder, also where it was passed as `.` or `..`."""
    return (path if path.name.strip(".") else path.resolve()).name or str(path)


def is_list(path: Path) -> bool:
    """Return whether a file is a table that lists pictures and their classes."""
    return path.suffix.lower() in (".csv", ".tsv") and path.is_file() and is_table(str(path))


def _checked(folder: Path) -> list[str]:
    """Return the names of the classes. Raises SourceError where they cannot be trained."""
    names = classes_in(folder)
    if not FEWEST <= len(names) <= MOST:
        nested = len(names) == 1 and len(classes_in(folder / names[0])) >= FEWEST
        raise SourceError(
            f"{folder}: {len(names)} sub-folders, where {FEWEST} to {MOST} classes can be trained "
            f"(links are not followed){f'; pass {folder / names[0]}' if nested else ''}"
        )
    return _printable(folder, names)


def _printable(path: Path, names: list[str]) -> list[str]:
    if unusable := [name for name in names if not name.isprintable()]:
        raise SourceError(f"{path}: rename {unusable[0]!r}: a label has to be printable")
    return names


def _enough(folder: Path, pictures: Pictures, fewest: int) -> Pictures:
    if len(pictures) < fewest:
        raise SourceError(f"{folder}: {len(pictures)} readable pictures, {fewest} are needed")
    return pictures


def _parted(classes: list[Pictures], seed: int) -> tuple[list[Pictures], list[Pictures]]:
    """Split each class into pictures to train on and to test with."""
    train, test = [], []
    for index, pictures in enumerate(classes):
        order = np.random.default_rng([seed, index]).permutation(len(pictures))
        cut = max(1, round(TEST_SHARE * len(pictures)))
        train.append(pictures[order[cut:]])
        test.append(pictures[order[:cut]])
    return train, test


def _by_fit(pictures: Pictures, labels: NDArray[np.uint8]) -> list[Digits]:
    """Return one Digits for each way in which the pictures were fitted."""
    ways = range(pictures.shape[1])
    return [Digits(np.ascontiguousarray(pictures[:, way]), labels) for way in ways]


def _joined(classes: list[Pictures]) -> tuple[Pictures, NDArray[np.uint8]]:
    """Return the pictures of all classes, and the class of each."""
    numbers = np.arange(len(classes), dtype=np.uint8)
    return np.concatenate(classes), np.repeat(numbers, [len(each) for each in classes])


def _walked(folder: Path) -> Iterable[Item]:
    """Return the pictures in a folder, in natural order."""
    for item in open_inputs((str(folder),), Opening(Limits(), Skipped())):
        assert isinstance(item, Item)
        yield item


def _pictures(items: Iterable[Item], fits: Sequence[Fit], unreadable: list[str]) -> Pictures:
    """Return the readable pictures. Add others to `unreadable`."""
    pictures: list[Any] = []
    for item in items:
        try:
            if isinstance(item.image, ImageError):
                raise item.image
            picture = decode(item.image)  # type: ignore[arg-type] # nothing in it is at an address
            pictures.append([fit(picture, how).pixels for how in fits])
        except ImageError as error:
            unreadable.append(f"{item.name}: {error}")
    return np.array(pictures, np.uint8).reshape(-1, len(fits), 28, 28)
