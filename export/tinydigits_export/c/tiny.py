"""Keras → C: the recipe `tiny`, for parts with 1 kB of flash and 64 bytes of RAM (ATtiny13A).

No image fits there: pixels come one by one. Each pixel of ink adds the 2-bit weights of its region
to the sums of the units, which takes additions alone. The C computes with the whole numbers that
the Keras model has for weights, so that both answer every image with the same class.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.source import CSource, described, filled, rows, source_of
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
        "probability_note": "0: this network gives no scores",
        "ink": INK,
        "units": UNITS,
        "ceiling": CEILING,
        "bands": BANDS,
        "first_edge": EDGES[1],
        "last_edge": EDGES[-2],
        "regions": rows(packed(regions - REGION_WEIGHTS[0], bits=2)),
        "head": rows(packed((head - CLASS_WEIGHTS[0]).T, bits=4)),
    }
    values["judge"] = filled("read_by_pixel.c", values).removesuffix("\n")
    return source_of("tiny", info, 0, values)


def packed(values: NDArray[np.int64], bits: int) -> list[int]:
    """Whole numbers from 0 on, in bytes, the first one lowest. bits: 2 or 4, of each."""
    groups = values.reshape(-1, 8 // bits)
    return [int(value) for value in (groups << np.arange(0, 8, bits)).sum(axis=1)]
