"""Open a model: a bundled one, an ONNX file or a TFLite file, all behind one Protocol.

Whatever the recipe, a model takes `images` uint8 [N, 28, 28] and gives `scores` float32 [N, K],
one independent sigmoid for each of its K labels. A file that does not is refused.
"""

import hashlib
import math
import os
import re
import stat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import MissingExtra, ModelError
from tinydigits.info import (
    INPUT_NAME,
    METADATA_KEY,
    OUTPUT_NAME,
    ModelInfo,
    check_artifact,
    info_path,
    read_info,
)

BUNDLED = ("conv", "dense")  # the models in this package, most accurate first
MODELS = Path(__file__).with_name("models")
MAX_MODEL_BYTES = 256 * 1024 * 1024

# An external-data entry is a protobuf string pair with the key "location", here in every encoding
# that protobuf reads. It would make onnxruntime open other files, by names that the model chooses.
_EXTERNAL = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")

# The op_type of a convolution, as protobuf writes it.
_CONVOLUTION = b"\x22\x04Conv"
# How large arrays are cut: images a run of the network. Between its layers `conv` writes 30 times
# what it reads, which leaves the cache in larger runs: on one thread 22,000 images/s by 32, 17,000
# by 512. Of `dense`, a run by 32 is over before its call has paid: 1.6 million/s; 2.5 by 1,024, 1.2
# by 10,000.
_RUN, _RUN_OF_CONVOLUTIONS = 1024, 32
# For so long threads look out for the next run before they sleep, in µs. Left to itself, each burns
# a CPU for 20 ms after every run; versions of onnxruntime that do not know the setting still do.
_SPIN = ("session.intra_op.spin_duration_us", "200")
_NO_MODEL = "not an .onnx or .tflite file; `tinydigits export` makes both from a .keras file"
_OUTPUTS = [OUTPUT_NAME]  # named, they are not looked up: 0.4 µs
_EXPECTED = f"{INPUT_NAME} uint8 [N, 28, 28] → {OUTPUT_NAME} float32 [N, K]"


class Backend(Protocol):
    """A network that is ready to run."""

    metadata: ModelInfo | None
    """What the file itself says of the model; None where its format has no room for that."""

    classes: int
    """K, the number of scores."""

    sha256: str
    """Of the file."""

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8 [N, 28, 28], ink bright → float32 [N, K], each in [0, 1]."""
        ...


def load_model(
    model: str | os.PathLike[str] | None = None, threads: int = 1
) -> tuple[Backend, ModelInfo]:
    """The network and what it says of itself.

    `model`: the name of a bundled model, the path of an .onnx or .tflite file, or None for the
    most accurate bundled one. A file beside a NAME.json, as every bundled model and TFLite file
    has to be, is checked against the SHA-256 in it. Raises ModelError, or MissingExtra for a TFLite
    file where LiteRT is not installed. `threads`: see `OnnxBackend`; other files are run by one.
    """
    model = BUNDLED[0] if model is None else model
    if model in BUNDLED:
        return _described_beside(MODELS / f"{model}.onnx", threads)
    path = Path(model)
    if not path.exists() and not path.suffix:
        raise ModelError(f"{model}: no such model; bundled: {', '.join(BUNDLED)}; or pass a file")
    if path.suffix not in (".onnx", ".tflite"):
        _read(path)  # what is wrong with the file itself is said first
        raise ModelError(f"{path}: {_NO_MODEL}")
    if path.suffix == ".tflite" or info_path(path).exists():
        return _described_beside(path, threads)
    backend = open_backend(path, _read(path), threads)
    if backend.metadata is None:
        raise ModelError(
            f"{path}: has no `{METADATA_KEY}` metadata; `tinydigits export` makes files that do"
        )
    return _labelled(path, backend, backend.metadata)


def _described_beside(path: Path, threads: int) -> tuple[Backend, ModelInfo]:
    """A model whose NAME.json says what it is and what its SHA-256 must be."""
    data = _read(path)
    info = read_info(info_path(path))
    check_artifact(info, path.name, data, str(path))
    return _labelled(path, open_backend(path, data, threads), info)


def _labelled(path: Path, backend: Backend, info: ModelInfo) -> tuple[Backend, ModelInfo]:
    if len(info.labels) != backend.classes:
        raise ModelError(
            f"{path}: {backend.classes} scores, but labels for {len(info.labels)}: export it again"
        )
    return backend, info


def open_backend(path: Path, data: bytes, threads: int = 1) -> Backend:
    """The network in `data`, the bytes of the file `path`; its input and output are checked."""
    if path.suffix == ".onnx":
        return OnnxBackend(data, str(path), threads)
    if path.suffix == ".tflite":
        return LiteRTBackend(data, str(path))
    raise ModelError(f"{path}: {_NO_MODEL}")


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelError(f"{path}: a folder; name a model in it")
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: not a regular file")
        if status.st_size > MAX_MODEL_BYTES:
            raise ModelError(
                f"{path}: {status.st_size:,} bytes, over the limit of {MAX_MODEL_BYTES:,}"
            )
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error


class OnnxBackend:
    """onnxruntime. Large arrays are cut into runs, always the same, so that equal arrays have equal
    scores to the last bit, whatever the number of `threads`. More than one slow small arrays down,
    and do not come along when the process is forked; a copy sent to another process has one.
    """

    def __init__(self, data: bytes, origin: str, threads: int = 1) -> None:
        # It reports its use over the network unless it is told not to, which is done twice since
        # versions differ in what they listen to.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime  # 0.1 s: only when a model is opened
        except ImportError as error:  # as on a system whose C library is older than its own
            raise ModelError(
                f"{origin}: onnxruntime does not load here: {error}; install it anew"
            ) from error
        onnxruntime.disable_telemetry_events()
        if _EXTERNAL.search(data):
            raise ModelError(f"{origin}: keeps weights in other files; export it in one file")
        self._data, self._origin, self.threads = data, origin, threads
        self._run = _RUN_OF_CONVOLUTIONS if _CONVOLUTION in data else _RUN
        self.sha256 = hashlib.sha256(data).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry(*_SPIN)
        options.log_severity_level = 4  # what is wrong is raised; nothing is printed from here
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base but Exception
            raise ModelError(f"{origin}: not an ONNX model that runs here: {error}") from error
        self.classes = _checked(
            [(i.name, i.type, i.shape) for i in self._session.get_inputs()],
            [(o.name, o.type, o.shape) for o in self._session.get_outputs()],
            ("tensor(uint8)", "tensor(float)"),
            origin,
        )
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        self.metadata = ModelInfo.from_json(text, origin) if text is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        return OnnxBackend, (self._data, self._origin)

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(images) > self._run:
            starts = range(0, len(images), self._run)
            return np.concatenate([self.scores(images[at : at + self._run]) for at in starts])
        try:
            result = self._session.run(_OUTPUTS, {INPUT_NAME: images})[0]
        except Exception as error:  # its exceptions share no base but Exception
            raise ModelError(f"{self._origin}: fails when it is run: {error}") from error
        return _sound(result, len(images), self.classes, self._origin)


class LiteRTBackend:
    """LiteRT, one image at a time, which is the shape a TFLite file is made for, on one thread."""

    metadata: ModelInfo | None = None
    threads = 1

    def __init__(self, data: bytes, origin: str) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter

            from tinydigits.quiet import quiet_native_code
        except ModuleNotFoundError as error:
            raise MissingExtra("a .tflite model", "LiteRT", "litert") from error
        except ImportError as error:
            raise ModelError(
                f"{origin}: LiteRT does not load here: {error}; install it anew"
            ) from error
        self._data, self._origin = data, origin
        self.sha256 = hashlib.sha256(data).hexdigest()
        try:
            with quiet_native_code():  # it tells of its delegate
                self._interpreter = Interpreter(model_content=data, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{origin}: not a TFLite model that runs here: {error}") from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()

        def described(tensors: list[dict[str, Any]]) -> list[tuple[str, Any, list[Any]]]:
            # Made for one image, but one after the other is as good as N.
            return [(t["name"], t["dtype"], ["N", *t["shape"][1:].tolist()]) for t in tensors]

        self.classes = _checked(
            described(inputs), described(outputs), (np.uint8, np.float32), origin
        )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    def __reduce__(self) -> tuple[Any, ...]:
        return LiteRTBackend, (self._data, self._origin)

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        result = np.empty((len(images), self.classes), np.float32)
        try:
            for row, image in zip(result, images, strict=True):
                self._interpreter.set_tensor(self._input, image[np.newaxis])
                self._interpreter.invoke()
                row[:] = self._interpreter.get_tensor(self._output)[0]
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{self._origin}: fails when it is run: {error}") from error
        return _sound(result, len(images), self.classes, self._origin)


def _sound(
    scores: NDArray[np.float32], count: int, classes: int, origin: str
) -> NDArray[np.float32]:
    # The sum of their squares is a number only if each of them is, and is had in 1 µs, not in 2.4;
    # it is none of large numbers either, so that each is looked at before they are refused.
    if scores.shape != (count, classes) or not (
        math.isfinite(np.vdot(scores, scores)) or np.isfinite(scores).all()
    ):
        raise ModelError(
            f"{origin}: gives scores {list(scores.shape)}, or some that are no numbers, where "
            f"finite ones [{count}, {classes}] were expected"
        )
    return scores


def _checked(
    inputs: list[tuple[str, Any, list[Any]]],
    outputs: list[tuple[str, Any, list[Any]]],
    dtypes: tuple[Any, Any],
    origin: str,
) -> int:
    """K, the number of scores, of a network whose input and output are the contract's."""
    if len(inputs) == len(outputs) == 1:
        (in_name, in_type, in_shape), (out_name, out_type, out_shape) = inputs[0], outputs[0]
        if (
            (in_name, out_name, in_type, out_type) == (INPUT_NAME, OUTPUT_NAME, *dtypes)
            and len(in_shape) == 3
            and in_shape[1:] == [28, 28]
            and not isinstance(in_shape[0], int)
            and len(out_shape) == 2
            and isinstance(out_shape[1], int)
        ):
            return int(out_shape[1])
    found = " → ".join(
        ", ".join(f"{name} {getattr(dtype, '__name__', dtype)} {shape}" for name, dtype, shape in s)
        for s in (inputs, outputs)
    )
    raise ModelError(f"{origin}: takes and gives {found}, where {_EXPECTED} was expected")
