"""What a model in C takes on microcontrollers: built for each, and run there in simulation."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits_export.devices import ATMEGA328P, CORTEX_M0PLUS, CORTEX_M4, Target, build
from tinydigits_export.to_c import CSource

TARGETS = (ATMEGA328P, CORTEX_M0PLUS, CORTEX_M4)

# Answers class, probability and logits; the class alone is counted.
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


class Measured(NamedTuple):
    """What one microcontroller needs."""

    target: Target
    flash: int
    """bytes: code and weights."""

    stack: int
    """bytes, beside the image; there is no other memory."""

    mean: float
    """Cycles an image (of Cortex-M: instructions), over the images that were run."""

    worst: int
    """The same, of the slowest."""

    @property
    def milliseconds(self) -> float:
        """At the usual clock, taking an instruction for a cycle."""
        return 1000 * self.mean / self.target.clock


def measured(
    source: CSource, images: NDArray[np.uint8], targets: Sequence[Target] = TARGETS
) -> list[Measured]:
    """images: uint8 [N, 28, 28]. Raises MissingTool or MissingExtra without the compilers and
    simulators, and ModelError where a program crashes.
    """
    files = {f"{source.name}.c": source.c, f"{source.name}.h": source.h}
    main = MAIN.format(name=source.name, classes=source.classes)
    rows = []
    for target in targets:
        with tempfile.TemporaryDirectory(prefix="tinydigits-device-") as folder:
            firmware = build(files, target, main, Path(folder))
            run = firmware.run(images.reshape(len(images), -1))
        mean, worst = float(run.cycles.mean()), int(run.cycles.max())
        rows.append(Measured(target, firmware.model.flash, run.stack, mean, worst))
    return rows
