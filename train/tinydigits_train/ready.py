"""Read sets of ready 28×28 images: the IDX files of MNIST and EMNIST, Keras's mnist.npz, and CSV.

The CSV is that of Kaggle: a label and 784 pixels a line, with or without a line of names.
"""

import errno
import string
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import SourceError
from tinydigits.sources.idx import read_images, read_labels
from tinydigits_train.labelled_folder import DIGITS, TEST_SHARE, Digits

_EXPECTED = (
    "a label and 784 pixels a line are read, or pictures where a header row names the columns "
    "`file` and `truth`"
)
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
ENVIRONMENT = "TINYDIGITS_DATA"  # names an IDX folder where no --data is given
WHAT_TO_FETCH = (
    "Pass --data FOLDER with a sub-folder of pictures for each class; or, for MNIST, put these "
    "four files (plain or .gz) into a folder and pass --data FOLDER or set "
    f"${ENVIRONMENT}: {', '.join(FILES)}"
)
# The classes of EMNIST's sets, by the name of the set (Cohen et al., "EMNIST: an extension of MNIST
# to handwritten letters", 2017). `letters` counts from 1. In the second and third, letters whose
# upper and lower case look alike are one class.
_MERGED = tuple(string.digits + string.ascii_uppercase + "abdefghnqrt")
EMNIST = {
    "emnist-byclass": tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase),
    "emnist-bymerge": _MERGED,
    "emnist-balanced": _MERGED,
    "emnist-letters": tuple(string.ascii_uppercase),
    "emnist-digits": DIGITS,
    "emnist-mnist": DIGITS,
}


def is_ready(path: Path) -> bool:
    """Return whether `path` names ready images: a file, a folder with IDX files, or the beginning
    of the names of such files, as in `gzip/emnist-letters`.
    """
    if path.is_dir():
        return any(path.glob("*[-.]idx?-ubyte*"))
    return path.is_file() or any(path.parent.glob(f"{_literal(path.name)}-*idx?-ubyte*"))


def read_ready(
    path: Path, seed: int, labels: tuple[str, ...] | None
) -> tuple[Digits, Digits, tuple[str, ...], str]:
    """Read training images, test images, the names of the classes, and the name of EMNIST's set or
    "". `seed` splits a CSV.

    labels: the names of the classes in the order of the numbers in the file. None takes EMNIST's
    names, or the numbers themselves. Raises SourceError.
    """
    if not path.is_dir() and not is_ready(path):
        missing = FileNotFoundError(errno.ENOENT, "no such folder or file", str(path))
        raise SourceError(f"{path}: no such folder or file. {WHAT_TO_FETCH}") from missing
    if path.is_file():
        train, test = _from_npz(path) if path.suffix == ".npz" else _from_csv(path, seed)
        name = ""
    else:
        folder, beginning = (path, "") if path.is_dir() else (path.parent, f"{path.name}-")
        train, test, name = _from_idx(folder, beginning)
    return *_with_names(train, test, labels, EMNIST.get(name), path), name


def _with_names(
    train: Digits, test: Digits, labels: tuple[str, ...] | None, known: tuple[str, ...] | None,
    path: Path,
) -> tuple[Digits, Digits, tuple[str, ...]]:  # fmt: skip
    """Name the classes, and count them from 0."""
    numbers = np.concatenate([train.labels, test.labels])
    least, most = int(numbers.min()), int(numbers.max())
    if known is None and most < len(DIGITS):
        known = DIGITS
    # EMNIST's letters are numbered from 1.
    first = least if least and most - least + 1 == len(labels or known or ()) else 0
    if labels is None:
        labels = known or tuple(map(str, range(least, most + 1)))
        first = least if known is None else first
    if most - first >= len(labels):
        raise SourceError(
            f"{path}: label {most}, where {len(labels)} classes are numbered from {first}: pass "
            "--labels with the name of each class"
        )
    if not 2 <= len(labels) <= 100:
        raise SourceError(f"{path}: {len(labels)} classes, where 2 to 100 can be trained")
    train, test = (Digits(part.images, part.labels - np.uint8(first)) for part in (train, test))
    return train, test, labels


def _from_idx(folder: Path, beginning: str) -> tuple[Digits, Digits, str]:
    """Read four IDX files, and return with them the name of EMNIST's set, or ""."""
    paths = [_find(folder, beginning, name) for name in FILES]
    stem = paths[0].name.partition("-train-")[0] if paths[0].name.startswith("emnist-") else ""
    parts = []
    for images_path, labels_path in (paths[:2], paths[2:]):
        images, labels = read_images(images_path), read_labels(labels_path)
        if len(images) != len(labels):
            raise SourceError(
                f"{images_path}: {len(images):,} images, but {len(labels):,} labels in "
                f"{labels_path}"
            )
        # EMNIST has rows and columns exchanged.
        parts.append(Digits(images.transpose(0, 2, 1).copy() if stem else images, labels))
    return parts[0], parts[1], stem


def _find(folder: Path, beginning: str, name: str) -> Path:
    stems = {name, name.replace("t10k", "test")}
    stems |= {stem.replace("-idx", ".idx") for stem in stems}  # as some mirrors write them
    begin = _literal(beginning)
    found = {
        str(path).removesuffix(".gz"): path
        for stem in stems
        for pattern in (f"{begin}{stem}", f"{begin or 'emnist-*-'}{stem}")
        for path in (*folder.glob(f"{pattern}.gz"), *folder.glob(pattern))
    }
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        sets = sorted("-".join(path.name.split("-")[:2]) for path in found.values())
        raise SourceError(
            f"{folder}: holds {', '.join(sets)}: pass one of them, such as "
            f"--data {folder / sets[0]}"
        )
    wanted = f"{beginning}{name}"
    raise SourceError(f"{folder}: has no {wanted} nor {wanted}.gz. {WHAT_TO_FETCH}")


def _literal(name: str) -> str:
    """Return a pattern of `glob` that only `name` matches."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _from_npz(path: Path) -> tuple[Digits, Digits]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            x, y, x_test, y_test = (
                arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")
            )
    except KeyError as error:
        raise SourceError(
            f"{path}: has no array {error.args[0].split()[0]}; x_train, y_train, x_test and y_test "
            "are read, as in Keras's mnist.npz"
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error
    return _checked(path, x, y), _checked(path, x_test, y_test)


def _from_csv(path: Path, seed: int) -> tuple[Digits, Digits]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline().split(",")
        table = np.loadtxt(
            path, np.uint8, delimiter=",", skiprows=int(not first[0].strip().isdigit()), ndmin=2,
            encoding="utf-8-sig",
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read: {error}; {_EXPECTED}") from error
    if table.shape[1] != 1 + 28 * 28:
        raise SourceError(f"{path}: {table.shape[1]} columns; {_EXPECTED}")
    order = np.random.default_rng([seed, 0]).permutation(len(table))
    test, train = np.split(order, [max(1, round(TEST_SHARE * len(table)))])
    if not len(train):
        raise SourceError(f"{path}: {len(table)} images, where 2 at least are needed")
    images = table[:, 1:].reshape(-1, 28, 28)
    aside, rest = (_checked(path, images[part], table[part, 0]) for part in (test, train))
    return rest, aside


def _checked(path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Digits:
    """Return images and labels that are of the form that is read. Raises SourceError."""
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or not len(images):
        raise SourceError(
            f"{path}: images of {images.dtype} {list(images.shape)}, where uint8 [N, 28, 28] are "
            "read"
        )
    if labels.shape != images.shape[:1] or labels.min() < 0 or labels.max() > 255:
        raise SourceError(
            f"{path}: {len(images):,} images, and labels of {labels.dtype} {list(labels.shape)}"
        )
    return Digits(np.ascontiguousarray(images), labels.astype(np.uint8))
