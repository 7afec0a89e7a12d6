"""The needs of a model in C on microcontrollers: it is built for each and run in simulation."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits_export.c.backend import read_source
from tinydigits_export.c.source import CSource
from tinydigits_export.devices.simulation import (
    ATMEGA328P,
    ATTINY13A,
    CORTEX_M0PLUS,
    CORTEX_M4,
    DoesNotFit,
    Firmware,
    Target,
    build,
)

TARGETS = (ATMEGA328P, CORTEX_M0PLUS, CORTEX_M4)
TINY_TARGETS = (ATTINY13A, *TARGETS)
IMAGES, IMAGES_BY_ROW = 100, 5  # a million instructions of an ARM take half a second
CALL_OF_MAIN = 2  # bytes of stack on an AVR, which the simulator's count leaves out

# Answers class, score and logits; the class alone is counted.
MAIN = """
#include "device.h"
#include "{name}.h"
int main(void) {{
    static uint8_t image[784], answer[2];
    static int32_t logits[{classes}];
    for (;;) {{
        uint16_t i;
        for (i = 0; i < 784; i++) image[i] = device_read();
        device_start();
        answer[0] = {name}_classify(image, &answer[1]);
        device_stop();
        {name}_scores(image, logits);
        for (i = 0; i < 2; i++) device_write(answer[i]);
        for (i = 0; i < sizeof logits; i++) device_write(((uint8_t *)logits)[i]);
    }}
}}
"""

# Answers class and score; rows come one by one, and what reading them takes is counted too.
MAIN_BY_ROW = """
#include "device.h"
#include "{name}.h"
int main(void) {{
    static uint8_t row[28], answer[2];
    for (;;) {{
        uint8_t x, y;
        device_start();
        {name}_begin();
        for (y = 0; y < 28; y++) {{
            for (x = 0; x < 28; x++) row[x] = device_read();
            {name}_push(row);
        }}
        answer[0] = {name}_end(&answer[1]);
        device_stop();
        device_write(answer[0]);
        device_write(answer[1]);
    }}
}}
"""

# Answers the class; pixels come one by one.
MAIN_BY_PIXEL = """
#include "device.h"
#include "{name}.h"
int main(void) {{
    for (;;) {{
        uint16_t left = 784;
        uint8_t digit;
        device_start();
        {name}_begin();
        do {name}_push(device_read());
        while (--left);
        digit = {name}_end();
        device_stop();
        device_write(digit);
    }}
}}
"""


class Way(NamedTuple):
    """A way in which C takes its image, and how such C is measured."""

    declared: str
    """A declaration in the header; {name} is the name of the model."""

    main: str
    images: int
    """How many are run."""

    targets: tuple[Target, ...] = TARGETS
    optimize: str = "-O2"
    whole: bool = False
    """Whether the whole program is counted, because flash has no room for another."""


# The first that a header declares counts.
WAYS = (
    Way("void {name}_push(uint8_t pixel)", MAIN_BY_PIXEL, IMAGES, TINY_TARGETS, "-Os", whole=True),
    Way("void {name}_push(const uint8_t row[28])", MAIN_BY_ROW, IMAGES_BY_ROW),
    Way("{name}_classify(const uint8_t ", MAIN, IMAGES),
)


class Measured(NamedTuple):
    """The needs of a model on one microcontroller."""

    target: Target
    flash: int
    """bytes: code and weights; for `tiny`, the whole program."""

    static: int
    """bytes of variables without the image; for `tiny`, of the whole program."""

    stack: int
    """bytes, without what the caller has on it."""

    mean: float
    """Mean cycles for an image (for Cortex-M: instructions)."""

    worst: int
    """The same for an image of ink everywhere, or for the slowest image if that took longer."""

    @property
    def milliseconds(self) -> float:
        """At the usual clock, taking an instruction for a cycle."""
        return 1000 * self.mean / self.target.clock


class TooSmall(NamedTuple):
    """A microcontroller for which the model is too large."""

    target: Target
    reason: str
    """With the numbers: `the program needs 9,120 B of flash, where an ATtiny13A has 1,024`."""


def measured_file(path: Path, images: NDArray[np.uint8]) -> list[Measured | TooSmall]:
    """Return the rows of `measured` for a .c file that `export` wrote, with the .h beside it, over
    the first of `images`: so few that it takes less than a minute.
    """
    source = read_source(path)
    return measured(source, images[: _way(source).images])


def measured(
    source: CSource, images: NDArray[np.uint8], targets: Sequence[Target] | None = None
) -> list[Measured | TooSmall]:
    """Build and run a model for each target, and return a row for each.

    images: uint8 [N, 28, 28], N from 1. targets: by default those that the model is made for.
    Raises MissingTool or MissingExtra without the compilers and simulators, and ModelError where a
    program crashes.
    """
    way = _way(source)
    return [_row(source, way, target, images) for target in targets or way.targets]


def _way(source: CSource) -> Way:
    return next(way for way in WAYS if way.declared.format(name=source.name) in source.h)


def _row(
    source: CSource, way: Way, target: Target, images: NDArray[np.uint8]
) -> Measured | TooSmall:
    ink = np.full_like(images[:1], 255)
    inputs = np.concatenate([images, ink]).reshape(len(images) + 1, -1)
    files = {f"{source.name}.c": source.c, f"{source.name}.h": source.h}
    main = way.main.format(name=source.name, classes=source.classes)
    try:
        check_tables(source.c, target)
        with tempfile.TemporaryDirectory(prefix="tinydigits-device-") as folder:
            firmware = build(files, target, main, Path(folder), way.optimize)
            run = firmware.run(inputs)
        called = way.whole and target.prefix == "avr-"
        stack = run.stack + (CALL_OF_MAIN if called else 0)
        check_ram(firmware, stack)
    except DoesNotFit as error:
        return TooSmall(target, str(error))
    sizes = firmware.program if way.whole else firmware.model
    mean, worst = float(run.cycles[:-1].mean()), int(run.cycles.max())
    return Measured(target, sizes.flash, sizes.ram, stack, mean, worst)


def check_tables(c: str, target: Target) -> None:
    """Raise DoesNotFit if a table of a .c file is larger than the target's flash: a compiler for
    AVRs refuses such a table without naming its size."""
    for bits, name, count in re.findall(r"^static const u?int(\d+)_t (\w+)\[(\d+)\]", c, re.M):
        if (size := int(bits) // 8 * int(count)) > target.flash:
            raise DoesNotFit(f"the table {name}", size, "flash", target, target.flash)


def check_ram(firmware: Firmware, stack: int) -> None:
    """Raise DoesNotFit if variables and `stack` bytes of stack exceed the RAM."""
    needed, target = firmware.program.ram + stack, firmware.target
    if needed > target.ram:
        what = f"the program, with {stack:,} B of stack,"
        raise DoesNotFit(what, needed, "RAM", target, target.ram)
