"""The data to train on: MNIST, from IDX files or from Keras, or a labelled folder."""

import contextlib
import errno
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tinydigits.errors import SourceError
from tinydigits.fitting import Fit
from tinydigits.sources.idx import read_images, read_labels
from tinydigits_train.labelled_folder import Digits, classes_in, load_folder
from tinydigits_train.tensorflow import load_tensorflow

ENVIRONMENT = "TINYDIGITS_DATA"  # names an IDX folder where no --data is given
DIGITS = tuple("0123456789")
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


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

    @property
    def sha256(self) -> str:
        """The SHA-256 of the arrays, so it is the same for plain and gzipped files."""
        digest = hashlib.sha256()
        for digits in (self.train, self.test):
            digest.update(digits.images.tobytes())
            digest.update(digits.labels.tobytes())
        return digest.hexdigest()


def load_data(
    data: str | None = None,
    *,
    seed: int = 0,
    fit: Fit = "auto",
    purpose: str = "train",
    extra: str = "train",
) -> Dataset:
    """`data`: an IDX folder (plain or .gz); or a folder whose sub-folders are the classes, which
    `seed` splits and `fit` brings to 28×28; or None or "mnist" for the folder that
    $TINYDIGITS_DATA names, else Keras's cache, else its download. Raises SourceError, or
    MissingExtra, which names `purpose` and `extra`, where Keras is needed and not there.
    """
    if data not in (None, "mnist"):
        folder = Path(str(data))
        if not any(folder.glob("*-idx?-ubyte*")) and classes_in(folder):
            train, test, labels, unreadable = load_folder(folder, seed, fit)
            name = _named(folder)
            return Dataset(train, test, name, "its own pictures", labels, fit, unreadable)
        return _from_idx(folder)
    if named := os.environ.get(ENVIRONMENT):
        return _from_idx(Path(named))
    return _from_keras(purpose, extra)


def _from_idx(folder: Path) -> Dataset:
    if not folder.is_dir():
        missing = FileNotFoundError(errno.ENOENT, "no such folder", str(folder))
        raise SourceError(f"{folder}: no such folder. {_what_to_fetch()}") from missing
    paths = [_find(folder, name) for name in FILES]
    train = _paired(paths[0], paths[1])
    test = _paired(paths[2], paths[3])
    return Dataset(train, test, "MNIST", f"IDX files in {_named(folder)}")


def _named(folder: Path) -> str:
    """The name of a folder, also where it was passed as `.` or `..`."""
    return (folder if folder.name.strip(".") else folder.resolve()).name or str(folder)


def _find(folder: Path, name: str) -> Path:
    # Some mirrors write a dot where the original has a hyphen.
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.exists():
                return path
    raise SourceError(f"{folder}: has no {name} nor {name}.gz. {_what_to_fetch()}")


def _paired(images_path: Path, labels_path: Path) -> Digits:
    images, labels = read_images(images_path), read_labels(labels_path)
    if len(images) != len(labels):
        raise SourceError(
            f"{images_path}: {len(images):,} images, but {len(labels):,} labels in {labels_path}"
        )
    return Digits(images, labels)


def _from_keras(purpose: str, extra: str) -> Dataset:
    keras = load_tensorflow(purpose, extra).keras
    try:
        # Keras shows its download on stdout, which is kept for results.
        with contextlib.redirect_stdout(sys.stderr):
            (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    # A failed download is a bare Exception, a damaged cache whatever NumPy or zipfile raises.
    except Exception as error:
        raise SourceError(
            f"MNIST is neither in Keras's cache nor could it be downloaded: {error}. "
            f"{_what_to_fetch()}"
        ) from error
    source = "the copy that Keras downloads"
    return Dataset(Digits(x, y), Digits(x_test, y_test), "MNIST", source)


def _what_to_fetch() -> str:
    return (
        "Pass --data FOLDER with a sub-folder of pictures for each class; or, for MNIST, put these "
        "four files (plain or .gz) into a folder and pass --data FOLDER or set "
        f"${ENVIRONMENT}: "
        f"{', '.join(FILES)}"
    )
