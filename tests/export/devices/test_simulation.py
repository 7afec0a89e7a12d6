"""On an ATmega328P, a Cortex-M0+, a Cortex-M4 and a CH32V003 the C form gives the host's logits,
within flash, RAM and time that are held here.

On the ATmega328P for 2,000 test digits, on the CH32V003 for 30, on the others for 300; with
TINYDIGITS_DEVICE_IMAGES=10000 for all everywhere, in some minutes.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.export.c.test_dense import info_of, random_original
from tests.support.programs import tools_or_skip
from tinydigits import ModelError
from tinydigits_export.c.backend import CBackend, read_source
from tinydigits_export.c.dense import to_c
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
from tinydigits_export.devices.table import TINY_TARGETS, firmware_of
from tinydigits_train.labelled_folder import Dataset

pytestmark = pytest.mark.device

AVR_IMAGES = int(os.environ.get("TINYDIGITS_DEVICE_IMAGES", "2000"))
ARM_IMAGES = int(os.environ.get("TINYDIGITS_DEVICE_IMAGES", "300"))
RISCV_IMAGES = int(os.environ.get("TINYDIGITS_DEVICE_IMAGES", "30"))

ECHO = """
#include "device.h"
#include "twice.h"
int main(void) {
    for (;;) {
        uint8_t value = device_read();
        device_start();
        value = twice(value);
        device_stop();
        device_write(value);
        device_write(1);
    }
}
"""
TWICE = {
    "twice.h": "#include <stdint.h>\nuint8_t twice(uint8_t value);\n",
    "twice.c": '#include "twice.h"\nuint8_t twice(uint8_t value) { return value + value; }\n',
}


@dataclass(frozen=True)
class Limit:
    """What a model may take; cycles are instructions on an ARM."""

    target: Target
    flash: int
    stack: int
    cycles: int
    images: int = ARM_IMAGES


LIMITS = (
    Limit(ATMEGA328P, flash=8500, stack=64, cycles=25_000, images=AVR_IMAGES),
    Limit(CORTEX_M0PLUS, flash=8300, stack=64, cycles=20_000),
    Limit(CORTEX_M4, flash=8300, stack=64, cycles=14_000),
    Limit(CH32V003, flash=8300, stack=96, cycles=400_000, images=RISCV_IMAGES),
)
# What a compiler must not define, so that the C beside the assembly is compiled.
WITHOUT_ASSEMBLY = {
    "avr-": ("-U__AVR_HAVE_MUL__", "-U__AVR_ENHANCED__"),
    "arm-none-eabi-": ("-U__thumb__",),
}


def ran(build_it: Callable[[], Firmware]) -> Firmware:
    """Skips the test where a compiler or simulator is missing."""
    with tools_or_skip():
        firmware = build_it()
        firmware.run(np.zeros((0, 1), np.uint8))
        return firmware


def built(sources: dict[str, str], target: Target, main: str, folder: Path) -> Firmware:
    return ran(lambda: build(sources, target, main, folder))


def dense_firmware(source: CSource, target: Target, folder: Path, *flags: str) -> Firmware:
    return ran(lambda: firmware_of(source, target, folder, flags))


@pytest.fixture(scope="module")
def source(bundle: Path) -> CSource:
    return read_source(bundle / "digits.c")


@pytest.mark.parametrize("target", TINY_TARGETS, ids=lambda target: target.name)
def test_a_program_answers_and_is_counted(target: Target, tmp_path: Path) -> None:
    run = built(TWICE, target, ECHO, tmp_path).run(np.arange(100, dtype=np.uint8)[:, None])
    assert run.outputs.tolist() == [[2 * value, 1] for value in range(100)]
    assert len(set(run.cycles.tolist())) == 1
    assert 2 <= run.cycles[0] <= 30
    assert run.stack <= 8


def test_an_avr_takes_the_cycles_of_its_data_sheet(tmp_path: Path) -> None:
    delay = TWICE | {
        "twice.c": '#include "twice.h"\n#include <util/delay_basic.h>\n'
        "uint8_t twice(uint8_t value) { _delay_loop_1(value); return 0; }\n"
    }
    cycles = built(delay, ATMEGA328P, ECHO, tmp_path).run(np.array([[10], [20]], np.uint8)).cycles
    assert cycles[1] - cycles[0] == 30  # three cycles a turn


@pytest.mark.parametrize(
    ("instructions", "cycles"),
    [
        ("", 6),
        ("nop", 7),
        ("nop; nop", 8),
        (".option push; .option norvc; nop; .option pop", 8),
        ("lw a1, 0(sp)", 8),
        ("lbu a1, 0(sp)", 8),
        ("beqz zero, 2f; nop; 2:", 13),
    ],
)
def test_an_rv32ec_takes_the_cycles_that_were_measured_on_a_ch32v003(
    instructions: str, cycles: int, tmp_path: Path
) -> None:
    loop = f".p2align 2; 1: {instructions}; addi %0, %0, -1; bnez %0, 1b"
    delay = TWICE | {
        "twice.c": '#include "twice.h"\nuint8_t twice(uint8_t value) {\n'
        f'uint32_t left = value;\n__asm__ volatile("{loop}" : "+r"(left) : : "a1");\n'
        "return 0;\n}\n"
    }
    turns = built(delay, CH32V003, ECHO, tmp_path).run(np.array([[10], [20]], np.uint8)).cycles
    assert turns[1] - turns[0] == 10 * cycles


@pytest.mark.parametrize("target", [ATMEGA328P, CORTEX_M4], ids=lambda target: target.name)
def test_a_hang_and_a_lost_byte_are_errors(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinydigits_export.devices.simulation.MAX_CYCLES", 1_000_000)
    value = np.zeros((3, 1), np.uint8)
    silent = ECHO.replace("device_write(1);", "if (!value) { value = device_read(); }")
    with pytest.raises(ModelError, match="counted spans"):
        built(TWICE, target, silent, tmp_path).run(value)
    with pytest.raises(ModelError, match=r"main\.c: does not compile"):
        build(TWICE, target, "int main(void) { return nothing; }", tmp_path)
    endless = ECHO.replace("value = twice(value);", "for (;;) twice(value);")
    with pytest.raises(ModelError, match="over 1,000,000"):
        built(TWICE, target, endless, tmp_path).run(value)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.target.name)
def test_dense_is_the_hosts_within_its_limits(
    source: CSource, mnist: Dataset, tmp_path: Path, limit: Limit
) -> None:
    firmware = dense_firmware(source, limit.target, tmp_path)
    images = mnist.test.images[: limit.images]
    run = firmware.run(images.reshape(-1, 784))
    host = CBackend(source)
    assert run.outputs[:, :2].tobytes() == host.classify(images).tobytes()
    assert run.outputs[:, 2:].tobytes() == host.logits(images).astype("<i4").tobytes()
    assert firmware.model.flash <= limit.flash
    assert firmware.model.ram == 0
    assert run.stack <= limit.stack
    assert run.cycles.mean() <= limit.cycles


def extreme_images() -> NDArray[np.uint8]:
    """Paper, ink everywhere, and noise."""
    noise = np.random.default_rng(0).choice([0, 255, 1], (10, 784))
    return np.concatenate([np.zeros((1, 784)), np.full((1, 784), 255), noise]).astype(np.uint8)


@pytest.mark.parametrize("limit", LIMITS[:3], ids=lambda limit: limit.target.name)
def test_extreme_images_come_out_as_on_the_host_by_assembly_and_by_c(
    source: CSource, tmp_path: Path, limit: Limit
) -> None:
    images, logits, cycles = extreme_images(), CBackend(source).logits(extreme_images()), []
    for flags in ((), WITHOUT_ASSEMBLY[limit.target.prefix]):
        run = dense_firmware(source, limit.target, tmp_path, *flags).run(images)
        assert run.outputs[:, 2:].tobytes() == logits.astype("<i4").tobytes()
        cycles.append(run.cycles)
    assert (cycles[0] != cycles[1]).any()


@pytest.mark.parametrize("classes", [3, 26])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.target.name)
def test_own_labels_come_out_as_on_the_host(
    mnist: Dataset, tmp_path: Path, limit: Limit, classes: int
) -> None:
    # A CH32V003 has 16 kB of flash, which hold 20 classes at most.
    original = random_original(min(classes, 18) if limit.target.name == "CH32V003" else classes)
    source = to_c(original, info_of(original), mnist.train.images[:1000])
    images = mnist.test.images[:5]
    run = dense_firmware(source, limit.target, tmp_path).run(images.reshape(-1, 784))
    host = CBackend(source)
    assert run.outputs[:, :2].tobytes() == host.classify(images).tobytes()
    assert run.outputs[:, 2:].tobytes() == host.logits(images).astype("<i4").tobytes()


def test_an_attiny_without_multiplication_has_no_room_and_says_so(
    source: CSource, tmp_path: Path
) -> None:
    with pytest.raises(
        DoesNotFit, match=r"needs [678],\d\d\d B of flash, where an ATtiny13A has 1,024"
    ):
        dense_firmware(source, ATTINY13A, tmp_path)
