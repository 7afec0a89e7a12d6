"""One network, run in each of the ways that people run it.

Each way gets its images in the form that it takes; making them is not counted. It has to return an
answer that a program can use. Settings are the fastest that were found; `settings` names them.
"""

import ctypes
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is ready to run."""

    settings: str
    prepare: Callable[[Images], Any]  # uint8 [N, 28, 28] → the argument of `answer`
    answer: Callable[[Any], Any]  # → float32 [N, K], a Prediction, or a class


def keras_predict(folder: Path, name: str, threads: int) -> Network:
    model, flat, how = _keras(folder, name, threads)

    def answer(pixels: NDArray[np.float32]) -> Any:
        return model.predict(pixels, batch_size=len(pixels), verbose=0)

    return Network(f"model.predict(x, batch_size=N, verbose=0), {how}", flat, answer)


def keras_call(folder: Path, name: str, threads: int) -> Network:
    import tensorflow as tf

    model, flat, how = _keras(folder, name, threads)
    return Network(
        f"model(x).numpy(), x a tensor, {how}",
        lambda images: tf.constant(flat(images)),
        lambda pixels: model(pixels).numpy(),
    )


def tf_function(folder: Path, name: str, threads: int, compiled: bool = True) -> Network:
    import tensorflow as tf

    model, flat, how = _keras(folder, name, threads)
    function = tf.function(lambda pixels: model(pixels, training=False), jit_compile=compiled)

    def prepare(images: Images) -> Any:
        pixels = tf.constant(flat(images))
        return function.get_concrete_function(pixels), pixels

    return Network(
        f"tf.function(model, jit_compile={compiled}) of this shape, x a tensor, {how}",
        prepare,
        lambda prepared: prepared[0](prepared[1]).numpy(),
    )


def onnxruntime(folder: Path, name: str, threads: int) -> Network:
    """threads: 0 lets it choose the number."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(
        str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
    )
    outputs = ["scores"]  # None would look up the names in each call
    how = f"intra_op_num_threads: {threads or 'its own number'}"
    return Network(
        f"session.run(['scores'], …), {how}",
        lambda images: images,
        lambda images: session.run(outputs, {"images": images})[0],
    )


def classifier(folder: Path, name: str, threads: int, call: str, backend: Any = None) -> Network:
    """call: "scores"; "__call__", which looks whether the array is a model input and judges the
    scores; or "classify".
    """
    from tinydigits import Classifier
    from tinydigits.cpus import usable_cpus

    opened = Classifier(folder / f"{name}.onnx", threads=threads or usable_cpus(), backend=backend)
    given = f"onnx, backend={backend!r}" if backend else "onnx"
    return {
        "scores": Network(
            f"Classifier({given}).scores(images)", lambda images: images, opened.scores
        ),
        "__call__": Network(
            "Classifier(onnx)(image) → Prediction", lambda images: images[0], opened.__call__
        ),
        "classify": Network(
            "list(Classifier(onnx).classify(images)) → Predictions, one process",
            list,
            lambda images: list(opened.classify(images)),
        ),
    }[call]


def litert(folder: Path, name: str, threads: int, ending: str = ".tflite") -> Network:
    """The input is resized to the number of images, which is faster than one call for each."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / f"{name}{ending}"), num_threads=threads)
    at = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]
    resized = 0

    def prepare(images: Images) -> Images:
        nonlocal resized
        if len(images) != resized:
            interpreter.resize_tensor_input(at, images.shape)
            interpreter.allocate_tensors()
            resized = len(images)
        return images

    def answer(images: Images) -> Any:
        interpreter.set_tensor(at, images)
        interpreter.invoke()
        return interpreter.get_tensor(out)

    return Network(f"XNNPACK, num_threads={threads}", prepare, answer)


def numpy(folder: Path, name: str, threads: int) -> Network:
    """The layer of `dense`, written by hand."""
    import onnx

    del threads
    graph = onnx.load(folder / f"{name}.onnx").graph
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer]
    (weights,) = (array for array in arrays if array.ndim == 2 and array.shape[0] == 784)
    (biases,) = (array for array in arrays if array.shape == (weights.shape[1],))
    scaled = weights / np.float32(255)  # once, not in each call

    def answer(images: Images) -> Any:
        logits = images.reshape(-1, 784).astype(np.float32) @ scaled + biases
        return 1 / (1 + np.exp(-logits))

    return Network("1 / (1 + exp(-(x @ W + b))), float32", lambda images: images, answer)


def c(folder: Path, name: str, threads: int) -> Network:
    """One image in each call."""
    from tinydigits_export.c.backend import loaded, read_source

    del threads
    flags = ("-O3", "-march=native")
    classify = getattr(loaded(read_source(folder / f"{name}.c"), *flags), f"{name}_classify")
    classify.argtypes, classify.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_uint8
    probability = ctypes.c_uint8()
    pointer = ctypes.addressof(probability)
    kept: list[Images] = []  # the images that the pointers point into

    def prepare(images: Images) -> int:
        kept.append(np.ascontiguousarray(images[0]))
        return kept[-1].ctypes.data

    def answer(image: int) -> tuple[int, ctypes.c_uint8]:
        return classify(image, pointer), probability

    return Network(f"gcc {' '.join(flags)}, ctypes, pointers made beforehand", prepare, answer)


def _keras(folder: Path, name: str, threads: int) -> tuple[Any, Callable[[Images], Any], str]:
    from tinydigits_train.tensorflow import load_tensorflow

    tf = load_tensorflow("a benchmark", "train")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = tf.keras.models.load_model(folder / f"{name}.keras", compile=False)
    shape = tuple(model.input_shape[1:])

    def flat(images: Images) -> NDArray[np.float32]:
        return images.astype(np.float32).reshape(len(images), *shape) / np.float32(255)

    return model, flat, f"threads: {threads or 'its own number'}"


NETWORKS: Mapping[str, Callable[[Path, str, int], Network]] = {
    "Keras predict": keras_predict,
    "Keras model(x)": keras_call,
    "tf.function": tf_function,
    "tf.function, uncompiled": partial(tf_function, compiled=False),
    "onnxruntime": onnxruntime,
    "LiteRT": litert,
    "LiteRT int8": partial(litert, ending=".int8.tflite"),
    "NumPy": numpy,
    "C": c,
    "Classifier.scores": partial(classifier, call="scores"),
    "Classifier.scores, NumPy": partial(classifier, call="scores", backend="numpy"),
    "classifier(image)": partial(classifier, call="__call__"),
    "Classifier.classify": partial(classifier, call="classify"),
}


def decided(answer: Any) -> list[int]:
    """Return the class of each image, from any kind of answer."""
    if isinstance(answer, np.ndarray):
        return [int(best) for best in answer.argmax(axis=1)]
    if isinstance(answer, list):
        return list(itertools.chain.from_iterable(map(decided, answer)))
    if hasattr(answer, "scores"):
        return [int(np.argmax(answer.scores))]
    return [int(answer[0])]
