"""The backends: what runs a network. Each takes images and returns scores in [0, 1]."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import MissingExtra, ModelError
from tinydigits.info import INPUT_NAME, METADATA_KEY, OUTPUT_NAME, ModelInfo
from tinydigits.quiet import quiet_native_code

Described = Sequence[tuple[str, Any, list[Any]]]  # name, type and shape of inputs or outputs
NOT_INSTALLED = "onnxruntime is not installed"

# An external-data entry is a protobuf string pair with the key "location". This matches every
# encoding of it that protobuf reads. It would make onnxruntime open files that the model names.
_EXTERNAL = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")

# The op_type of a convolution, in protobuf's encoding.
_CONVOLUTION = b"\x22\x04Conv"
# Large arrays are answered in batches of so many images. `conv` writes 30 times what it reads
# between its layers, which exceeds the cache in larger batches: one thread answers 22,000 images/s
# by 32, 17,000 by 512. For `dense`, small batches cost more in calls: 1.6 million/s by 32, 2.5 by
# 1,024, 1.2 by 10,000.
_BATCH, _BATCH_OF_CONVOLUTIONS = 1024, 32
# µs that threads wait for the next batch before they sleep. By default each burns a CPU for 20 ms
# after every batch, and still does in versions of onnxruntime that do not know this setting.
_SPIN = ("session.intra_op.spin_duration_us", "200")
ROUNDING = 1e-6  # scores may leave [0, 1] by this much: some builds of onnxruntime give -6e-8
_BITS, _ONE = np.dtype(np.uint32), int(np.float32(1).view(np.uint32))
_KEPT = 1 << 24  # bytes
_OUTPUTS = [OUTPUT_NAME]  # named, so that they are not looked up: 0.4 µs
_EXPECTED = f"{INPUT_NAME} uint8 [N, 28, 28] → {OUTPUT_NAME} float32 [N, K]"


@cache
def load_onnxruntime() -> tuple[Any, str]:
    """Import onnxruntime. Return the module and an empty text, or None and why there is none."""
    # It reports its use over the network unless it is told not to. It is told twice, since versions
    # differ in what they obey.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        with quiet_native_code(loads=True):
            import onnxruntime  # takes 0.1 s

            onnxruntime.disable_telemetry_events()
    except Exception as error:  # such as where the system's C library is too old
        if isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime":
            return None, NOT_INSTALLED
        return None, f"onnxruntime does not load here: {error}"
    return onnxruntime, ""


class _OnnxFile:
    """A network in an ONNX file. Large arrays are cut into batches of a fixed size, so that equal
    arrays have equal scores to the last bit, whatever the number of threads.
    """

    threads = 1

    def __init__(self, data: bytes, origin: str, threads: int = 1) -> None:
        if _EXTERNAL.search(data):
            raise ModelError(f"{origin}: keeps weights in other files; export it in one file")
        self._data, self._origin = data, origin
        self._batch = _BATCH_OF_CONVOLUTIONS if _CONVOLUTION in data else _BATCH
        self.sha256 = hashlib.sha256(data).hexdigest()
        try:
            inputs, outputs, metadata = self._open(threads)
        except ModelError:
            raise
        except UnicodeDecodeError as error:
            raise ModelError(
                f"{origin}: holds names or metadata that are not UTF-8; export it again"
            ) from error
        except Exception as error:  # errors of onnxruntime, and of damaged files, have no base
            raise ModelError(f"{origin}: not an ONNX model that runs here: {error}") from error
        self.classes = _checked(inputs, outputs, ("tensor(uint8)", "tensor(float)"), origin)
        text = metadata.get(METADATA_KEY)
        self.metadata = ModelInfo.from_json(text, origin) if text is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._data, self._origin)

    def _open(self, threads: int) -> tuple[Described, Described, Mapping[str, str]]:
        """Open the network. Return its inputs, its outputs, and its metadata."""
        raise NotImplementedError

    def _run(self, images: NDArray[np.uint8]) -> Any:
        raise NotImplementedError

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(images) > self._batch:
            starts = range(0, len(images), self._batch)
            return np.concatenate([self.scores(images[at : at + self._batch]) for at in starts])
        try:
            result = self._run(images)
        except Exception as error:  # as above
            raise ModelError(f"{self._origin}: fails when it is run: {error}") from error
        return _sound(result, len(images), self.classes, self._origin)


class OnnxBackend(_OnnxFile):
    """onnxruntime. Several `threads` slow small arrays down, and are lost when the process is
    forked; a copy in another process has one.
    """

    name = "onnxruntime"

    def _open(self, threads: int) -> tuple[Described, Described, Mapping[str, str]]:
        onnxruntime, why = load_onnxruntime()
        if why:
            get = "pip install onnxruntime" if why == NOT_INSTALLED else "install it anew"
            raise ModelError(f"{self._origin}: {why}: {get}, or choose the backend numpy")
        self.threads = threads
        # Errors are raised. Debian's onnxruntime prints 567 lines with the first session.
        with quiet_native_code(shows_on_failure=False, loads=True):
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
            options.add_session_config_entry(*_SPIN)
            options.log_severity_level = 4
            self._session = onnxruntime.InferenceSession(
                self._data, options, providers=["CPUExecutionProvider"]
            )
            inputs, outputs = (
                [(tensor.name, tensor.type, tensor.shape) for tensor in tensors]
                for tensors in (self._session.get_inputs(), self._session.get_outputs())
            )
            return inputs, outputs, self._session.get_modelmeta().custom_metadata_map

    def _run(self, images: NDArray[np.uint8]) -> Any:
        return self._session.run(_OUTPUTS, {INPUT_NAME: images})[0]


class NumpyBackend(_OnnxFile):
    """NumPy, for machines without onnxruntime. It answers a third as many images in a second, by
    as many threads as NumPy's own settings say.
    """

    name = "numpy"

    def _open(self, threads: int) -> tuple[Described, Described, Mapping[str, str]]:  # noqa: ARG002
        from tinydigits.onnx_graph import Graph, UnknownOperator

        # Once so much memory was freed, glibc keeps as much for the next layer. Else it returns it
        # to the system, and half of the time goes into getting it back.
        np.empty(_KEPT, np.uint8)
        try:
            self._graph = Graph(self._data)
        except UnknownOperator as error:
            raise ModelError(
                f"{self._origin}: the backend numpy does not know the operator {error}: use the "
                "backend onnxruntime"
            ) from error
        return self._graph.inputs, self._graph.outputs, self._graph.metadata

    def _run(self, images: NDArray[np.uint8]) -> Any:
        return self._graph.run(**{INPUT_NAME: images})[0]


class LiteRTBackend:
    """LiteRT, one image at a time, since a TFLite file is made for that shape, on one thread."""

    name = "litert"
    metadata: ModelInfo | None = None
    threads = 1

    def __init__(self, data: bytes, origin: str) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as error:
            raise MissingExtra("a .tflite model", "LiteRT", "litert") from error
        except ImportError as error:
            raise ModelError(
                f"{origin}: LiteRT does not load here: {error}; install it anew"
            ) from error
        self._data, self._origin = data, origin
        self.sha256 = hashlib.sha256(data).hexdigest()
        try:
            with quiet_native_code():  # it prints the name of its delegate
                self._interpreter = Interpreter(model_content=data, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{origin}: not a TFLite model that runs here: {error}") from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()

        def described(tensors: list[dict[str, Any]]) -> list[tuple[str, Any, list[Any]]]:
            # The file takes one image; N are answered one after the other.
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
    """Return the scores, those within ROUNDING of [0, 1] clipped. Raise ModelError for others."""
    if scores.shape != (count, classes):
        raise ModelError(
            f"{origin}: returns scores {list(scores.shape)}, where [{count}, {classes}] were "
            "expected"
        )
    # The bits of floats in [0, 1], read as whole numbers, are at most _ONE. Those of negative ones,
    # NaN and infinity are more. To look for the largest takes 0.6 µs; min and max take 3.
    bits = scores.view(_BITS)
    if scores.size == 0 or bits.item(bits.argmax()) <= _ONE:
        return scores
    least, largest = float(scores.min()), float(scores.max())
    if least >= -ROUNDING and largest <= 1 + ROUNDING:
        return scores.clip(0, 1)
    raise ModelError(
        f"{origin}: returns scores from {least:.3g} to {largest:.3g}, where scores in [0, 1] were "
        "expected; let the network end in sigmoids or in a softmax"
    )


def _checked(inputs: Described, outputs: Described, dtypes: tuple[Any, Any], origin: str) -> int:
    """Return K, the number of scores. Raise ModelError where input or output break the contract."""
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
    raise ModelError(
        f"{origin}: takes and gives {found}, where {_EXPECTED} was expected; `tinydigits adopt` "
        "wraps ONNX files that were made elsewhere"
    )
