"""Keras → ONNX, through tf2onnx: `images` uint8 [N, 28, 28] → `scores` float32 [N, K]."""

from typing import Any

from tinydigits.errors import MissingExtra
from tinydigits.info import INPUT_NAME, METADATA_KEY, OUTPUT_NAME, ModelInfo
from tinydigits.quiet import quiet_native_code
from tinydigits_export.keras_model import Original
from tinydigits_export.tf_graph import contract_function

OPSET = 17  # every onnxruntime since 1.12 runs it


def to_onnx(original: Original, info: ModelInfo) -> bytes:
    """Return the ONNX file, checked by onnx.checker, with `info` in its metadata. Raises the errors
    of the converter, of many kinds.
    """
    try:
        import onnx
        import tf2onnx
    except ModuleNotFoundError as error:
        raise MissingExtra("export to ONNX", "tf2onnx and onnx", "export") from error
    function = contract_function(original, batch=None, dtype="uint8")
    with quiet_native_code(shows_on_failure=False):  # what it raises says as much
        proto, _ = tf2onnx.convert.from_function(
            function, input_signature=function.input_signature, opset=OPSET
        )
    for node in proto.graph.node:
        if node.domain == "" and not onnx.defs.has(node.op_type):
            raise ValueError(f"ONNX has no operator {node.op_type}\n{node.name}")
    _named(proto)
    onnx.helper.set_model_props(proto, {METADATA_KEY: info.to_json(indent=None)})
    onnx.checker.check_model(proto, full_check=True)
    data: bytes = proto.SerializeToString()
    return data


def _named(proto: Any) -> None:
    """Give input, output and the free dimension the names of the contract, and number the rest.

    The names that TensorFlow and tf2onnx invent count what the process has made before, and tf2onnx
    puts constants in any order: the same model would give other bytes.
    """
    graph = proto.graph
    graph.name, graph.doc_string = METADATA_KEY, ""
    names = {"": "", graph.input[0].name: INPUT_NAME, graph.output[0].name: OUTPUT_NAME}
    _number(graph, names)
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "N"


def _number(graph: Any, names: dict[str, str]) -> None:
    """Rename the values and nodes of `graph` and of the graphs in it in the order of their use, and
    put constants into that order.

    `names`: from old names of values to new ones; those of `graph` are added.
    """

    def renamed(kind: str, name: str) -> str:
        return names.setdefault(name, f"{kind}_{len(names)}")

    for node in graph.node:
        node.input[:] = [renamed("constant", name) for name in node.input]
        node.name = f"{node.op_type}_{len(names)}"
        node.output[:] = [renamed(node.op_type, name) for name in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):  # the branch of an If, or the body of a Loop
                _number(attribute.g, names)
    for value in (*graph.initializer, *graph.input, *graph.output, *graph.value_info):
        value.name = renamed("constant", value.name)
    places = {name: place for place, name in enumerate(names.values())}
    constants = sorted(graph.initializer, key=lambda constant: places[constant.name])
    del graph.initializer[:]
    graph.initializer.extend(constants)
