"""The two forms of C as files: `c`, and `tiny` for 1 kB of flash.

`c` is written from the original; `tiny` is a network of its own, trained on the same digits.
"""

from pathlib import Path

import numpy as np

from tinydigits import ModelError, ModelInfo, ProofError
from tinydigits.model import Backend
from tinydigits_export.c.backend import CBackend, read_source
from tinydigits_export.c.conv import to_conv
from tinydigits_export.c.dense import CSource, to_c
from tinydigits_export.c.tiny import TinyBackend, to_tiny
from tinydigits_export.keras_model import Original
from tinydigits_train.data import Dataset

BESIDE = (".h", ".ino", ".md")  # what comes with a .c: listed, and proved with it
TINY = "tiny.c"  # whatever the model is called: so its functions are, too


def c_files(format_: str, original: Original, info: ModelInfo, data: Dataset) -> dict[str, bytes]:
    """File name → content, the .c first. Raises ModelError where the model does not fit the
    format, and ProofError where the C of `tiny` does not answer as the network it was made from.
    """
    if f"{info.name}.c".lower() == TINY:  # some file systems tell no case
        raise ModelError(
            f"{original.path}: rename it: {TINY} is how another network is called, the smallest"
        )
    if format_ == "tiny":
        return _tiny_files(info, data)
    if not (info.name.isidentifier() and info.name.isascii()):
        raise ModelError(
            f"{original.path}: C functions are named for the model, so letters, digits and _ are "
            "all that its name may have: rename the file"
        )
    writer = to_conv if _convolves(original) else to_c
    return _texts(writer(original, info, data.train.images))


def _convolves(original: Original) -> bool:
    return any(type(layer).__name__ == "Conv2D" for layer in original.model.layers)


def _texts(source: CSource) -> dict[str, bytes]:
    texts = {".c": source.c, ".h": source.h, ".ino": source.sketch, ".md": source.readme}
    return {f"{source.name}{ending}": text.encode() for ending, text in texts.items()}


def _tiny_files(info: ModelInfo, data: Dataset) -> dict[str, bytes]:
    source = to_tiny(data.train, info)
    images = data.test.images
    found = TinyBackend(source.c, source.h).answers(images)
    if not np.array_equal(found, source.network.answers(images)):
        raise ProofError(f"{TINY}: does not answer as the network that it was made from")
    texts = (source.c, source.h, source.sketch, source.readme)
    names = (TINY, "tiny.h", "tiny.ino", "tiny.md")
    return {name: text.encode() for name, text in zip(names, texts, strict=True)}


def open_c(path: Path) -> Backend:
    """A .c file of either form, with the .h beside it, compiled for this machine."""
    if path.name == TINY:
        try:
            texts = [file.read_text("utf-8") for file in (path, path.with_suffix(".h"))]
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: cannot be read with its .h: {error}") from error
        return TinyBackend(*texts)
    return CBackend(read_source(path))
