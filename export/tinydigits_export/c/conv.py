"""Keras → C: the conv recipe as a .c and a .h that read an image row by row, in 2 kB of RAM.

It keeps only those rows of each map that the next layer still needs (Alwani et al., "Fused-Layer
CNN Accelerators", 2016).
"""

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.quantise_conv import (
    HALF,
    QUARTER,
    SIDE,
    Convolution,
    QuantisedConv,
    quantise_conv,
)
from tinydigits_export.c.source import (
    STEPS,
    CSource,
    check_classes,
    filled,
    filled_source,
    registers,
    rows,
)
from tinydigits_export.keras_model import Original

NAMES = ("first", "second", "third", "fourth", "fifth")
MAX_GROUP = 8  # maps at most that are summed at once: as many as an AVR has registers for


def to_conv(original: Original, info: ModelInfo, train_images: NDArray[np.uint8]) -> CSource:
    """Write a network of the conv recipe as C. train_images: uint8 [N, 28, 28], never test images.

    Raises ModelError if it is another network.
    """
    check_classes(original.path, len(info.labels))
    return written(info, quantise_conv(original, train_images))


def written(info: ModelInfo, model: QuantisedConv) -> CSource:
    """Return the files. Raises ModelError if a layer has more maps than a byte can count."""
    groups = [group(layer) for layer in model.convolutions]
    for layer, size in zip(model.convolutions, groups, strict=True):
        if max(4, size) * layer.weights.shape[2] > 255:  # values before the first, weights in a gap
            raise ModelError(
                f"{info.name}: a convolution reads {layer.weights.shape[2]} maps, where C can be "
                f"written for {255 // MAX_GROUP} at most"
            )
    maps = [layer.weights.shape[3] for layer in model.convolutions]
    classes = len(info.labels)
    tables = sum(layer.weights.size + 4 * layer.biases.size for layer in model.convolutions)
    tables += model.places.size + 4 * maps[4] + 2 * model.head.size + 4 * classes
    values = {
        **{f"maps_{number}": count for number, count in enumerate(maps, 1)},
        "state_bytes": state_bytes(maps),
        "table_bytes": tables + STEPS + 1,
        "bounds": _bounds(model),
        "tables": "\n".join(map(_tables, NAMES, model.convolutions, groups)),
        "places": rows(model.places.ravel().tolist()),
        "place_biases": rows(model.place_biases.tolist()),
        "head": rows(model.head.T.ravel().tolist()),
        "biases": rows(model.biases.tolist()),
        "sums": "".join(map(_sums, sorted(set(groups)))),
        "convolutions": "\n".join(map(_calls, NAMES, model.convolutions, groups)),
    }
    return filled_source("conv", info, model.fraction, values)


def state_bytes(maps: list[int]) -> int:
    """Return the bytes of static RAM on an AVR, where a sum has three bytes."""
    image, first, second = 5 * SIDE, 3 * HALF * maps[0], 3 * QUARTER * maps[1]
    third, fourth = 3 * QUARTER * maps[2], 3 * QUARTER * maps[3]
    seen = 2 + 5 * 3
    return image + first + second + third + fourth + 3 * maps[4] + 1 + seen


def group(layer: Convolution) -> int:
    """Return how many maps are summed at once: the most that divide them and fit in registers."""
    maps = layer.weights.shape[3]
    return max(size for size in range(1, MAX_GROUP + 1) if maps % size == 0)


def _tables(name: str, layer: Convolution, size: int) -> str:
    grouped = layer.weights.reshape(*layer.weights.shape[:3], -1, size)
    weights = np.moveaxis(grouped, 3, 0).ravel().tolist()
    return (
        f"static const int8_t {name.upper()}_WEIGHTS[{len(weights)}] PROGMEM = {{\n"
        f"{rows(weights)}\n}};\n"
        f"static const int32_t {name.upper()}_BIASES[{layer.biases.size}] PROGMEM = {{\n"
        f"{rows(layer.biases.tolist())}\n}};\n"
    )


def _sums(size: int) -> str:
    values = {
        "group": size,
        "registers": registers(size),
        "each": " ".join(f"DO({k})" for k in range(size)),
        "declared": f"int32_t {', '.join(f'sum_{k}' for k in range(size))};",
    }
    return filled("conv_sums.c", values)


def _calls(name: str, layer: Convolution, size: int) -> str:
    inputs = layer.weights[..., 0].size
    groups = layer.weights.shape[3] // size
    return (
        f"static void {name}(uint8_t skipped, uint8_t *maps) {{\n"
        f"    convolve_{size}(skipped, {inputs}, {groups}, {name.upper()}_WEIGHTS, "
        f"{name.upper()}_BIASES, maps);\n}}\n"
    )


def _bounds(model: QuantisedConv) -> str:
    largest = dict(zip(NAMES, (layer.largest for layer in model.convolutions), strict=True))
    largest |= {"features": model.largest_feature_sum, "logits": model.largest_logit}
    return "\n".join(f" *   {name:<9}{most:>12,}" for name, most in largest.items())
