"""The needs of C with a camera: the fit alone, and with a network from a frame to an answer."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits_export.devices.simulation import CORTEX_M0PLUS, CORTEX_M4, Firmware, Target, build
from tinydigits_export.templates import fill

TEMPLATES = Path(__file__).with_name("templates")
SIZES = ((96, 96), (160, 120))  # px: width and height of what small cameras give
# With as much RAM as the larger chips of both kinds have (STM32G0B1, STM32F411).
TARGETS = (replace(CORTEX_M0PLUS, ram=144 * 1024), replace(CORTEX_M4, ram=128 * 1024))
FRAMES = 3  # the fit of one takes an ARM a million instructions


class Needs(NamedTuple):
    """The needs of C for frames of one size on one microcontroller."""

    file: str  # fit.c for the fit alone, or NAME_read.c
    size: tuple[int, int]  # px: width and height
    target: Target
    flash: int  # bytes: code and weights, that of the fit and the network included
    workspace: int  # bytes; the frame takes width × height more
    static: int  # bytes of variables
    stack: int  # bytes, without what the caller has on it
    mean: float  # mean instructions for a frame
    worst: int  # for a frame of noise, or for the slowest frame if that took longer


def frames_of(images: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Draw each digit dark on paper, over half of a frame's height. images: uint8 [N, 28, 28] →
    uint8 [N, height, width].
    """
    frames = np.full((len(images), height, width), 210, np.uint8)
    side = height * 28 // 40  # of the whole image, of which the digit takes 20 of 28
    top, left = (height - side) // 2, (width - side) // 2
    for frame, image in zip(frames, images, strict=True):
        ink = np.asarray(Image.fromarray(image).resize((side, side)), np.uint8)
        frame[top : top + side, left : left + side] -= ink // 4 * 3
    return frames


def measured_frames(
    folder: Path, name: str, images: NDArray[np.uint8], sizes: Sequence[tuple[int, int]] = SIZES
) -> list[Needs]:
    """Return the rows of the fit alone, and those of a network that `export` wrote into a folder.

    images: uint8 [N, 28, 28], N from 1: the digits in the frames. Raises what `build` and
    `Firmware.run` do.
    """
    fit = ("fit.c", "fit.h")
    network = (f"{name}.c", f"{name}.h", f"{name}_read.c", f"{name}_read.h")
    ways = (("fit.c", fit, "main_fit.c"), (f"{name}_read.c", network + fit, "main_read.c"))
    rows = []
    for file, names, main in ways:
        sources = {each: (folder / each).read_text("utf-8") for each in names}
        for size in sizes:
            frames = frames_of(images, *size)
            noise = np.random.default_rng(0).integers(0, 256, (1, *frames.shape[1:]), np.uint8)
            inputs = np.concatenate([frames, noise]).reshape(len(frames) + 1, -1)
            for target in TARGETS:
                with tempfile.TemporaryDirectory(prefix="tinydigits-camera-") as temporary:
                    firmware = firmware_of(sources, name, main, size, target, Path(temporary))
                    run = firmware.run(inputs)
                held = firmware.program.ram - firmware.model.ram - size[0] * size[1]
                mean, worst = float(run.cycles[:-1].mean()), int(run.cycles.max())
                needs = (firmware.model.flash, held, firmware.model.ram, run.stack, mean, worst)
                rows.append(Needs(file, size, target, *needs))
    return rows


def firmware_of(
    sources: Mapping[str, str],
    name: str,
    main: str,
    size: tuple[int, int],
    target: Target,
    folder: Path,
) -> Firmware:
    """Build C with a program that reads frames of one size, `main` of `templates`."""
    values = {"name": name, "guard": name.upper(), "width": size[0], "height": size[1]}
    return build(sources, target, fill(TEMPLATES / main, values), folder)
