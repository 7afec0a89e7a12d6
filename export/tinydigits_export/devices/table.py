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
    CH32V003,
    CORTEX_M0PLUS,
    CORTEX_M4,
    DoesNotFit,
    Firmware,
    Target,
    build,
)
from tinydigits_export.templates import fill

TARGETS = (ATMEGA328P, CORTEX_M0PLUS, CORTEX_M4, CH32V003)
TINY_TARGETS = (ATTINY13A, *TARGETS)
TEMPLATES = Path(__file__).with_name("templates")
IMAGES, IMAGES_BY_ROW = 100, 5  # one of `conv` on a CH32V003 takes half a second
CALL_OF_MAIN = 2  # bytes of stack on an AVR, which the simulator's count leaves out


class Way(NamedTuple):
    """A way in which C takes its image, and how such C is measured."""

    declared: str  # a declaration in the header; {name} is the name of the model
    main: str  # the program that reads such images, a file of `templates`
    images: int  # how many are run
    targets: tuple[Target, ...] = TARGETS
    optimize: str = "-O2"
    # Whether the whole program is counted, because flash has no room for another.
    whole: bool = False


# The first that a header declares counts.
WAYS = (
    Way(
        "void {name}_push(uint8_t pixel)",
        "main_by_pixel.c",
        IMAGES,
        TINY_TARGETS,
        "-Os",
        whole=True,
    ),
    Way("void {name}_push(const uint8_t row[28])", "main_by_row.c", IMAGES_BY_ROW),
    Way("{name}_classify(const uint8_t ", "main.c", IMAGES),
)


class Measured(NamedTuple):
    """The needs of a model on one microcontroller."""

    target: Target
    flash: int  # bytes: code and weights; for `tiny`, the whole program
    static: int  # bytes of variables without the image; for `tiny`, of the whole program
    stack: int  # bytes, without what the caller has on it
    mean: float  # mean cycles for an image (for Cortex-M: instructions)
    # The same for an image of ink everywhere, or for the slowest image if that took longer.
    worst: int


class TooSmall(NamedTuple):
    """A microcontroller for which the model is too large."""

    target: Target
    # With the numbers: `the program needs 9,120 B of flash, where an ATtiny13A has 1,024`.
    reason: str


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
    return [_row(source, target, images) for target in targets or _way(source).targets]


def _way(source: CSource) -> Way:
    return next(way for way in WAYS if way.declared.format(name=source.name) in source.h)


def firmware_of(
    source: CSource, target: Target, folder: Path, flags: tuple[str, ...] = ()
) -> Firmware:
    """Build C with the program that reads its images. Takes and raises what `build` does."""
    check_tables(source.c, target)
    way = _way(source)
    files = {f"{source.name}.c": source.c, f"{source.name}.h": source.h}
    main = fill(TEMPLATES / way.main, {"name": source.name, "classes": source.classes})
    return build(files, target, main, folder, way.optimize, flags)


def _row(source: CSource, target: Target, images: NDArray[np.uint8]) -> Measured | TooSmall:
    way = _way(source)
    ink = np.full_like(images[:1], 255)
    inputs = np.concatenate([images, ink]).reshape(len(images) + 1, -1)
    try:
        with tempfile.TemporaryDirectory(prefix="tinydigits-device-") as folder:
            firmware = firmware_of(source, target, Path(folder))
            run = firmware.run(inputs)
        called = way.whole and target.prefix == "avr-"
        stack = run.stack + (CALL_OF_MAIN if called else 0)
        needed = firmware.program.ram + stack
        if needed > target.ram:
            what = f"the program, with {stack:,} B of stack,"
            raise DoesNotFit(what, needed, "RAM", target, target.ram)
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
