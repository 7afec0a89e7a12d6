"""Open a model: a bundled one, an ONNX file or a TFLite file, all behind one Protocol.

Every model takes `images` uint8 [N, 28, 28] and returns `scores` float32 [N, K], one for each of
its K labels, in [0, 1]. A file that does otherwise is refused.
"""

import os
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tinydigits.backends import LiteRTBackend, NumpyBackend, OnnxBackend, load_onnxruntime
from tinydigits.errors import ModelError
from tinydigits.info import METADATA_KEY, ModelInfo, check_artifact, info_path, read_info
from tinydigits.regular import open_regular
from tinydigits.text import similar

BUNDLED = ("conv", "light", "dense")  # the models in this package, most accurate first
SECOND = {"conv": "light"}  # the bundled model that is asked too where numbers are read
MODELS = Path(__file__).with_name("models")
MAX_MODEL_BYTES = 256 * 1024 * 1024

BackendName = Literal["onnxruntime", "numpy", "litert"]
_NO_MODEL = "not an .onnx or .tflite file; `tinydigits export` makes both from a .keras file"


class Backend(Protocol):
    """A network that is ready to run. It can be pickled."""

    name: str  # of what runs it
    metadata: ModelInfo | None  # the file's own description; None where its format has none
    classes: int  # K, the number of scores
    sha256: str  # of the file

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network. images: uint8 [N, 28, 28], ink bright → float32 [N, K] in [0, 1]."""
        ...


def load_model(
    model: str | os.PathLike[str] | None = None,
    threads: int = 1,
    backend: BackendName | None = None,
) -> tuple[Backend, ModelInfo]:
    """Open a network, and read its description.

    `model`: the name of a bundled model, the path of an .onnx or .tflite file, or None for the
    most accurate bundled one. A file with a NAME.json beside it, which bundled models and TFLite
    files must have, is checked against the SHA-256 in it. `threads`: see `backends.OnnxBackend`;
    the other backends take none. `backend`: what runs the network; litert runs TFLite files, and
    the others ONNX files. None means litert for a TFLite file, and for others onnxruntime where it
    is installed and loads, else numpy.

    Raises ModelError, or MissingExtra for a TFLite file where LiteRT is not installed.
    """
    model = BUNDLED[0] if model is None else model
    if model in BUNDLED:
        ending = ".tflite" if backend == "litert" else ".onnx"
        return _described_beside(MODELS / f"{model}{ending}", threads, backend)
    path = Path(model)
    if not path.exists() and not path.suffix:
        meant = similar(str(model), BUNDLED)
        hint = f"; did you mean {meant}?" if meant else ""
        raise ModelError(
            f"{model}: no such model; bundled: {', '.join(BUNDLED)}; or pass a file{hint}"
        )
    if path.suffix not in (".onnx", ".tflite"):
        _read(path)  # raises first what is wrong with the file itself
        raise ModelError(f"{path}: {_NO_MODEL}")
    if path.suffix == ".tflite" or info_path(path).exists():
        return _described_beside(path, threads, backend)
    opened = open_backend(path, _read(path), threads, backend)
    if opened.metadata is None:
        raise ModelError(
            f"{path}: has no `{METADATA_KEY}` metadata; `tinydigits export` makes files that do"
        )
    return _agreeing(path, opened, opened.metadata)


def load_second(
    model: str | os.PathLike[str] | None, threads: int, backend: BackendName | None
) -> Backend | None:
    """Open the network that is asked too where `model` reads numbers; None where there is none."""
    second = SECOND.get(str(BUNDLED[0] if model is None else model))
    return load_model(second, threads, backend)[0] if second else None


def _described_beside(
    path: Path, threads: int, backend: BackendName | None
) -> tuple[Backend, ModelInfo]:
    """Open a model that a NAME.json describes, SHA-256 included."""
    data = _read(path)
    info = read_info(info_path(path))
    check_artifact(info, path.name, data, str(path))
    return _agreeing(path, open_backend(path, data, threads, backend), info)


def _agreeing(path: Path, backend: Backend, info: ModelInfo) -> tuple[Backend, ModelInfo]:
    """Return both. Raise ModelError where they disagree, or scores on trial leave [0, 1]."""
    if len(info.labels) != backend.classes:
        raise ModelError(
            f"{path}: {backend.classes} scores, but labels for {len(info.labels)}: export it again"
        )
    backend.scores(_trials())
    return backend, info


def _trials() -> NDArray[np.uint8]:
    """Return uint8 [4, 28, 28]: no ink, ink everywhere, a vertical bar, and noise. A network whose
    scores leave [0, 1] shows it on these, so that it is refused before a picture is read.
    """
    trials = np.zeros((4, 28, 28), np.uint8)
    trials[1] = 255
    trials[2, 4:24, 13:16] = 255
    trials[3].flat = np.arange(784) ** 2 * 40503 >> 8  # the same noise everywhere
    return trials


def open_backend(
    path: Path, data: bytes, threads: int = 1, backend: BackendName | None = None
) -> Backend:
    """Open the network in `data`, the bytes of the file `path`; check its input and output. Raises
    as `load_model` does.
    """
    if path.suffix not in (".onnx", ".tflite"):
        raise ModelError(f"{path}: {_NO_MODEL}")
    if backend is not None and (path.suffix == ".tflite") != (backend == "litert"):
        raise ModelError(
            f"{path}: the backend {backend} does not run {path.suffix} files: leave it out"
        )
    if path.suffix == ".tflite":
        return LiteRTBackend(data, str(path))
    if backend == "numpy" or (backend is None and load_onnxruntime()[1]):
        return NumpyBackend(data, str(path))
    return OnnxBackend(data, str(path), threads)


def _read(path: Path) -> bytes:
    try:
        descriptor, size = open_regular(path)
        with os.fdopen(descriptor, "rb") as file:
            if size > MAX_MODEL_BYTES:
                raise ModelError(f"{path}: {size:,} bytes, over the limit of {MAX_MODEL_BYTES:,}")
            return file.read()
    except IsADirectoryError as error:
        raise ModelError(f"{path}: a folder; name a model in it") from error
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
