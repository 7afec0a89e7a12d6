"""Keras → C: the recipes conv, light and small as C that reads an image row by row, in 2 kB of RAM.

It keeps only those rows of each map that the next layer still needs (Alwani et al., "Fused-Layer
CNN Accelerators", 2016).
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.quantise_conv import (
    CONV,
    SHIFT,
    SIDE,
    SMALL,
    Convolution,
    Layout,
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
# Templates that the C of these recipes has in common, in the order in which they need each other.
PARTS = ("conv_types.c", "conv_tables.c", "conv_macros.c", "conv_logits.c")


def to_conv(original: Original, info: ModelInfo, train_images: NDArray[np.uint8]) -> CSource:
    """Write a network of one of the recipes as C. train_images: uint8 [N, 28, 28], never test ones.

    Raises ModelError if it is another network.
    """
    check_classes(original.path, len(info.labels))
    return written(info, quantise_conv(original, train_images))


def written(info: ModelInfo, model: QuantisedConv) -> CSource:
    """Return the files. Raises ModelError if a layer has more maps than a byte can count."""
    groups = [group(layer, model.layout.group) for layer in model.convolutions]
    for layer, size in zip(model.convolutions, groups, strict=True):
        if max(4, size) * layer.weights.shape[2] > 255:  # values before the first, weights in a gap
            raise ModelError(
                f"{info.name}: a convolution reads {layer.weights.shape[2]} maps, where C can be "
                f"written for {255 // model.layout.group} at most"
            )
    maps = [layer.weights.shape[3] for layer in model.convolutions]
    classes = len(info.labels)
    tables = sum(layer.weights.size + 4 * layer.biases.size for layer in model.convolutions)
    tables += model.places.size + 4 * maps[-1] + 2 * model.head.size + 4 * classes
    values = {
        **{f"maps_{number}": count for number, count in enumerate(maps, 1)},
        "code_size": "3 kB" if model.layout is SMALL else "4 kB",
        "state_bytes": state_bytes(model.layout, maps),
        "table_bytes": tables + STEPS + 1,
        "bounds": _bounds(model),
        "tables": "\n".join(map(_tables, NAMES, model.convolutions, groups)),
        "places": rows(model.places.ravel().tolist()),
        "place_biases": rows(model.place_biases.tolist()),
        "head": rows(model.head.T.ravel().tolist()),
        "biases": rows(model.biases.tolist()),
    }
    if model.layout is CONV:
        values["paper"] = rows(_paper(model))
        values["table_bytes"] += maps[1]
        values["stack"] = "170 bytes of stack on an AVR, 400 on an ARM"
    else:
        values["stack"] = "150 bytes of stack on an AVR, 430 on an ARM"
        values |= _by_layer(maps)
    code = "conv" if model.layout is CONV else "light"
    values["sums"] = "".join(_sums(code, size) for size in sorted(set(groups)))
    calls = map(partial(_call, code), NAMES, model.convolutions, groups)
    values["convolutions"] = "\n".join(calls)
    return filled_source("conv", info, model.fraction, values, code, PARTS)


def state_bytes(layout: Layout, maps: list[int]) -> int:
    """Return the bytes of static RAM on an AVR, where a sum has three bytes."""
    half, quarter = layout.half, layout.quarter
    if layout is CONV:
        kept = 9 * maps[0] + 3 * half * maps[1] + (2 * half + 3) * maps[2] + 3 * quarter * maps[3]
    else:
        seen = 2 + 5 * 3
        kept = 3 * half * maps[0] + 3 * quarter * sum(maps[1:-1]) + seen
    return 5 * SIDE + kept + 3 * maps[-1] + 1


def group(layer: Convolution, most: int) -> int:
    """Return how many maps are summed at once: the most that divide them, `most` at most."""
    maps = layer.weights.shape[3]
    return max(size for size in range(1, most + 1) if maps % size == 0)


def _paper(model: QuantisedConv) -> list[int]:
    """Return the second maps far from any ink."""
    first, second = model.convolutions[:2]
    blank = np.clip(first.biases >> SHIFT, 0, 255)
    sums = np.einsum("i,yxio->o", blank, second.weights) + second.biases
    return [int(value) for value in np.clip(sums >> SHIFT, 0, 255)]


def _by_layer(maps: list[int]) -> dict[str, object]:
    """Return those $names of light.c that depend on the number of layers. maps: of each."""
    last = len(maps)
    rows = [
        filled(
            "light_last.c" if number == last else "light_row.c",
            {
                "before": NAMES[number - 2],
                "read": f"MAPS_{number - 1}",
                "layer": NAMES[number - 1],
                "maps": f"MAPS_{number}",
                "next": NAMES[number % last],
            },
        )
        for number in range(last, 2, -1)  # each calls the one before it in the file
    ]
    small = [(NAMES[number - 1], number) for number in range(3, last + 1)]
    return {
        "layers": "\n".join(
            f" *    {'6 x 6' if number == 3 else '':<9}{name:<10} 3 x 3, {maps[number - 1]} maps"
            for name, number in small
        ),
        "counts": "\n".join(
            f"    MAPS_{number} = {count}," for number, count in enumerate(maps, 1)
        ),
        "last_layer": last,
        "rings": "\n".join(
            f"    uint8_t {name}[3][QUARTER * MAPS_{number}];" for name, number in small[:-1]
        ),
        "rows": "".join(rows).removesuffix("\n"),
    }


def _tables(name: str, layer: Convolution, size: int) -> str:
    grouped = layer.weights.reshape(*layer.weights.shape[:3], -1, size)
    weights = np.moveaxis(grouped, 3, 0).ravel().tolist()
    return (
        f"static const int8_t {name.upper()}_WEIGHTS[{len(weights)}] PROGMEM = {{\n"
        f"{rows(weights)}\n}};\n"
        f"static const int32_t {name.upper()}_BIASES[{layer.biases.size}] PROGMEM = {{\n"
        f"{rows(layer.biases.tolist())}\n}};\n"
    )


def _sums(code: str, size: int) -> str:
    values = {
        "group": size,
        "registers": registers(size),
        "each": " ".join(f"DO({k})" for k in range(size)),
        "convolve": filled(f"{code}_place.c", {"group": size}),
    }
    return filled("conv_sums.c", values)


def _call(code: str, name: str, layer: Convolution, size: int) -> str:
    """Return the function that computes the maps of a layer at one place."""
    if code == "conv":
        number = NAMES.index(name)
        # The second layer always reads 3 places of the first maps; x is the middle one.
        width = ("SIDE", "3", "HALF", "HALF", "QUARTER")[number]
        taken = "const uint8_t *const rows[3], uint8_t x"
        passed = f"rows, x, {width}, {f'MAPS_{number}' if number else '1'}"
    else:
        taken, passed = "uint8_t skipped", f"skipped, {layer.weights[..., 0].size}"
    groups = layer.weights.shape[3] // size
    return (
        f"static void {name}({taken}, uint8_t *maps) {{\n"
        f"    convolve_{size}({passed}, {groups}, {name.upper()}_WEIGHTS, "
        f"{name.upper()}_BIASES, maps);\n}}\n"
    )


def _bounds(model: QuantisedConv) -> str:
    largest = dict(zip(NAMES, (layer.largest for layer in model.convolutions), strict=False))
    largest |= {"features": model.largest_feature_sum, "logits": model.largest_logit}
    return "\n".join(f" *   {name:<9}{most:>12,}" for name, most in largest.items())
