"""The original: a .keras file, opened in safe mode and held to the model contract."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError
from tinydigits.fitting import Fit
from tinydigits_train.batches import scores_of
from tinydigits_train.labelled_folder import DIGITS
from tinydigits_train.tensorflow import load_tensorflow

_KINDS = {  # first bytes of what people pass by mistake
    b"\x80": "a Python pickle, which could run any code when opened",
    b"\x89HDF": "a Keras 2 HDF5 file: load it in Keras and save it as .keras",
    b"\x1f\x8b": "a gzip file",
}


@dataclass(frozen=True, slots=True)
class Original:
    """A Keras model of the contract: 784 values in [0, 1], in any shape, → K sigmoids."""

    path: Path
    model: Any
    sha256: str
    labels: tuple[str, ...]
    # The record that `tinydigits train` wrote beside it. Empty if that is missing, or belongs to
    # another file.
    record: Mapping[str, Any]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one image, as the network takes it: (784,), (28, 28) or (28, 28, 1)."""
        return tuple(self.model.input_shape[1:])

    @property
    def fit(self) -> Fit:
        """How its training pictures were brought to 28×28."""
        found = self.record.get("fit", "auto")
        if found not in get_args(Fit):
            raise ModelError(f"{self.path}: its record asks for fit={found!r}, unknown here")
        fit: Fit = found
        return fit

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the model in Keras. images: uint8 [N, 28, 28] → float32 [N, K]."""
        return scores_of(self.model, images)


def open_original(path: Path, purpose: str = "export") -> Original:
    """Open a .keras file. Raises ModelError, which says what was found, if it is not a model of the
    contract, and MissingExtra, which names the `purpose`, without TensorFlow.
    """
    if path.stem.endswith(".int8"):
        raise ModelError(f"{path}: rename it: {path.stem}.tflite is the name of an int8 file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; `tinydigits train` makes one") from error
    if not data.startswith(b"PK\x03\x04"):
        kind = next((kind for head, kind in _KINDS.items() if data.startswith(head)), None)
        raise ModelError(
            f"{path}: not a Keras file, but {kind or f'one that starts with {data[:8]!r}'}"
        )
    keras = load_tensorflow(purpose, "export").keras
    try:
        # Safe mode refuses layers that carry code (Lambda).
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    # Keras raises ValueError, TypeError, KeyError, zipfile and h5py errors: no common base.
    except Exception as error:
        raise ModelError(f"{path}: Keras cannot open it safely: {_first_line(error)}") from error
    if not isinstance(model, keras.Model) or not model.built:
        raise ModelError(
            f"{path}: holds a {type(model).__name__}, not a model that is ready to run"
        )
    classes = _check(model, path)
    sha256 = hashlib.sha256(data).hexdigest()
    record = _record(path, sha256)
    labels = tuple(str(label) for label in record.get("labels", DIGITS))
    if len(labels) != classes:
        raise ModelError(f"{path}: {classes} outputs, where {len(labels)} labels were expected")
    return Original(path, model, sha256, labels, record)


def _check(model: Any, path: Path) -> int:
    """Return the number of outputs. Raises ModelError if it is not a model of the contract."""
    inputs, outputs = model.inputs, model.outputs
    found = (
        f"{', '.join(f'{i.dtype} {list(i.shape)}' for i in inputs)} → "
        f"{', '.join(f'{o.dtype} {list(o.shape)}' for o in outputs)}"
    )
    if (
        len(inputs) != 1
        or len(outputs) != 1
        or inputs[0].dtype != "float32"
        or tuple(inputs[0].shape[1:]) not in ((784,), (28, 28), (28, 28, 1))
        or len(outputs[0].shape) != 2
    ):
        raise ModelError(
            f"{path}: takes and gives {found}, where float32 [None, 784] (or [None, 28, 28] or "
            "[None, 28, 28, 1]) → float32 [None, K] was expected"
        )
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "none")
    if activation != "sigmoid":
        raise ModelError(
            f"{path}: ends in activation {activation}, where sigmoid was expected: the scores "
            "must be independent of each other"
        )
    return int(outputs[0].shape[1])


def _record(path: Path, sha256: str) -> Mapping[str, Any]:
    beside = path.with_suffix(".train.json")
    try:
        record: dict[str, Any] = json.loads(beside.read_text("utf-8"))
        if record["keras_sha256"] != sha256:
            return {}
        for name, kind in (("recipe", str), ("labels", list), ("data", dict), ("metrics", dict)):
            if not isinstance(record[name], kind):
                raise TypeError(f"{name} is no {kind.__name__}")
        return record
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{beside}: damaged ({error!r}): delete it or train again") from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), repr(error))
