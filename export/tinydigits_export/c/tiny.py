"""Keras → C: the recipe `tiny`, for parts with 1 kB of flash and 64 bytes of RAM (ATtiny13A).

No image fits there: pixels come one by one. Each pixel of ink adds the 2-bit weights of its region
to the sums of the units, which takes additions alone. The C computes with the whole numbers that
the Keras model has for weights, so that both answer every image with the same class.
"""

import ctypes
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.backend import WARNINGS, compiled, host_compiler
from tinydigits_export.c.source import CSource, described, filled, rows
from tinydigits_export.keras_model import Original
from tinydigits_train.tensorflow import load_tensorflow
from tinydigits_train.tiny import (
    BANDS,
    CEILING,
    CLASS_WEIGHTS,
    EDGES,
    INK,
    REGION_WEIGHTS,
    UNITS,
    plain,
)

MOST_CLASSES = 12  # beyond that, flash is over 1 kB
# Reads whole images on this machine: 784 calls from Python for each would take most of the time.
LOOP = """
#include "{name}.h"
void {name}_answers(const uint8_t *pixel, uint32_t images, uint8_t *answer);
void {name}_answers(const uint8_t *pixel, uint32_t images, uint8_t *answer) {{
    for (; images; images--) {{
        const uint8_t *const end = pixel + 784;
        {name}_begin();
        while (pixel < end) {name}_push(*pixel++);
        *answer++ = {name}_end();
    }}
}}
"""


def is_tiny(original: Original) -> bool:
    """Whether a model has the layers of the recipe `tiny`, their constants included."""
    keras = load_tensorflow("export", "export").keras
    recipe = plain(keras, len(original.labels))
    if _layers(original.model) != _layers(recipe):
        return False
    bands = zip(original.model.get_weights(), recipe.get_weights()[:2], strict=False)
    return all(np.array_equal(found, wanted) for found, wanted in bands)


def _layers(model: Any) -> list[tuple[str, str]]:
    """The kind of each layer and its settings. Keras numbers the names of layers as it goes."""
    return [
        (type(layer).__name__, json.dumps(layer.get_config() | {"name": ""}, default=str))
        for layer in model.layers
    ]


def to_tiny(original: Original, info: ModelInfo) -> CSource:
    """The C: NAME_begin, NAME_push for each pixel, NAME_end. It gives no logits: `fraction` is 0.

    original: a model that `is_tiny`. info: gives names. Raises ModelError where its weights are not
    those that C has room for, or where it has more than MOST_CLASSES classes.
    """
    kernels = original.model.get_weights()[2:]
    for kernel, (low, high) in zip(kernels, (REGION_WEIGHTS, CLASS_WEIGHTS), strict=True):
        if not np.isin(kernel, np.arange(low, high + 1)).all():
            raise ModelError(
                f"{original.path}: has weights that are not whole numbers from {low} to {high}: "
                "train it with `tinydigits train --recipe tiny`"
            )
    regions, head = (kernel.astype(np.int64) for kernel in kernels)
    classes = head.shape[1]
    if classes > MOST_CLASSES:
        raise ModelError(
            f"{original.path}: {classes} classes, where 1 kB of flash has room for {MOST_CLASSES}"
        )
    values = {
        **described(info),
        "ink": INK,
        "units": UNITS,
        "ceiling": CEILING,
        "bands": BANDS,
        "first_edge": EDGES[1],
        "last_edge": EDGES[-2],
        "regions": rows(packed(regions - REGION_WEIGHTS[0], bits=2)),
        "head": rows(packed((head - CLASS_WEIGHTS[0]).T, bits=4)),
    }
    c, h, sketch, readme = (filled(f"tiny.{ending}", values) for ending in ("c", "h", "ino", "md"))
    return CSource(info.name, c, h, sketch, readme, classes, 0)


def packed(values: NDArray[np.int64], bits: int) -> list[int]:
    """Whole numbers from 0 on, in bytes, the first one lowest. bits: 2 or 4, of each."""
    groups = values.reshape(-1, 8 // bits)
    return [int(value) for value in (groups << np.arange(0, 8, bits)).sum(axis=1)]


class TinyBackend:
    """The C on this machine, as a Backend. It gives classes only: scores are 1 for the class and 0
    for the others."""

    metadata: ModelInfo | None = None

    def __init__(self, source: CSource) -> None:
        """source: what `to_tiny` wrote. Raises MissingTool without a C compiler."""
        self.sha256 = hashlib.sha256(source.c.encode()).hexdigest()
        self.classes = source.classes
        name = source.name
        texts = {".c": source.c, ".h": source.h, "_loop.c": LOOP.format(name=name)}
        with tempfile.TemporaryDirectory(prefix="tinydigits-tiny-") as folder:
            files = [Path(folder) / f"{name}{ending}" for ending in texts]
            for file, text in zip(files, texts.values(), strict=True):
                file.write_text(text, "utf-8")
            library = files[0].with_suffix(".so")
            options = [*WARNINGS, "-O2", "-shared", "-fPIC"]
            inputs = [str(file) for file in files if file.suffix == ".c"]
            compiled([*host_compiler(), *options, *inputs, "-o", str(library)], f"{name}.c")
            # It stays loaded when its file is gone.
            self._answers = getattr(ctypes.CDLL(str(library)), f"{name}_answers")
        self._answers.restype = None

    def answers(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """images: uint8 [N, 28, 28] → uint8 [N], classes."""
        images = np.ascontiguousarray(images, np.uint8)
        result = np.empty(len(images), np.uint8)
        pixels, answers = (ctypes.c_void_p(array.ctypes.data) for array in (images, result))
        self._answers(pixels, ctypes.c_uint32(len(images)), answers)
        return result

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8 [N, 28, 28] → float32 [N, K], one of each row 1 and the others 0."""
        scores: NDArray[np.float32] = np.eye(self.classes, dtype=np.float32)[self.answers(images)]
        return scores
