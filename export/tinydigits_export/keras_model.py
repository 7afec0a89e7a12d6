"""The original: a .keras or .h5 file, opened in safe mode and brought to the model contract."""

import dataclasses
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
from tinydigits_export.fold import chained
from tinydigits_export.ranges import RANGES, UNIT, Found, Range, find_range
from tinydigits_train.batches import scores_of
from tinydigits_train.labelled_folder import DIGITS, Digits
from tinydigits_train.tensorflow import load_tensorflow

_KINDS = {  # first bytes of what people pass by mistake
    b"\x80": "a Python pickle, which could run any code when opened",
    b"\x1f\x8b": "a gzip file",
    b"\x08": "an ONNX file, which `tinydigits adopt` takes",
}


@dataclass(frozen=True, slots=True)
class Original:
    """A Keras model: 784 values, in any shape, → K numbers. `adapted` brings it to the contract:
    values in [0, 1] → scores in [0, 1].
    """

    path: Path
    model: Any
    sha256: str
    labels: tuple[str, ...]
    # The record that `tinydigits train` wrote beside it. Empty if that is missing, or belongs to
    # another file.
    record: Mapping[str, Any]
    # The finding of `adapted`. None where the record says that `tinydigits train` made the model.
    found: Found | None = None

    @property
    def activation(self) -> str:
        """The last activation: "sigmoid", or "softmax", whose scores sum to 1."""
        return "softmax" if self.found and self.found.gives != "sigmoid" else "sigmoid"

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

    def adapted(
        self, test: Digits, labels: tuple[str, ...], range_: str | None = None
    ) -> "Original":
        """Return the same network with what it lacks of the contract: its range, a softmax after
        logits, and the labels of its data. A model that `tinydigits train` made lacks nothing.

        range_: a name in RANGES; by default, `find_range` finds it. Raises ModelError if the
        network has not as many outputs as the data has classes, or reads no better than chance.
        """
        if self.record:
            return self
        if len(self.labels) != len(labels):
            raise ModelError(
                f"{self.path}: {len(self.labels)} outputs, where {len(labels)} labels were "
                f"expected: {', '.join(labels)}; pass --data with what it was trained on"
            )
        if range_ and range_ not in RANGES:
            raise ModelError(f"{self.path}: range {range_!r}, where {', '.join(RANGES)} are known")

        def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
            shaped = pixels.reshape(-1, *self.input_shape)
            outputs: NDArray[np.float32] = self.model.predict(shaped, batch_size=1000, verbose=0)
            return outputs

        found = find_range(run, test, str(self.path), RANGES[range_] if range_ else None)
        model = _completed(self.model, found.range, found.gives == "logits")
        return dataclasses.replace(self, model=model, labels=labels, found=found)


def open_original(path: Path, purpose: str = "export") -> Original:
    """Open a .keras or .h5 file. Raises ModelError, which says what was found, if it does not take
    images of 28×28, and MissingExtra, which names the `purpose`, without TensorFlow.
    """
    if path.stem.endswith(".int8"):
        raise ModelError(f"{path}: rename it: {path.stem}.tflite is the name of an int8 file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; `tinydigits train` makes one") from error
    hdf5 = data.startswith(b"\x89HDF")
    if hdf5 and path.suffix != ".h5":
        raise ModelError(f"{path}: an HDF5 file: rename it to {path.stem}.h5")
    if not hdf5 and not data.startswith(b"PK\x03\x04"):
        kind = next((kind for head, kind in _KINDS.items() if data.startswith(head)), None)
        raise ModelError(
            f"{path}: not a Keras file, but {kind or f'one that starts with {data[:8]!r}'}"
        )
    keras = load_tensorflow(purpose, "export").keras
    try:
        # Safe mode refuses layers that carry code (Lambda), which Keras before 3.11.3 lets an HDF5
        # file run all the same.
        if hdf5 and "Lambda" in _classes_in(path):
            raise ValueError("it holds a Lambda layer, which carries code")
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
    # `adapted` replaces labels that nothing but the data can tell.
    unknown = DIGITS if classes == len(DIGITS) else map(str, range(classes))
    labels = tuple(str(label) for label in record.get("labels", unknown))
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
    return int(outputs[0].shape[1])


def _classes_in(path: Path) -> set[str]:
    """Return the classes of all layers in an HDF5 file. Raises ValueError if it has no layers."""
    import h5py

    with h5py.File(path) as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise ValueError("it holds weights alone: save the whole model, with model.save")
    classes: set[str] = set()
    json.loads(text, object_hook=lambda each: classes.add(str(each.get("class_name"))))
    return classes


def _completed(model: Any, range_: Range, logits: bool) -> Any:
    """Return a model of values in [0, 1] → scores, as a plain chain of layers if it is one."""
    keras = load_tensorflow("export", "export").keras
    before, after = [], []
    if range_ is not UNIT:
        before.append(keras.layers.Rescaling(range_.scale, range_.offset, name="tinydigits_range"))
    if logits:
        after.append(keras.layers.Activation("softmax", name="tinydigits_scores"))
    image = keras.Input(model.input_shape[1:])
    chain = chained(keras, model)
    if not before and not after and (chain is None or chain == model.layers):
        return model
    if chain is not None:
        return keras.Sequential([image, *before, *chain, *after], name=model.name)
    values = image
    for layer in (*before, model, *after):
        values = layer(values)
    return keras.Model(image, values, name=model.name)


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
