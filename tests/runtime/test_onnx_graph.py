"""NumPy runs our ONNX files as onnxruntime does. It refuses files that need more than it knows, and
survives damaged ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinydigits import ModelError
from tinydigits.backends import NumpyBackend, OnnxBackend
from tinydigits.model import BUNDLED, MODELS
from tinydigits.onnx_graph import Graph, UnknownOperator
from tinydigits_train.labelled_folder import Digits

TOLERANCE = 1e-5


@pytest.mark.parametrize("name", BUNDLED)
def test_the_scores_and_decisions_are_those_of_onnxruntime(name: str, mnist_test: Digits) -> None:
    data = (MODELS / f"{name}.onnx").read_bytes()
    ours, theirs = (
        backend(data, name).scores(mnist_test.images) for backend in (NumpyBackend, OnnxBackend)
    )
    assert np.abs(ours - theirs).max() <= TOLERANCE
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()


def test_any_number_of_images_is_answered(mnist_test: Digits) -> None:
    backend = NumpyBackend((MODELS / "conv.onnx").read_bytes(), "conv.onnx")
    whole = backend.scores(mnist_test.images[:65])
    for count in (0, 1, 33):
        assert backend.scores(mnist_test.images[:count]).shape == (count, 10)
        assert np.allclose(backend.scores(mnist_test.images[:count]), whole[:count], atol=1e-6)


def network(
    operator: str,
    shapes: Sequence[tuple[int, ...]],
    raw: bool = True,
    whole: Mapping[str, Sequence[int]] = {},
    **attributes: Any,
) -> bytes:
    """A network of one node. Its first input has the first of the shapes, the others are constants.
    Without `raw`, weights are written as lists of numbers, as `helper.make_tensor` does. `whole`:
    constants of whole numbers, which come last.
    """
    draw = np.random.default_rng(len(shapes))
    tensors = list[Any]()
    for number, shape in enumerate(shapes[1:]):
        weights = draw.normal(size=shape).astype(np.float32)
        name = f"w{number}"
        tensors.append(
            numpy_helper.from_array(weights, name)
            if raw
            else helper.make_tensor(name, TensorProto.FLOAT, shape, weights.ravel().tolist())
        )
    tensors += [
        helper.make_tensor(name, TensorProto.INT64, [len(v)], v) for name, v in whole.items()
    ]
    inputs = ["x", *(tensor.name for tensor in tensors)]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], **attributes)],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def with_onnxruntime(data: bytes, x: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime

    result: NDArray[np.float32] = onnxruntime.InferenceSession(data).run(["y"], {"x": x})[0]
    return result


MAPS = (2, 4, 9, 12)


@pytest.mark.parametrize(
    ("operator", "shapes", "options"),
    [
        ("Conv", [MAPS, (6, 4, 3, 3), (6,)], {"pads": [1, 1, 1, 1]}),
        ("Conv", [MAPS, (6, 4, 3, 3), (6,)], {"raw": False}),
        ("Conv", [MAPS, (6, 4, 3, 2)], {"pads": [0, 2, 1, 0], "strides": [2, 3]}),
        ("Conv", [MAPS, (4, 1, 9, 12), (4,)], {"group": 4, "kernel_shape": [9, 12]}),
        ("Conv", [MAPS, (6, 2, 5, 1), (6,)], {"group": 2, "strides": [1, 2], "raw": False}),
        ("Conv", [MAPS, (40, 4, 1, 1)], {"dilations": [1, 1], "auto_pad": "NOTSET"}),
        ("MaxPool", [MAPS], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("MaxPool", [MAPS], {"kernel_shape": [3, 2], "strides": [2, 1], "ceil_mode": 0}),
        ("MaxPool", [MAPS], {"kernel_shape": [2, 3]}),
        ("Softmax", [MAPS], {"axis": 1}),
        ("Softmax", [MAPS], {}),
        ("Transpose", [MAPS], {"perm": [0, 3, 1, 2]}),
        ("Reshape", [MAPS], {"whole": {"shape": [0, -1, 6]}}),
        ("Squeeze", [(3, 1, 2, 1)], {"whole": {"axes": [-1, 1]}}),
        ("Gather", [MAPS], {"whole": {"at": [3, 0]}, "axis": 1}),
        ("MatMul", [(5, 7), (7, 3)], {"raw": False}),
        ("Min", [MAPS, (12,), (4, 9, 12)], {}),
        ("Concat", [MAPS, MAPS], {"axis": 2}),
        ("Sigmoid", [MAPS], {}),
    ],
)  # fmt: skip
def test_each_operator_gives_what_onnxruntime_gives(
    operator: str, shapes: list[tuple[int, ...]], options: dict[str, Any]
) -> None:
    data = network(operator, shapes, **options)
    x = 50 * np.random.default_rng(0).normal(size=shapes[0]).astype(np.float32)
    (ours,) = Graph(data).run(x=x)
    theirs = with_onnxruntime(data, x)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-4 if operator == "Conv" else 1e-6)


@pytest.mark.parametrize(
    ("operator", "options", "said"),
    [
        ("Tan", {}, "Tan"),
        ("Sigmoid", {"domain": "com.elsewhere"}, "com.elsewhere.Sigmoid"),
        ("MaxPool", {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]}, "MaxPool with kernel_shape, p"),
        ("Conv", {"dilations": [2, 2]}, "Conv with dilations"),
    ],
)  # fmt: skip
def test_what_it_does_not_know_is_named(operator: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownOperator, match=said):
        Graph(network(operator, [MAPS, *([(4, 4, 3, 3)] if operator == "Conv" else [])], **options))


def test_an_unknown_operator_of_a_file_is_named_with_what_knows_it() -> None:
    model = onnx.load(MODELS / "dense.onnx")
    model.graph.node[0].op_type = "Tan"
    with pytest.raises(ModelError, match=r"^digits\.onnx: the backend numpy .* Tan: use"):
        NumpyBackend(model.SerializeToString(), "digits.onnx")


def test_an_older_set_of_operators_is_refused() -> None:
    """Softmax without an axis meant something else before set 13."""
    model = onnx.load(MODELS / "dense.onnx")
    model.opset_import[0].version = 12
    with pytest.raises(UnknownOperator, match="set 12, which is older than 13"):
        Graph(model.SerializeToString())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of weights that were changed
def test_a_damaged_file_is_refused_or_answers(mnist_test: Digits) -> None:
    whole, draw = (MODELS / "light.onnx").read_bytes(), np.random.default_rng(0)
    refused = 0
    for turn in range(300):
        data = bytearray(whole)
        # Weights are most of the file. What is around them is at its two ends.
        at = int(draw.integers(4000) - 2000 if turn % 2 else draw.integers(len(data)))
        data[at] ^= 1 << int(draw.integers(8))
        try:
            NumpyBackend(bytes(data if turn % 3 else data[:at]), "x").scores(mnist_test.images[:2])
        except ModelError:
            refused += 1
    assert refused > 100
