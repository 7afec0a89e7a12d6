"""MNIST, from wherever it is: an IDX folder, the Keras cache, or the Keras download."""

import contextlib
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tinydigits.errors import SourceError
from tinydigits.idx import read_images, read_labels

from tinydigits_train.tensorflow import load_tensorflow

ENVIRONMENT = "TINYDIGITS_DATA"  # names an IDX folder where no --data is given
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True, slots=True)
class Digits:
    """Labelled model inputs."""

    images: NDArray[np.uint8]
    """uint8 [N, 28, 28], ink bright on dark."""

    labels: NDArray[np.uint8]
    """uint8 [N], each 0..9."""


@dataclass(frozen=True, slots=True)
class Mnist:
    """The training and the test digits."""

    train: Digits
    test: Digits
    source: str
    """Where they came from, for people."""

    @property
    def sha256(self) -> str:
        """Of the arrays, so it is the same for plain and gzipped files and for the cache."""
        digest = hashlib.sha256()
        for digits in (self.train, self.test):
            digest.update(digits.images.tobytes())
            digest.update(digits.labels.tobytes())
        return digest.hexdigest()


def load_mnist(data: str | None = None, purpose: str = "train", extra: str = "train") -> Mnist:
    """`data`: an IDX folder (plain or .gz), or None or "mnist" for the folder that
    $TINYDIGITS_DATA names, else Keras's cache, else its download. Raises SourceError, or
    MissingExtra, which names `purpose` and `extra`, where Keras is needed and not there.
    """
    if data not in (None, "mnist"):
        return _from_folder(Path(str(data)))
    if folder := os.environ.get(ENVIRONMENT):
        return _from_folder(Path(folder))
    return _from_keras(purpose, extra)


def _from_folder(folder: Path) -> Mnist:
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder. {_what_to_fetch()}")
    paths = [_find(folder, name) for name in FILES]
    train = _paired(paths[0], paths[1])
    test = _paired(paths[2], paths[3])
    return Mnist(train, test, f"IDX files in {folder.name or folder}")


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


def _from_keras(purpose: str, extra: str) -> Mnist:
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
    return Mnist(Digits(x, y), Digits(x_test, y_test), "the copy that Keras downloads")


def _what_to_fetch() -> str:
    return (
        f"Put these four files (plain or .gz) into a folder and pass --data FOLDER or set "
        f"${ENVIRONMENT}: "
        f"{', '.join(FILES)}"
    )
