"""Read an ONNX file and run its graph with NumPy, for machines that have no onnxruntime.

The operators are those of the graphs that `tinydigits export` writes. Maps have the shape of ONNX,
[N, C, H, W]. They lie in memory as [N, H, W, C], so that a convolution is a product of two
matrices.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]

# Numbers of onnx.proto for the types of elements: little-endian, as they are in the file.
_TYPES = {1: "<f4", 2: "|u1", 3: "|i1", 6: "<i4", 7: "<i8", 9: "|b1", 10: "<f2", 11: "<f8"}
_NAMES = {1: "tensor(float)", 2: "tensor(uint8)"}  # as onnxruntime calls them
# Attributes with these values ask for nothing.
_DEFAULTS = {
    "allowzero": 0,
    "auto_pad": "NOTSET",
    "ceil_mode": 0,
    "dilations": [1, 1],
    "storage_order": 0,
}
# A convolution computes neighbours in a row together, until they have so many values. Its matrix is
# wider than the kernel then, and holds zeros. On one core, `conv` answers 8,000 images/s with 16 or
# 32, 6,300 with 48, 3,600 with 64.
_WIDTH = 32


class UnknownOperator(ValueError):  # noqa: N818 - a refusal rather than a failure
    """The graph needs something that this module does not do; the message names it."""


OLDEST = 13  # set of operators: before it Softmax and others meant something else


class Value(NamedTuple):
    """An input or output, described as onnxruntime does."""

    name: str
    type: str
    shape: list[Any]  # of each dimension its size, its name if the size is free, or None


class Node(NamedTuple):
    """One operation."""

    run: Callable[..., Any]
    inputs: list[str]
    output: str
    last: list[str]  # values that no later node needs


class Graph:
    """The graph of an ONNX file. Raises UnknownOperator; errors of many kinds where damaged."""

    def __init__(self, data: bytes) -> None:
        model = _fields(memoryview(data))
        graph = _fields(model[7][-1])
        properties = [_fields(each) for each in model[14]]
        for each in map(_fields, model[8]):
            if _text(each[1]) in ("", "ai.onnx") and each[2] and each[2][-1] < OLDEST:
                raise UnknownOperator(f"set {each[2][-1]}, which is older than {OLDEST}")
        self.metadata = {_text(each[1]): _text(each[2]) for each in properties}
        self._constants = dict(map(_tensor, graph[5]))
        self.inputs = [v for v in map(_value, graph[11]) if v.name not in self._constants]
        self.outputs = [_value(each) for each in graph[12]]
        self._nodes = list[Node]()
        needed = {*self._constants, *(value.name for value in self.outputs)}
        for each in reversed(graph[1]):
            fields = _fields(each)
            inputs = [_text([name]) for name in fields[1]]
            while inputs and not inputs[-1]:  # optional ones that are left out
                inputs.pop()
            last = [name for name in inputs if name not in needed]
            needed.update(inputs)
            self._nodes.insert(0, Node(_operation(fields), inputs, _text(fields[2]), last))

    def run(self, **given: Array) -> list[Array]:
        """Return the outputs for these inputs. Raises errors of many kinds."""
        values = self._constants | given
        for node in self._nodes:
            values[node.output] = node.run(*(values[name] for name in node.inputs))
            for name in node.last:
                values.pop(name, None)
        return [values[value.name] for value in self.outputs]


def _fields(data: memoryview) -> defaultdict[int, list[Any]]:
    """Return the values of a message in protobuf's wire format by field number: whole numbers as
    int, all others as their bytes.
    """
    found, at = defaultdict[int, list[Any]](list), 0
    while at < len(data):
        tag, at = _number(data, at)
        if tag & 7 == 0:
            value, at = _number(data, at)
            found[tag >> 3].append(value)
            continue
        size = {1: 8, 5: 4}.get(tag & 7)
        if size is None:
            size, at = _number(data, at)
        if tag & 7 not in (1, 2, 5) or not 0 <= size <= len(data) - at:
            raise ValueError("damaged protobuf")
        found[tag >> 3].append(data[at : at + size])
        at += size
    return found


def _number(data: memoryview, at: int) -> tuple[int, int]:
    """Return the signed number of 64 bits that begins at `at`, and where it ends."""
    value = shift = 0
    while data[at] & 128 and shift < 63:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
    value = (value | data[at] << shift) & (1 << 64) - 1
    return value - (value >> 63 << 64), at + 1


def _numbers(values: Iterable[Any]) -> list[int]:
    """Return whole numbers, each of which is a field of its own or packed with others."""
    found = list[int]()
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = _number(value, at)
            found.append(number)
    return found


def _text(values: list[Any]) -> str:
    return bytes(values[-1]).decode() if values else ""


def _tensor(data: memoryview) -> tuple[str, Array]:
    fields = _fields(data)
    dtype = np.dtype(_TYPES[fields[2][-1]])
    if packed := fields[9] or fields[4]:  # raw_data, float_data
        array: Array = np.frombuffer(b"".join(packed), dtype)
    else:
        array = np.array(_numbers(fields[7] or fields[5]), dtype)  # int64_data, int32_data
    return _text(fields[8]), array.astype(dtype.newbyteorder("=")).reshape(_numbers(fields[1]))


def _value(data: memoryview) -> Value:
    fields = _fields(data)
    tensor = _fields(_fields(fields[2][-1])[1][-1])
    kind = tensor[1][-1]
    dims = [_fields(each) for each in _fields((tensor[2] or [memoryview(b"")])[-1])[1]]
    shape = [dim[1][-1] if dim[1] else _text(dim[2]) or None for dim in dims]
    return Value(_text(fields[1]), _NAMES.get(kind, f"type {kind}"), shape)


def _operation(node: Mapping[int, list[Any]]) -> Callable[..., Any]:
    kind, domain = _text(node[4]), _text(node[7])
    operator = _OPERATORS.get(kind) if domain in ("", "ai.onnx") else None
    if operator is None:
        raise UnknownOperator(f"{domain}.{kind}" if domain else kind)
    attributes = dict[str, Any]()
    for each in map(_fields, node[5]):
        value = each[3][-1] if each[3] else _text(each[4]) or _numbers(each[8])
        if value != _DEFAULTS.get(name := _text(each[1])):
            attributes[name] = value
    try:
        return operator(**attributes)
    except TypeError as error:
        raise UnknownOperator(f"{kind} with {', '.join(attributes)}") from error


def _conv(
    strides: tuple[int, ...] = (1, 1),
    pads: tuple[int, ...] = (0, 0, 0, 0),
    group: int = 1,
    kernel_shape: object = None,  # noqa: ARG001 - the kernel has it
) -> Callable[..., Array]:
    (down, right), (top, left, bottom, end) = strides, pads
    made: dict[int, tuple[Array, int, Array]] = {}  # by the width of the output

    def run(maps: Array, kernel: Array, bias: Any = 0) -> Array:
        padded = np.pad(maps.transpose(0, 2, 3, 1), ((0, 0), (top, bottom), (left, end), (0, 0)))
        outs, _, high, wide = kernel.shape
        columns = (padded.shape[2] - wide) // right + 1
        if columns not in made or made[columns][0] is not kernel:
            made[columns] = (kernel, *_matrix(kernel, columns, right, group))
        _, tile, matrix = made[columns]
        windows = sliding_window_view(padded, (high, (tile - 1) * right + wide), (1, 2))
        windows = windows[:, ::down, :: right * tile].transpose(0, 1, 2, 4, 5, 3)
        found = windows.reshape(-1, len(matrix)) @ matrix
        found = found.reshape(*windows.shape[:2], columns, outs)
        found += bias
        return found.transpose(0, 3, 1, 2)

    return run


def _matrix(kernel: Array, columns: int, right: int, group: int) -> tuple[int, Array]:
    """Return how many neighbours are computed together, a divisor of `columns`, and the matrix
    that computes them from the pixels below them.
    """
    outs, depth, high, wide = kernel.shape
    divisors = [n for n in range(1, columns + 1) if columns % n == 0]
    tile = next((n for n in divisors if n * outs >= _WIDTH), columns)
    below = (tile - 1) * right + wide
    matrix = np.zeros((high, below, group, depth, tile, group, outs // group), np.float32)
    weights = kernel.reshape(group, outs // group, depth, high, wide).transpose(0, 3, 4, 2, 1)
    groups = np.arange(group)
    for place in range(tile):
        first = place * right
        matrix[:, first : first + wide, groups, :, place, groups] = weights
    return tile, matrix.reshape(high * below * group * depth, tile * outs)


def _max_pool(kernel_shape: list[int], strides: tuple[int, ...] = (1, 1)) -> Callable[..., Array]:
    (high, wide), (down, right) = kernel_shape, strides

    def run(maps: Array) -> Array:
        rows, columns = (maps.shape[2] - high) // down + 1, (maps.shape[3] - wide) // right + 1
        by_rows = [maps[:, :, at : at + down * rows : down] for at in range(high)]
        higher = reduce(np.maximum, by_rows)
        return reduce(
            np.maximum, [higher[..., at : at + right * columns : right] for at in range(wide)]
        )

    return run


def _softmax(axis: int = -1) -> Callable[..., Array]:
    def run(logits: Array) -> Array:
        powers = np.exp(logits - logits.max(axis, keepdims=True))
        return np.asarray(powers / powers.sum(axis, keepdims=True))

    return run


def _reshape(values: Array, shape: Array) -> Array:
    return values.reshape([size or values.shape[at] for at, size in enumerate(shape.tolist())])


# Each takes the attributes of a node and returns what computes its output from its inputs.
_OPERATORS: Mapping[str, Callable[..., Callable[..., Any]]] = {
    "Add": lambda: np.add,
    "Cast": lambda to: lambda x: x.astype(_TYPES[to][1:]),
    "Concat": lambda axis: lambda *x: np.concatenate(x, axis),
    "Conv": _conv,
    "Gather": lambda axis=0: lambda x, at: np.take(x, at, axis),
    "Identity": lambda: lambda x: x,
    "MatMul": lambda: np.matmul,
    "Max": lambda: lambda *x: reduce(np.maximum, x),
    "MaxPool": _max_pool,
    "Min": lambda: lambda *x: reduce(np.minimum, x),
    "Mul": lambda: np.multiply,
    "Relu": lambda: lambda x: np.maximum(x, 0),
    "Reshape": lambda: _reshape,
    "Shape": lambda: lambda x: np.array(x.shape),
    "Sigmoid": lambda: lambda x: 1 / (1 + np.exp(np.minimum(-x, 88))),  # of 89, exp is infinite
    "Softmax": _softmax,
    "Squeeze": lambda: lambda x, axes: np.squeeze(x, tuple(axes)),
    "Transpose": lambda perm: lambda x: x.transpose(perm),
}
