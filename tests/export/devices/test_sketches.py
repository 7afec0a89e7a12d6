"""The sketches compile, fit their boards, and answer images that come over a serial line as the C
does on this machine."""

import re
import subprocess
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.export.c.test_tiny import info_of, random_tiny
from tests.support.boards import unpacked
from tests.support.sketches import (
    attiny_sketch,
    compiler_and_core,
    over_serial,
    uno_core,
    uno_sketch,
)
from tinydigits.model import MODELS
from tinydigits_export.c import conv as to_conv
from tinydigits_export.c.backend import CBackend, read_source
from tinydigits_export.c.source import CSource
from tinydigits_export.keras_model import Original
from tinydigits_train.labelled_folder import Dataset

pytestmark = pytest.mark.device

UNO_HZ, UNO_FLASH, UNO_RAM = 16_000_000, 32_256, 2_048  # flash: beside its boot loader
START = 1_000_000  # cycles until a board has started
BIT = UNO_HZ // 115_200  # cycles
SECOND = UNO_HZ + UNO_HZ // 4  # a quarter more than the sketches wait

# In the place of the network: answers the last digit of a checksum of all pixels.
CHECKSUM = """
#include "tiny.h"
static uint8_t sum;
void tiny_begin(void) { sum = 0; }
void tiny_push(uint8_t pixel) { sum = (uint8_t)(31 * sum + pixel); }
uint8_t tiny_end(void) { return sum % 10; }
"""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler_and_core()
    return uno_core(tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="module")
def c(bundle: Path) -> CSource:
    return replace(read_source(bundle / "digits.c"), sketch=(bundle / "digits.ino").read_text())


@pytest.fixture(scope="module")
def conv(read_conv: Original, mnist: Dataset) -> CSource:
    return to_conv.to_conv(read_conv, info_of(10), mnist.train.images[:500])


@pytest.fixture(scope="module")
def tiny() -> CSource:
    return random_tiny(10, seed=0)


@pytest.fixture(scope="module")
def images(mnist: Dataset) -> NDArray[np.uint8]:
    """Three digits, and ink everywhere, which takes longest."""
    return np.concatenate([mnist.test.images[:3], np.full((1, 28, 28), 255, np.uint8)])


def answers(backend: CBackend, images: NDArray[np.uint8]) -> bytes:
    return b"".join(b"%d %d\r\n" % tuple(row) for row in backend.classify(images).tolist())


def classes(source: CSource, images: NDArray[np.uint8]) -> bytes:
    found = CBackend(source).classify(images)[:, 0]
    return b"".join(b"%d\r\n" % answer for answer in found.tolist())


def files(source: CSource) -> dict[str, str]:
    return {f"{source.name}.c": source.c, f"{source.name}.h": source.h}


def test_an_uno_answers_each_image_with_class_and_probability(
    c: CSource, core: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    program = uno_sketch(core, c.sketch, files(c), tmp_path)
    held_to_uno(program)
    sent = [(START, image.tobytes()) for image in images]
    found = over_serial(program, "atmega328p", UNO_HZ, BIT, [*sent, (START, b"")])
    assert found == answers(CBackend(c), images)


def test_an_image_that_stops_coming_is_dropped(
    c: CSource, core: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    program = uno_sketch(core, c.sketch, files(c), tmp_path)
    sent = [(START, images[0].tobytes()[:500]), (SECOND, images[1].tobytes()), (START, b"")]
    found = over_serial(program, "atmega328p", UNO_HZ, BIT, sent)
    assert found == answers(CBackend(c), images[1:2])


def test_tiny_on_an_uno_answers_pixels_that_come_one_by_one(
    tiny: CSource, core: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    program = uno_sketch(core, tiny.sketch, files(tiny), tmp_path)
    held_to_uno(program)
    parts = [(START, image.tobytes()) for image in images]
    dropped = [(START, images[0].tobytes()[:500]), (SECOND, images[1].tobytes()), (START, b"")]
    found = over_serial(program, "atmega328p", UNO_HZ, UNO_HZ // 9600, [*parts, *dropped])
    assert found == classes(tiny, np.concatenate([images, images[1:2]]))


# The oscillators of two ATtinys are never quite the same, nor right. The shorter the bits are, the
# less time the network has between two pixels.
@pytest.mark.parametrize(
    ("mcu", "hz", "off"), [("attiny13a", 9_600_000, -0.035), ("attiny85", 8_000_000, 0)]
)
def test_tiny_on_an_attiny_times_its_own_bits(
    mcu: str,
    hz: int,
    off: float,
    tiny: CSource,
    images: NDArray[np.uint8],
    tmp_path: Path,
) -> None:
    compiler_and_core()
    program = attiny_sketch(tiny.sketch, files(tiny), tmp_path, mcu, hz)
    flash, ram = sizes(program)
    assert flash <= (1024 if mcu == "attiny13a" else 8192)
    assert ram <= 44
    line = round(0.02 * hz)  # within which the line of an answer has gone out
    parts = [(line, image.tobytes()) for image in images]
    dropped = [(line, images[0].tobytes()[:500]), (round(0.1 * hz), images[1].tobytes())]
    bit = round(hz / 9600 * (1 + off))
    found = over_serial(program, mcu, hz, bit, [*parts, *dropped, (line, b"")])
    assert found == classes(tiny, np.concatenate([images, images[1:2]]))


def test_twelve_classes_on_an_attiny_are_answered_by_number(tmp_path: Path) -> None:
    compiler_and_core()
    tiny, random = random_tiny(12, seed=27), np.random.default_rng(0)
    program = attiny_sketch(tiny.sketch, files(tiny), tmp_path, "attiny85", 8_000_000)
    noise = random.integers(0, 256, (20, 28, 28), np.uint8)
    parts = [(200_000, image.tobytes()) for image in noise]
    found = over_serial(program, "attiny85", 8_000_000, 833, [*parts, (200_000, b"")])
    assert found == classes(tiny, noise)
    assert {b"9", b"10", b"11"} <= set(found.split())


def test_conv_on_an_uno_answers_rows_that_wait_for_a_dot(
    conv: CSource, core: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    program = uno_sketch(core, conv.sketch, files(conv), tmp_path)
    held_to_uno(program)
    rows = [(START, row.tobytes()) for image in images[:2] for row in image]
    found = over_serial(program, "atmega328p", UNO_HZ, BIT, [*rows, (4 * START, b"")])
    lines = answers(CBackend(conv), images[:2]).splitlines(keepends=True)
    assert found == b"".join(b"." * 28 + line for line in lines)


def test_the_serial_example_fits_an_uno_with_the_whole_library_beside_it(
    core: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    library = unpacked("light", tmp_path)
    c = {path.name: path.read_text("utf-8") for path in (library / "src").iterdir()}
    sketch = (library / "examples" / "Serial" / "Serial.ino").read_text("utf-8")
    program = uno_sketch(core, sketch, c, tmp_path)
    assert held_to_uno(program) <= 14_000  # bytes: the linker leaves out the fit
    rows = [(START, row.tobytes()) for row in images[0]]
    found = over_serial(program, "atmega328p", UNO_HZ, BIT, [*rows, (4 * START, b"")])
    (line,) = answers(CBackend(read_source(MODELS / "light.c")), images[:1]).splitlines(True)
    assert found == b"." * 28 + line


@pytest.mark.parametrize("off", [0, 0.035, -0.035])
def test_no_bit_of_a_byte_is_lost_to_an_attiny(off: float, tiny: CSource, tmp_path: Path) -> None:
    compiler_and_core()
    texts = {"tiny.c": CHECKSUM, "tiny.h": tiny.h}
    program = attiny_sketch(tiny.sketch, texts, tmp_path, "attiny13a", 9_600_000)
    noise = np.random.default_rng(0).integers(0, 256, (8, 784), np.uint8)
    sums = [reduce(lambda total, pixel: (31 * total + pixel) % 256, row) for row in noise.tolist()]
    parts = [(200_000, row.tobytes()) for row in noise]
    found = over_serial(
        program, "attiny13a", 9_600_000, round(1000 * (1 + off)), [*parts, (200_000, b"")]
    )
    assert found == b"".join(b"%d\r\n" % (total % 10) for total in sums)


@pytest.mark.parametrize("form", ["c", "conv", "tiny"])
def test_the_call_in_each_header_can_be_pasted_into_a_sketch(
    form: str, request: pytest.FixtureRequest
) -> None:
    compiler_and_core()
    source: CSource = request.getfixturevalue(form)
    calls = re.findall(r"^ \*     (uint8_t .*? = .*?;)", source.h, re.MULTILINE)
    assert len(calls) == (2 if form == "conv" else 1)
    body = "".join(f"{{ {call} (void){call.split()[1]}; }}\n" for call in calls)
    given = "static uint8_t image[784], probability;\n"
    command = ["avr-g++", "-mmcu=atmega328p", "-fsyntax-only", "-x", "c++", "-"]
    text = f"{source.h}\n{given}void loop() {{\n{body}(void)image, (void)probability; }}\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_clock_that_is_too_slow_is_refused(tiny: CSource, tmp_path: Path) -> None:
    compiler_and_core()
    (tmp_path / "tiny.h").write_text(tiny.h)
    command = ["avr-g++", "-mmcu=attiny85", "-DF_CPU=1000000L", "-x", "c++", "-c", "-"]
    done = subprocess.run(
        command, cwd=tmp_path, input=tiny.sketch, capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert "clock of 8 to 9.6 MHz" in done.stderr


def held_to_uno(program: Path) -> int:
    """Leaves 256 bytes of RAM for the stack. Returns the bytes of flash."""
    flash, ram = sizes(program)
    assert flash <= UNO_FLASH
    assert ram <= UNO_RAM - 256
    return flash


def sizes(program: Path) -> tuple[int, int]:
    """Bytes of flash and of RAM."""
    size = subprocess.run(["avr-size", program], capture_output=True, text=True, check=True)
    text, data, bss = map(int, size.stdout.splitlines()[1].split()[:3])
    return text + data, data + bss
