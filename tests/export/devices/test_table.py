"""The table of devices states what was measured, and with numbers what does not fit where."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.export.c.test_dense import info_of
from tests.export.c.test_tiny import random_tiny
from tests.export.devices.test_simulation import ECHO, TWICE, built
from tinydigits_export.c.conv import to_conv
from tinydigits_export.c.dense import to_c
from tinydigits_export.c.source import CSource
from tinydigits_export.devices.simulation import ATMEGA328P, ATTINY13A, CORTEX_M4, Target
from tinydigits_export.devices.table import (
    TARGETS,
    TINY_TARGETS,
    Measured,
    TooSmall,
    firmware_of,
    measured,
)
from tinydigits_export.keras_model import Original
from tinydigits_train.labelled_folder import Dataset

pytestmark = pytest.mark.device

# With so many bytes of flash, variables and stack. What it answers means nothing.
LARGE = """
#include "large.h"
#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
#endif
static const uint8_t TABLE[{flash}] PROGMEM = {{1}};
static volatile uint8_t variables[{variables}];
uint8_t large_classify(const uint8_t *image, uint8_t *probability) {{
    volatile uint8_t stack[{stack}];
    stack[0] = TABLE[image[0]];
    variables[0] = *probability = stack[0];
    return variables[0];
}}
void large_scores(const uint8_t *image, int32_t *logits) {{ logits[0] = image[0]; }}
"""
LARGE_H = """#include <stdint.h>
uint8_t large_classify(const uint8_t *image, uint8_t *probability);
void large_scores(const uint8_t *image, int32_t *logits);
"""


def large(flash: int = 1, variables: int = 1, stack: int = 1) -> CSource:
    c = LARGE.format(flash=flash, variables=variables, stack=stack)
    return CSource("large", c, LARGE_H, "", "", 1, 10)


@pytest.fixture(scope="module", autouse=True)
def tools(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests are skipped where a compiler or a simulator is missing."""
    for target in (ATMEGA328P, CORTEX_M4):
        built(TWICE, target, ECHO, tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="module")
def images(mnist: Dataset) -> NDArray[np.uint8]:
    return mnist.test.images[:3]


@pytest.fixture(scope="module")
def dense_source(original: Original, mnist: Dataset) -> CSource:
    info = replace(info_of(original), name="digits")
    return to_c(original, info, mnist.train.images[:1000])


def figures(rows: list[Measured | TooSmall]) -> list[Measured]:
    """Each of them; fails where one was not run."""
    found = [row for row in rows if isinstance(row, Measured)]
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_row_is_of_the_images_and_its_worst_of_ink_everywhere(
    target: Target, dense_source: CSource, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    (row,) = figures(measured(dense_source, images, [target]))
    firmware = firmware_of(dense_source, target, tmp_path)
    digits = firmware.run(images.reshape(-1, 784))
    ink = firmware.run(np.full((1, 784), 255, np.uint8))
    assert (row.flash, row.static, row.stack) == (firmware.model.flash, 0, digits.stack)
    assert (row.mean, row.worst) == (digits.cycles.mean(), ink.cycles[0])
    assert row.worst > 2 * digits.cycles.max()
    assert target.milliseconds(row.mean) == pytest.approx(1000 * row.mean / target.clock)


@pytest.mark.parametrize("target", [ATMEGA328P, CORTEX_M4], ids=lambda target: target.name)
def test_conv_is_measured_row_by_row_so_that_2_kb_of_ram_hold_it(
    target: Target, read_conv: Original, mnist: Dataset, images: NDArray[np.uint8]
) -> None:
    info = replace(info_of(read_conv), name="conv")
    source = to_conv(read_conv, info, mnist.train.images[:500])
    (row,) = figures(measured(source, images[:1], [target]))
    assert 1000 < row.static < row.static + row.stack < 2048
    assert row.worst >= row.mean > 100_000


def test_of_tiny_the_whole_program_counts(images: NDArray[np.uint8], tmp_path: Path) -> None:
    source = random_tiny(10, seed=0)
    rows = figures(measured(source, images))
    assert [row.target for row in rows] == list(TINY_TARGETS)
    smallest = rows[0]
    program = firmware_of(source, ATTINY13A, tmp_path).program
    assert (smallest.flash, smallest.static) == (program.flash, program.ram)
    assert smallest.flash <= ATTINY13A.flash
    assert smallest.static + smallest.stack <= ATTINY13A.ram
    assert smallest.worst > smallest.mean


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (large(flash=40_000), ATMEGA328P, "the table TABLE needs 40,000 B of flash, where an ATm"),
        (large(flash=32_500), ATMEGA328P, "the program needs 32,... B of flash, where an ATm"),
        (large(flash=300_000), CORTEX_M4, "the table TABLE needs 300,000 B of flash, where a Cor"),
        (large(flash=262_100), CORTEX_M4, "the program needs 262,... B of flash, where a Cor"),
        (large(variables=2000), ATMEGA328P, "needs 2,7.. B of RAM for variables, where an ATm"),
        (large(variables=1000, stack=300), ATMEGA328P, "with 3.. B of stack, needs 2,0.. B of RAM"),
    ],
)
def test_what_does_not_fit_is_a_row_with_the_numbers(
    source: CSource, target: Target, reason: str, images: NDArray[np.uint8]
) -> None:
    (row,) = measured(source, images, [target])
    assert isinstance(row, TooSmall)
    assert re.search(reason, row.reason), row.reason
    has = target.ram if "RAM" in row.reason else target.flash
    assert row.reason.endswith(f"{target.name} has {has:,}")
