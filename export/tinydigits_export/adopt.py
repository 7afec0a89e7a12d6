"""Adopt an ONNX file of another's making: wrap it into the model contract, and measure it.

What PyTorch, scikit-learn or the ONNX model zoo write takes floats in a range that the file does
not name, and often gives logits. The wrapped file takes `images` uint8 [N, 28, 28] and gives
`scores` float32 [N, K]; the network in it is unchanged.
"""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import MissingExtra, ModelError, ModelInfo, ProofError, __version__
from tinydigits.info import INPUT_NAME, METADATA_KEY, OUTPUT_NAME, Artifact, info_path
from tinydigits.model import open_backend
from tinydigits.quiet import quiet_native_code
from tinydigits.sinks.files import replaced_path, writing
from tinydigits_export.bundle import REFUSED_SHARE
from tinydigits_export.formats import FORMATS
from tinydigits_export.proof import Reference, compare, failures
from tinydigits_export.ranges import Found, Range, find_range
from tinydigits_export.to_onnx import OPSET
from tinydigits_train.batches import calibrated
from tinydigits_train.labelled_folder import Dataset

BATCH = 1000  # images a call
CALIBRATION = 10_000  # training images, evenly spaced, that set the thresholds
PREFIX = "adopted/"  # of all names in the network, so that none is that of a node around it
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """A network as it came, ready to run."""

    path: Path
    proto: Any  # onnx.ModelProto
    session: Any  # onnxruntime.InferenceSession
    input: str
    dtype: Any  # the input's, a NumPy type
    shape: tuple[int, ...]  # of one image: 784 values
    output: str
    many: bool  # whether it takes any number of images; otherwise it takes one

    def run(self, pixels: Floats) -> Floats:
        """Run the network. float32 [N, 28, 28] in its range → float32 [N, K]."""
        size = BATCH if self.many else 1
        found = [
            self.session.run([self.output], {self.input: batch.astype(self.dtype)})[0]
            for batch in np.split(pixels.reshape(-1, *self.shape), range(size, len(pixels), size))
        ]
        return np.concatenate(found).reshape(len(pixels), -1).astype(np.float32)


def adopt(
    path: Path, output: Path, data: Dataset, range_: Range | None = None
) -> tuple[ModelInfo, Found]:
    """Write `output` (.onnx), which reads as the ONNX file `path` does, and its NAME.json.

    range_: what the network takes; by default, `find_range` finds it. Raises ModelError if it is no
    network for images of 28×28 and the classes of the data, ProofError if the written file differs
    from it, and SinkError.
    """
    network = open_network(path, len(data.labels))
    found = find_range(network.run, data.test, str(path), range_)

    def scores(images: NDArray[np.uint8]) -> Floats:
        outputs = network.run(found.range.of(images))
        if found.gives != "logits":
            return outputs
        exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

    shown = data.train.images[:: max(1, len(data.train.images) // CALIBRATION)]
    reference = Reference(scores(data.test.images), data.test)
    errors = len(data.test.labels) - round(reference.accuracy * len(data.test.labels))
    info = ModelInfo(
        name=output.stem,
        recipe=path.stem,
        labels=data.labels,
        parameters=sum(int(np.prod(t.dims)) for t in network.proto.graph.initializer),
        keras_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        created_by=f"tinydigits {__version__}, adopted",
        fit=data.fit,
        trained_on={"adopted": path.name, "range": found.range.name},
        metrics={"test": {"accuracy": round(reference.accuracy, 6), "errors": errors}},
        thresholds=calibrated(scores(shown), REFUSED_SHARE, REFUSED_SHARE),
        activation="sigmoid" if found.gives == "sigmoid" else "softmax",
    )
    wrapped = wrap(network, found, info)
    parity = compare(reference, open_backend(output, wrapped))
    if broken := failures(parity, reference, FORMATS["onnx"].tolerance):
        raise ProofError(f"{output}: differs from {path}: {', '.join(broken)}")
    artifact = Artifact(len(wrapped), hashlib.sha256(wrapped).hexdigest())
    card = dataclasses.replace(
        info, artifacts={output.name: artifact}, parity={output.name: parity}
    )
    with (
        writing(str(output)),
        replaced_path(info_path(output)) as card_part,
        replaced_path(output) as part,
    ):
        part.write_bytes(wrapped)
        card_part.write_text(card.to_json() + "\n", "utf-8")
    return card, found


def open_network(path: Path, classes: int) -> Network:
    """Open an ONNX file. Raises ModelError, which says what was found, if it is no network with one
    input for images of 28×28 and a score for each of the classes.
    """
    try:
        import onnx
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtra("adopting a model", "onnx", "export") from error
    try:
        proto = onnx.load(path)  # with the weights that it keeps in files beside it
        with quiet_native_code(shows_on_failure=False):
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            session = onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except Exception as error:  # protobuf's and onnxruntime's errors have no common base
        raise ModelError(
            f"{path}: not an ONNX model that runs here: {str(error).partition(chr(10))[0]}; "
            "torch.onnx.export makes one of a PyTorch model, `tinydigits export` of a Keras model"
        ) from error
    own = {node.op_type for node in proto.graph.node if node.domain not in ("", "ai.onnx")}
    if own := own - {function.name for function in proto.functions}:
        raise ModelError(f"{path}: uses {', '.join(sorted(own))}, which are no ONNX operators")
    found = ", ".join(
        f"{tensor.name} {tensor.type} {tensor.shape}"
        for tensor in (*session.get_inputs(), *session.get_outputs())
    )
    wrong = ModelError(
        f"{path}: takes and gives {found}, where one input of 28×28 values (such as float "
        f"[N, 1, 28, 28]) and an output [N, {classes}] were expected"
    )
    inputs = session.get_inputs()
    shape = tuple(inputs[0].shape[1:]) if len(inputs) == 1 else ()
    if not all(isinstance(side, int) for side in shape) or np.prod(shape, dtype=int) != 784:
        raise wrong
    elem_type = next(
        value.type.tensor_type.elem_type
        for value in proto.graph.input
        if value.name == inputs[0].name
    )
    dtype = onnx.helper.tensor_dtype_to_np_dtype(elem_type)
    # A free first dimension may be free in name alone.
    for count in (1,) if inputs[0].shape[0] == 1 else (2, 1):
        images = {inputs[0].name: np.zeros((count, *shape), dtype)}
        try:
            answers = session.run(None, images)
        except Exception as error:  # its errors have no other base
            if count == 1:
                raise wrong from error
            continue
        for tensor, answer in zip(session.get_outputs(), answers, strict=True):
            if getattr(answer, "size", 0) == count * classes and answer.dtype.kind == "f":
                return Network(
                    path, proto, session, inputs[0].name, dtype, shape, tensor.name, count > 1
                )
    raise wrong


def wrap(network: Network, found: Found, info: ModelInfo) -> bytes:
    """Return the network as an ONNX file of the model contract, with `info` in its metadata."""
    import onnx
    from onnx import TensorProto, compose, helper, numpy_helper, version_converter

    proto = network.proto
    version = next(each.version for each in proto.opset_import if each.domain in ("", "ai.onnx"))
    if version < OPSET:
        try:
            proto = version_converter.convert_version(proto, OPSET)
        except RuntimeError as error:
            raise ModelError(
                f"{network.path}: is of opset {version} and cannot be brought to {OPSET}: "
                f"{str(error).partition(chr(10))[0]}; export it again with opset {OPSET}"
            ) from error
    proto = compose.add_prefix(proto, PREFIX)
    inner, classes = proto.graph, len(info.labels)
    first, last = PREFIX + network.input, PREFIX + network.output
    constants: dict[str, Any] = {
        "factor": np.float32(found.range.scale / 255),
        "offset": np.float32(found.range.offset),
        "image_shape": np.array([-1 if network.many else 1, *network.shape], np.int64),
        "scores_shape": np.array([-1, classes] if network.many else [classes], np.int64),
    }
    prepare = [
        helper.make_node("Cast", [INPUT_NAME], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["levels", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["pixels"]),
    ]
    known = next(value.type.tensor_type.elem_type for value in inner.input if value.name == first)

    def body(pixels: str, answers: str) -> list[Any]:
        return [
            helper.make_node("Reshape", [pixels, "image_shape"], ["image"]),
            helper.make_node("Cast", ["image"], [first], to=known),
            *inner.node,
            helper.make_node("Cast", [last], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", ["floats", "scores_shape"], [answers]),
        ]

    if network.many:
        nodes = [*prepare, *body("pixels", "answers")]
    else:  # one image after the other, and one more, because Scan does not take none
        one = helper.make_graph(
            body("one", "answer"),
            "one",
            [helper.make_tensor_value_info("one", TensorProto.FLOAT, [28, 28])],
            [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [classes])],
        )
        constants |= {"blank": np.zeros((1, 28, 28), np.float32), "second": np.array([1])}
        constants["end"] = np.array([np.iinfo(np.int64).max])
        nodes = [
            *prepare,
            helper.make_node("Concat", ["blank", "pixels"], ["padded"], axis=0),
            helper.make_node("Scan", ["padded"], ["all"], body=one, num_scan_inputs=1),
            helper.make_node("Slice", ["all", "second", "end"], ["answers"]),
        ]
    end = "Softmax" if found.gives == "logits" else "Identity"
    nodes.append(helper.make_node(end, ["answers"], [OUTPUT_NAME]))
    weights = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(
        nodes,
        METADATA_KEY,
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["N", 28, 28])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", classes])],
        [*weights, *inner.initializer],
    )
    graph.sparse_initializer.extend(inner.sparse_initializer)
    made = helper.make_model(
        graph,
        ir_version=max(proto.ir_version, 8),
        opset_imports=proto.opset_import,
        functions=proto.functions,
        producer_name=METADATA_KEY,
    )
    helper.set_model_props(made, {METADATA_KEY: info.to_json(indent=None)})
    try:
        onnx.checker.check_model(made)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"{network.path}: cannot be wrapped: {error}") from error
    data: bytes = made.SerializeToString()
    return data
