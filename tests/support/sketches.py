"""Sketches, built as the Arduino IDE builds them, and answers of theirs over a serial line."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.programs import tools_or_skip
from tinydigits_export.c.backend import find_tool, host_compiler
from tinydigits_export.devices.simulation import ATMEGA328P

ARDUINO = Path("/usr/share/arduino/hardware/arduino/avr")  # where Debian puts the core
LINE = Path(__file__).with_name("serial_line.c")
# As platform.txt and boards.txt of the core have them, for an Uno.
UNO = (
    "-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_UNO",
    "-DARDUINO_ARCH_AVR", f"-I{ARDUINO}/cores/arduino", f"-I{ARDUINO}/variants/standard",
    "-DDECIMAL_DIG=__DECIMAL_DIG__",  # which the core uses and float.h of GCC 5 lacks in C++
)  # fmt: skip
COMPILE = ("-c", "-g", "-Os", "-w", "-ffunction-sections", "-fdata-sections", "-flto")
OF_ENDING: Mapping[str, Sequence[str]] = {
    ".c": ("avr-gcc", *COMPILE, "-std=gnu11", "-fno-fat-lto-objects"),
    ".S": ("avr-gcc", "-c", "-g", "-x", "assembler-with-cpp", "-flto"),
    ".cpp": (
        "avr-g++", *COMPILE, "-std=gnu++11", "-fpermissive", "-fno-exceptions",
        "-fno-threadsafe-statics", "-Wno-error=narrowing",
    ),
}  # fmt: skip


def compiler_and_core() -> None:
    """Skips the test where one of them is missing."""
    with tools_or_skip():
        find_tool("avr-g++", "building a sketch", ATMEGA328P.packages)
        host_compiler()
    if not ARDUINO.is_dir():
        pytest.skip("building a sketch needs the core: apt-get install arduino-core-avr")


def uno_core(folder: Path) -> Path:
    """Build the core of an Uno as a library."""
    objects = []
    for source in sorted((ARDUINO / "cores" / "arduino").iterdir()):
        if source.suffix in OF_ENDING:
            objects.append(_object(source, folder, UNO))
    library = folder / "core.a"
    subprocess.run(["avr-gcc-ar", "rcs", library, *objects], check=True)
    return library


def uno_sketch(core: Path, sketch: str, c: Mapping[str, str], folder: Path) -> Path:
    """Build a program for an Uno from an .ino and the files beside it (name → text)."""
    for name, text in {**c, "sketch.cpp": f"#include <Arduino.h>\n{sketch}"}.items():
        (folder / name).write_text(text, "utf-8")
    names = [*(name for name in c if name.endswith(".c")), "sketch.cpp"]
    objects = [_object(folder / name, folder, UNO) for name in names]
    program = folder / "sketch.elf"
    link = ["avr-gcc", "-w", "-Os", "-g", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections"]
    files = [str(path) for path in (*objects, core)]
    command = [*link, "-mmcu=atmega328p", "-o", str(program), *files, "-lm"]
    subprocess.run(command, check=True)
    return program


def attiny_sketch(sketch: str, c: Mapping[str, str], folder: Path, mcu: str, hz: int) -> Path:
    """Build a program for an ATtiny as tiny.md says: without a core."""
    for name, text in {**c, "tiny.ino": sketch}.items():
        (folder / name).write_text(text, "utf-8")
    chip = [f"-mmcu={mcu}", f"-DF_CPU={hz}", "-Os", "-Wall", "-Wextra", "-Werror"]
    for command in (
        ["avr-gcc", *chip, "-c", "tiny.c"],
        ["avr-g++", *chip, "-x", "c++", "-c", "tiny.ino", "-o", "sketch.o"],
        ["avr-gcc", f"-mmcu={mcu}", "tiny.o", "sketch.o", "-o", "tiny.elf"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder / "tiny.elf"


def over_serial(
    program: Path, mcu: str, hz: int, bit_cycles: int, parts: Sequence[tuple[int, bytes]]
) -> bytes:
    """Return what a program answers. Skips the test without the simulator.

    parts: cycles of silence, then bytes, 8 bits without parity.
    """
    if not Path("/usr/include/simavr/sim_avr.h").exists():
        pytest.skip("simulating an AVR needs libsimavr: apt-get install libsimavr-dev libelf-dev")
    runner = program.with_name("serial_line")
    answers = program.with_name("answers")
    libraries = ["-lsimavr", "-lelf"]
    subprocess.run([*host_compiler(), "-O2", LINE, "-o", runner, *libraries], check=True)
    schedule = [f"{pause}:{len(sent)}" for pause, sent in parts]
    done = subprocess.run(
        [runner, mcu, program, str(hz), str(bit_cycles), answers, *schedule],
        input=b"".join(sent for _, sent in parts), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return answers.read_bytes()


def _object(source: Path, folder: Path, flags: Sequence[str]) -> Path:
    result = folder / f"{source.name}.o"
    command = [*OF_ENDING[source.suffix], *flags, str(source), "-o", str(result)]
    subprocess.run(command, check=True)
    return result
