"""The data to train on: MNIST and sets like it, a labelled folder, or a list of pictures."""

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tinydigits.errors import SourceError
from tinydigits.fitting import Fit
from tinydigits_train.labelled_folder import (
    DIGITS,
    TEST_SHARE,
    Dataset,
    Digits,
    classes_in,
    is_list,
    labels_in,
    load_folder,
    load_list,
    named,
)
from tinydigits_train.ready import ENVIRONMENT, WHAT_TO_FETCH, is_ready, read_ready
from tinydigits_train.tensorflow import load_tensorflow


def load_data(
    data: str | None = None,
    *,
    seed: int = 0,
    fit: Fit = "auto",
    labels: tuple[str, ...] | None = None,
    purpose: str = "train",
    extra: str = "train",
) -> Dataset:
    """Load data that is prepared in one way: see `load_prepared`."""
    return load_prepared(data, (fit,), seed=seed, labels=labels, purpose=purpose, extra=extra)[0]


def load_prepared(
    data: str | None,
    fits: Sequence[Fit],
    *,
    seed: int = 0,
    labels: tuple[str, ...] | None = None,
    purpose: str = "train",
    extra: str = "train",
) -> list[Dataset]:
    """Load pictures once for each of `fits`, which brings them to 28×28, or ready images once.

    `data`: ready images (see `ready.is_ready`); or a folder whose sub-folders are the classes, or
    splits with such; or a CSV with the columns `file` and `truth`, which `seed` splits too; or None
    or "mnist" for the folder that $TINYDIGITS_DATA names, else Keras's cache, else its download.
    `labels`: the names of the classes, for ready images and for lists. Raises SourceError, or
    MissingExtra, which names `purpose` and `extra`, where Keras is needed and not there.
    """
    if data is None or data == "mnist":
        if folder := os.environ.get(ENVIRONMENT):
            return [_ready(Path(folder), seed, labels)]
        return [_from_keras(purpose, extra)]
    path = Path(data)
    if is_list(path):
        return _listed(path, seed, labels, fits)
    if is_ready(path) or not classes_in(path):
        return [_ready(path, seed, labels)]
    return load_folder(path, seed, fits)


def mnist_at_hand() -> Dataset | None:
    """Load MNIST if that needs no download, else return None. Raises SourceError."""
    if folder := os.environ.get(ENVIRONMENT):
        return _ready(Path(folder), 0, None)
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    cached = home / "datasets" / "mnist.npz"
    return _ready(cached, 0, None) if cached.is_file() else None


def _listed(
    path: Path, seed: int, labels: tuple[str, ...] | None, fits: Sequence[Fit]
) -> list[Dataset]:
    """Load the pictures of a list. All of them are for training where MNIST is there to test with:
    a list of corrections is short.
    """
    labels = labels or labels_in(path)
    mnist = mnist_at_hand() if labels == DIGITS else None
    found = load_list(path, labels, seed, fits, 0 if mnist else TEST_SHARE)
    if mnist:
        return [replace(each, test=mnist.test) for each in found]
    return [each if len(each.test.labels) else replace(each, test=each.train) for each in found]


def _ready(path: Path, seed: int, labels: tuple[str, ...] | None) -> Dataset:
    train, test, names, of = read_ready(path, seed, labels)
    kind = "a file" if path.is_file() else "IDX files in"
    name = of or ("MNIST" if names == DIGITS else named(path))
    numbered = names != DIGITS and all(name.isdecimal() for name in names)
    return Dataset(train, test, name, f"{kind} {named(path)}", names, numbered=numbered)


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
            f"{WHAT_TO_FETCH}"
        ) from error
    source = "the copy that Keras downloads"
    return Dataset(Digits(x, y), Digits(x_test, y_test), "MNIST", source)
