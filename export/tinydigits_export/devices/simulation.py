"""Microcontrollers, simulated: build C for them, run it on many inputs, count what it costs.

    firmware = build({"digits.c": c, "digits.h": h}, ATMEGA328P, main, folder)
    run = firmware.run(images.reshape(-1, 784))     # uint8 [N, bytes that one step reads]
    run.outputs, run.cycles.mean(), run.stack       # uint8 [N, bytes that one step writes], …

`main` is the text of a C program that includes "device.h" (device.h here) and loops for ever, such
as those in `templates`: it reads the bytes of a step with device_read(), works between
device_start() and device_stop(), and writes its answer with device_write().

Every step reads, counts and writes the same number of bytes and spans. Reading past the last input
ends the run. A program whose network reads its pixels one by one, because the chip has no room for
the image, calls device_read() within the counted span: on an AVR that costs 1 cycle.

A program whose code or variables outgrow the target is refused when it is built. The stack is known
only after a run: compare `program.ram + run.stack` with `target.ram` (see `table`).

AVR: libsimavr, cycle for cycle. Cortex-M and RV32EC: Unicorn (QEMU's processor cores as a library),
which counts instructions: a Cortex-M0+ takes 1 to 2 cycles for most; for RV32EC cycles are reckoned
from them (see core_runner.c). Both libraries are run by programs in C, which are built here: they
count after each instruction, or each block of instructions, which takes Python 50 times as long.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import MissingExtra, ModelError
from tinydigits_export.c.backend import MissingTool, compiled, find_tool, host_compiler

SIMULATORS = Path(__file__).parent
BARE = ["-nostartfiles"]
# The places of code and variables. An AVR gets more room than there is, so that programs that do
# not fit are measured too.
MEMORY = {
    "avr-": [f"-Wl,--defsym=__{kind}_REGION_LENGTH__=1M" for kind in ("TEXT", "DATA")],
    "arm-none-eabi-": ["-Wl,-Ttext=0,-Tdata=0x20000000"],
    "riscv64-unknown-elf-": ["-T", str(SIMULATORS / "riscv.ld")],
}
MAX_CYCLES = 100_000_000  # of one step: beyond it the program is taken to hang


@dataclass(frozen=True, slots=True)
class Target:
    """A microcontroller."""

    name: str
    mcu: str  # its name in the simulator
    prefix: str  # prefix of the compiler's commands, such as "avr-"
    flags: tuple[str, ...]  # the flags that choose the processor; `build` chooses the optimisation
    flash: int  # bytes
    ram: int  # bytes
    clock: int  # Hz, at which it usually runs

    @property
    def packages(self) -> str:
        """The Debian packages that build for it and simulate it."""
        return {
            "avr-": "gcc-avr avr-libc libsimavr-dev libelf-dev gcc",
            "arm-none-eabi-": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
            "riscv64-unknown-elf-": "gcc-riscv64-unknown-elf",
        }[self.prefix]

    def milliseconds(self, cycles: float) -> float:
        """Return the time at the usual clock. An instruction of a Cortex-M counts as one cycle."""
        return 1000 * cycles / self.clock


ATMEGA328P = Target(
    "ATmega328P", "atmega328p", "avr-", ("-mmcu=atmega328p",), 32 * 1024, 2048, 16_000_000
)
ATTINY13A = Target("ATtiny13A", "attiny13a", "avr-", ("-mmcu=attiny13a",), 1024, 64, 9_600_000)
# The cores of small STM32G0 and STM32F4 chips.
CORTEX_M0PLUS = Target(
    "Cortex-M0+", "M0", "arm-none-eabi-", ("-mcpu=cortex-m0plus", "-mthumb"),
    64 * 1024, 8 * 1024, 64_000_000,
)  # fmt: skip
CORTEX_M4 = Target(
    "Cortex-M4", "M4", "arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb"),
    256 * 1024, 64 * 1024, 84_000_000,
)  # fmt: skip
# It has no multiplier. There is no C library for it: -ffreestanding brings <stdint.h>.
CH32V003 = Target(
    "CH32V003", "RV32EC", "riscv64-unknown-elf-",
    ("-march=rv32ec", "-mabi=ilp32e", "-ffreestanding", "-nostdlib"),
    16 * 1024, 2048, 48_000_000,
)  # fmt: skip


class DoesNotFit(ModelError):  # noqa: N818 - named for what it says
    """A microcontroller has too little flash or RAM. The message gives the numbers."""

    def __init__(self, what: str, needed: int, memory: str, target: "Target", most: int) -> None:
        article = "an" if target.name[0] in "AEIOU" else "a"
        super().__init__(
            f"{what} needs {needed:,} B of {memory}, where {article} {target.name} has {most:,}"
        )


@dataclass(frozen=True, slots=True)
class Sizes:
    """The memory that a linked program needs."""

    flash: int  # bytes: code, constants, and the initial values of variables
    ram: int  # bytes of static variables; the stack comes on top


@dataclass(frozen=True, slots=True)
class Run:
    """The answers of a program, and their cost. N: the number of inputs."""

    outputs: NDArray[np.uint8]  # uint8 [N, R], the bytes written for each input
    # int64 [N], between device_start and device_stop: cycles, of an ARM instructions.
    cycles: NDArray[np.int64]
    stack: int  # bytes: the most in use between the two, without what `main` itself uses


@dataclass(frozen=True, slots=True)
class Firmware:
    """A program that is ready to run on a target."""

    elf: Path
    target: Target
    model: Sizes  # the sources alone, with the helpers of the compiler's library that they call
    program: Sizes  # all, with `main`, start-up code and interrupt vectors

    def run(self, inputs: NDArray[np.uint8]) -> Run:
        """Run the program. inputs: uint8 [N, B]. Raises ModelError if it crashes, hangs, or does
        not write the same number of bytes for each input; MissingTool without the simulator.
        """
        inputs = np.ascontiguousarray(inputs, np.uint8)
        written, spans = _simulated(self, inputs.tobytes())
        if len(spans) != len(inputs) or len(written) % max(1, len(inputs)):
            raise ModelError(
                f"{self.elf.name} on {self.target.name}: {len(spans)} counted spans and "
                f"{len(written)} bytes written for {len(inputs)} inputs"
            )
        outputs = np.frombuffer(written, np.uint8)
        outputs = outputs.reshape(len(inputs), len(written) // max(1, len(inputs)))
        return Run(outputs, spans[:, 0], int(spans[:, 1].max(initial=0)))


def build(
    sources: Mapping[str, str],
    target: Target,
    main: str,
    folder: Path,
    optimize: str = "-O2",
    flags: tuple[str, ...] = (),
) -> Firmware:
    """Compile and link `sources` (file name → text; every .c among them is compiled) and `main`.

    folder: an existing one for the files, another one for each target.
    optimize, flags: for the sources; `main` is compiled with -Os. For `dense`, -O2 takes less stack
    than -Os, a tenth fewer instructions on a Cortex-M0+, and no more flash on an AVR.
    Raises MissingTool without the compiler, ModelError if something does not compile, and
    DoesNotFit if the target is too small for the code or the variables.
    """
    for name, text in {**sources, "main.c": main}.items():
        (folder / name).write_text(text, "utf-8")
    purpose = f"building for {target.name}"
    compiler = [find_tool(f"{target.prefix}gcc", purpose, target.packages), *target.flags]
    sections = ["-std=c99", "-ffunction-sections", "-fdata-sections", "-I", str(SIMULATORS)]
    objects = []
    for name in [*(name for name in sources if name.endswith(".c")), "main.c"]:
        chosen = ("-Os",) if name == "main.c" else (optimize, *flags)
        objects.append(str((folder / name).with_suffix(".o")))
        compiled([*compiler, *sections, *chosen, "-c", str(folder / name), "-o", objects[-1]], name)
    alone, whole = folder / "model.elf", folder / "program.elf"
    link = [*compiler, *MEMORY[target.prefix]]
    # Without start-up code and --gc-sections: everything that the sources define, and nothing else.
    compiled([*link, *BARE, "-Wl,-e,0", *objects[:-1], "-lgcc", "-o", str(alone)], "the sources")
    # Other programs start at main: the simulator lays its memory out and sets its stack.
    start = [] if target.prefix == "avr-" else [*BARE, "-Wl,-e,main"]
    compiled(
        [*link, *start, "-Wl,--gc-sections", *objects, "-lgcc", "-o", str(whole)], "the program"
    )
    program = _sizes(whole, target)
    if program.flash > target.flash:
        raise DoesNotFit("the program", program.flash, "flash", target, target.flash)
    if program.ram >= target.ram:
        raise DoesNotFit("the program", program.ram, "RAM for variables", target, target.ram)
    return Firmware(whole, target, _sizes(alone, target), program)


def _sizes(elf: Path, target: Target) -> Sizes:
    size = find_tool(f"{target.prefix}size", f"building for {target.name}", target.packages)
    line = subprocess.run([size, elf], capture_output=True, text=True, check=True).stdout
    text, data, bss = map(int, line.splitlines()[1].split()[:3])
    return Sizes(flash=text + data, ram=data + bss)


def _simulated(firmware: Firmware, data: bytes) -> tuple[bytes, NDArray[np.int64]]:
    """Return the bytes written, and int64 [spans, 2]: cycles and stack bytes of each span."""
    folder, target = firmware.elf.parent, firmware.target
    source, libraries, chip = _runner(target)
    runner, fed, written = folder / source.stem, folder / "input.bin", folder / "output.bin"
    if not runner.exists():
        built = ["-O1", str(source), "-o", str(runner), *libraries]
        compiled([*host_compiler(), *built], source.name)
    fed.write_bytes(data)
    paths = (firmware.elf, fed, written)
    command = [str(runner), *chip, *map(str, paths), str(MAX_CYCLES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = {3: "crashed", 4: f"ran for over {MAX_CYCLES:,} cycles"}.get(done.returncode)
        raise ModelError(
            f"{firmware.elf.name} on {target.name}: {reason or 'cannot be simulated'}: "
            f"{done.stderr.strip()}"
        )
    spans = np.fromstring(done.stdout, np.int64, sep=" ").reshape(-1, 2)
    return written.read_bytes(), spans


def _runner(target: Target) -> tuple[Path, list[str], list[str]]:
    """Return the C of a program that simulates a chip, what it is linked with, and the words that
    choose the chip. Raises MissingTool or MissingExtra without the simulator.
    """
    if target.prefix == "avr-":
        if not Path("/usr/include/simavr/sim_avr.h").exists():
            raise MissingTool(f"simulating an {target.name}", "libsimavr", target.packages)
        return SIMULATORS / "avr_runner.c", ["-lsimavr", "-lelf"], [target.mcu]
    unicorn = find_spec("unicorn")
    if unicorn is None or unicorn.origin is None:
        raise MissingExtra(f"simulating a core ({target.mcu})", "unicorn", "dev")
    package = Path(unicorn.origin).parent
    (library,) = package.glob("lib/libunicorn.*[!a]")  # .so.2, beside one to link statically
    options = [f"-I{package / 'include'}", str(library), f"-Wl,-rpath,{library.parent}"]
    return SIMULATORS / "core_runner.c", options, [target.mcu, str(target.ram)]
