"""The kinds of networks that can be written as C, and how such C is opened again."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo, ProofError
from tinydigits.model import Backend
from tinydigits_export.c.backend import CBackend, read_source
from tinydigits_export.c.conv import to_conv
from tinydigits_export.c.dense import to_c
from tinydigits_export.c.source import CSource
from tinydigits_export.c.tiny import TinyBackend, to_tiny
from tinydigits_export.keras_model import Original
from tinydigits_train.data import Dataset

Writer = Callable[[Original, ModelInfo, NDArray[np.uint8]], CSource]
# By the type of the first layer. Each writer refuses networks whose other layers it does not know.
WRITERS: Mapping[str, Writer] = {"Conv2D": to_conv, "Dense": to_c}
SHAPE_ONLY = ("InputLayer", "Flatten", "Reshape", "Dropout")  # layers that compute nothing
TINY = "tiny.c"  # whatever the model is called


def write_c(original: Original, info: ModelInfo, data: Dataset) -> tuple[bytes, ...]:
    """Return the .c, .h, .ino and .md of a network. Raises ModelError where it is of no kind that
    can be written as C, or its name cannot begin the names of functions.
    """
    _check_not_tiny(original, info)
    if not (info.name.isidentifier() and info.name.isascii()):
        raise ModelError(
            f"{original.path}: C functions get the name of the model, so it may have letters, "
            "digits and _ only: rename the file"
        )
    kinds = (type(layer).__name__ for layer in original.model.layers)
    first = next((kind for kind in kinds if kind not in SHAPE_ONLY), "")
    source = WRITERS.get(first, to_c)(original, info, data.train.images)
    return source.contents


def open_c(path: Path, _data: bytes = b"") -> Backend:
    """Compile a .c file of `write_c`, with the .h beside it, for this machine."""
    return CBackend(read_source(path))


def write_tiny(original: Original, info: ModelInfo, data: Dataset) -> tuple[bytes, ...]:
    """Return the .c, .h, .ino and .md of the network for 1 kB of flash. Raises ProofError where
    the C does not answer as the network that it was written from.
    """
    _check_not_tiny(original, info)
    source = to_tiny(data.train, info)
    images = data.test.images
    found = TinyBackend(source.c, source.h).answers(images)
    if not np.array_equal(found, source.network.answers(images)):
        raise ProofError(f"{TINY}: does not answer as the network that it was made from")
    texts = (source.c, source.h, source.sketch, source.readme)
    return tuple(text.encode() for text in texts)


def open_tiny(path: Path, _data: bytes = b"") -> Backend:
    """Compile tiny.c, with the .h beside it, for this machine."""
    source = read_source(path)
    return TinyBackend(source.c, source.h)


def _check_not_tiny(original: Original, info: ModelInfo) -> None:
    if f"{info.name}.c".lower() == TINY:  # some file systems ignore case
        raise ModelError(
            f"{original.path}: rename it: {TINY} is how another network is called, the smallest"
        )
