"""Keras → TFLite, float32 and int8: `images` uint8 [1, 28, 28] → scores float32 [1, K].

int8 has integer weights and activations throughout, but a finer head. By default the converter
gives logits and scores 8 bits each, and then the two best classes often have equal scores: on MNIST
241 of 10,000 times with `dense`, 409 with `mlp`. Here the last matrix product keeps its int8
weights and gives 16-bit logits, and the sigmoid of those ten numbers, or their softmax, is
computed in float32, which is the type of the scores in any case. That leaves no tie. (A 16-bit
integer sigmoid leaves 3 and 10: it cannot tell scores above 0.99997 apart.)

The integer scheme is that of Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference" (2018), with one scale a class for the weights.
"""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError
from tinydigits.info import INPUT_NAME, OUTPUT_NAME
from tinydigits.quiet import quiet_native_code
from tinydigits_export.keras_model import Original
from tinydigits_export.tf_graph import contract_function
from tinydigits_train.tensorflow import load_tensorflow

CALIBRATION = 500  # images: the ranges of the activations settle well before
INT16_MAX = 32767


def to_tflite(original: Original) -> bytes:
    """Return the float32 TFLite file. Its input is uint8, 0..255, as in every artefact."""
    return _closed(_converted(_converter(original, "uint8")))


def to_int8(original: Original, training_images: NDArray[np.uint8]) -> bytes:
    """Return the int8 TFLite file.

    `training_images`: uint8 [N, 28, 28], never test images. Between CALIBRATION and twice as
    many of them, evenly spaced, set the ranges of the activations.
    """
    tf = load_tensorflow("export", "export")
    step = max(1, len(training_images) // CALIBRATION)

    def calibration() -> Iterator[list[NDArray[np.float32]]]:
        for image in training_images[::step]:
            yield [image[np.newaxis].astype(np.float32) / np.float32(255)]

    converter = _converter(original, "float32")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32
    model = _converted(converter)
    _refine_head(model)
    return _closed(model)


def _converter(original: Original, dtype: str) -> Any:
    tf = load_tensorflow("export", "export")
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = contract_function(original, batch=1, dtype=dtype).get_concrete_function()
    frozen = convert_variables_to_constants_v2(function)
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], original.model)


def _converted(converter: Any) -> Any:
    """Return the flatbuffer as a tree of objects."""
    from tensorflow.lite.tools import flatbuffer_utils

    with quiet_native_code(shows_on_failure=False):  # what it raises says as much
        data = converter.convert()
    return flatbuffer_utils.read_model_from_bytearray(bytearray(data))


def _closed(model: Any) -> bytes:
    """Return the flatbuffer of a tree, with the contract's names for input and output."""
    from tensorflow.lite.tools import flatbuffer_utils

    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].name = INPUT_NAME.encode()
    graph.tensors[graph.outputs[0]].name = OUTPUT_NAME.encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _refine_head(model: Any) -> None:
    """Rewrite … → FULLY_CONNECTED (int8) → LOGISTIC (int8) → DEQUANTIZE → scores as
    … → QUANTIZE (int16) → FULLY_CONNECTED (int16) → DEQUANTIZE → LOGISTIC (float32) → scores;
    likewise with SOFTMAX.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    graph = model.subgraphs[0]
    tail = [_operator_name(schema, model, operator) for operator in graph.operators[-3:]]
    if tail not in (["FULLY_CONNECTED", last, "DEQUANTIZE"] for last in ("LOGISTIC", "SOFTMAX")):
        raise ModelError(
            f"the network ends in {' → '.join(tail)}, where a dense layer with sigmoids or a "
            "softmax (FULLY_CONNECTED → LOGISTIC or SOFTMAX → DEQUANTIZE) was expected"
        )
    product, last, dequantize = graph.operators[-3:]
    logits, scores_int8, scores = product.outputs[0], last.outputs[0], dequantize.outputs[0]

    # The calibrated 8-bit range of the logits, symmetric and in 16 bits.
    scale, zero_point = _quantisation(graph.tensors[logits])
    largest = max(abs(-128 - zero_point), abs(127 - zero_point)) * scale
    _set_int16(schema, graph.tensors[logits], largest / INT16_MAX)

    # A 16-bit product takes 16-bit input: the same numbers on the same scale, zero point 0.
    activations = product.inputs[0]
    widened = copy.deepcopy(graph.tensors[activations])
    widened.name = b"activations_int16"
    _set_int16(schema, widened, _quantisation(graph.tensors[activations])[0])
    graph.tensors.append(widened)
    widen = copy.deepcopy(_find(schema, model, "QUANTIZE"))
    widen.inputs = np.array([activations], np.int32)
    widen.outputs = np.array([len(graph.tensors) - 1], np.int32)
    product.inputs = np.array([len(graph.tensors) - 1, *product.inputs[1:]], np.int32)

    # The tensor between the last two operators now holds the logits as floats.
    between = graph.tensors[scores_int8]
    between.name, between.type, between.quantization = b"logits", schema.TensorType.FLOAT32, None
    dequantize.inputs, dequantize.outputs = product.outputs, np.array([scores_int8], np.int32)
    last.inputs, last.outputs = dequantize.outputs, np.array([scores], np.int32)
    graph.operators[-3:] = [widen, product, dequantize, last]


def _operator_name(schema: Any, model: Any, operator: Any) -> str:
    code = model.operatorCodes[operator.opcodeIndex].builtinCode
    names = vars(schema.BuiltinOperator).items()
    return next(str(name) for name, value in names if value == code)


def _find(schema: Any, model: Any, name: str) -> Any:
    operators = model.subgraphs[0].operators
    return next(o for o in operators if _operator_name(schema, model, o) == name)


def _quantisation(tensor: Any) -> tuple[float, int]:
    """Return scale and zero point of a tensor that has one of each."""
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])


def _set_int16(schema: Any, tensor: Any, scale: float) -> None:
    tensor.type = schema.TensorType.INT16
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.array([0], np.int64)
    tensor.quantization.min = tensor.quantization.max = None
