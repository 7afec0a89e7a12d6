"""Runs a program on a simulated Cortex-M or RV32EC (Unicorn), feeds it bytes and counts its cost.

It is the counterpart of avr_runner.c, with the same ports (device.h) and the same results. It also
counts the few instructions of `main` that share a basic block with a span.

The cost on a Cortex-M is the number of instructions. On an RV32EC it is cycles, as they were
measured on a CH32V003 at 48 MHz, whose flash gives 4 bytes every 2 cycles: an instruction takes 1
if it has 2 bytes, 2 if it has 4; a load or a store takes 2, and a jump 4 more, or 5 to an address
that is no multiple of 4 (github.com/cpldcpu/DRAM_exploration, instruction_timing;
github.com/jnk0le/random, pipeline cycle test). No measurement of a load from flash was found: it is
taken for 4, because it has to wait for the same flash.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import MissingExtra, ModelError

FLASH, RAM, PORTS = 0, 0x2000_0000, 0x4000_0000  # addresses
FLASH_BYTES, PAGE = 1 << 20, 1 << 12
GP = RAM + 0x800  # the global pointer of an RV32EC (see riscv.ld)
JUMP, UNALIGNED, FLASH_LOAD = 4, 1, 2  # cycles of an RV32EC that come on top
MARK = 2  # offset of a port in device.h; a write to another one is output
PAINT = 0xA5
PAINTED = 512  # bytes below the stack pointer, and above the variables, that are watched at most


def run_core(
    elf: Path, core: str, ram: int, data: bytes, limit: int
) -> tuple[bytes, NDArray[np.int64]]:
    """Return the bytes written, and int64 [spans, 2]: cost and stack bytes of each span.

    core: "M0" (whose instructions the M0+ has), "M4" or "RV32EC". Raises ModelError if the program
    crashes or costs over `limit`, MissingExtra without Unicorn.
    """
    try:
        import unicorn
        from unicorn.unicorn_py3 import UcError
    except ModuleNotFoundError as error:
        raise MissingExtra(f"simulating a core ({core})", "unicorn", "dev") from error
    machine = _Machine(unicorn, elf, core, ram, data)
    try:
        machine.run(limit)
    except UcError as error:
        raise ModelError(f"{elf.name} on {core}: crashed: {error}") from error
    if machine.hung:
        raise ModelError(f"{elf.name} on {core}: ran for over {limit:,} instructions")
    return bytes(machine.written), np.array(machine.spans, np.int64).reshape(-1, 2)


class _Machine:
    """A core, its memory, and its counters."""

    def __init__(self, unicorn: Any, elf: Path, core: str, ram: int, data: bytes) -> None:
        self._riscv = core == "RV32EC"
        if self._riscv:
            from unicorn import riscv_const

            self._sp, self._cost = riscv_const.UC_RISCV_REG_SP, _riscv_cycles
            self._uc = uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            uc.reg_write(riscv_const.UC_RISCV_REG_GP, GP)
        else:
            from unicorn import arm_const

            self._sp, self._cost = arm_const.UC_ARM_REG_SP, _thumb_instructions
            self._uc = uc = unicorn.Uc(
                unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
            )
            uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_CORTEX_{core}"))
        uc.mem_map(FLASH, FLASH_BYTES)
        uc.mem_map(RAM, max(PAGE, ram))
        uc.mmio_map(PORTS, PAGE, self._on_read, None, self._on_write, None)
        self._entry, self._variables_end = _load(uc, elf.read_bytes())
        uc.reg_write(self._sp, RAM + ram)
        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)
        if self._riscv:
            flash = {"begin": FLASH, "end": FLASH + FLASH_BYTES - 1}
            uc.hook_add(unicorn.UC_HOOK_MEM_READ, self._on_flash_load, **flash)
        self._input = iter(data)
        self.written = bytearray()
        self.spans: list[tuple[int, int]] = []
        self._counting = self.hung = False
        self._count = 0  # since the span began; outside of one, since the last read
        self._costs: dict[int, int] = {}  # of each block, by its address
        self._end = 0  # of the block before

    def run(self, limit: int) -> None:
        self._limit = limit
        self._uc.emu_start(self._entry, FLASH_BYTES)

    def _on_read(self, uc: Any, _offset: int, _size: int, _: Any) -> int:
        byte = next(self._input, None)
        if not self._counting:
            self._count = 0
        if byte is None:
            uc.emu_stop()
        return byte or 0

    def _on_write(self, uc: Any, offset: int, _size: int, value: int, _: Any) -> None:
        if offset != MARK:
            self.written.append(value & 0xFF)
        elif value:
            self._counting, self._count = True, 0
            self._top = self._lowest = uc.reg_read(self._sp)
            self._painted = max(0, min(PAINTED, self._top - self._variables_end))
            uc.mem_write(self._top - self._painted, bytes([PAINT]) * self._painted)
        else:
            self._counting = False
            below = bytes(uc.mem_read(self._top - self._painted, self._painted))
            touched = len(below.lstrip(bytes([PAINT])))
            self.spans.append((self._count, max(touched, self._top - self._lowest)))

    def _on_block(self, uc: Any, address: int, size: int, _: Any) -> None:
        if address not in self._costs:
            self._costs[address] = self._cost(bytes(uc.mem_read(address, size)))
        self._count += self._costs[address]
        if self._riscv and address != self._end:
            self._count += JUMP + UNALIGNED * (address % 4 != 0)
        self._end = address + size
        if self._counting:
            self._lowest = min(self._lowest, uc.reg_read(self._sp))
        self.hung = self._count > self._limit
        if self.hung:
            uc.emu_stop()

    def _on_flash_load(self, *_: Any) -> None:
        self._count += FLASH_LOAD


def _load(uc: Any, elf: bytes) -> tuple[int, int]:
    """Load the segments of a 32-bit ELF file. Return its entry, and the end of its variables."""
    entry, table = struct.unpack_from("<II", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 42)
    end = RAM
    for header in range(table, table + size * count, size):
        kind, offset, address, _, length, held = struct.unpack_from("<6I", elf, header)
        if kind == 1:  # PT_LOAD
            uc.mem_write(address, elf[offset : offset + length])
            end = max(end, address + held)
    return entry, end


def _thumb_instructions(code: bytes) -> int:
    """Count Thumb instructions: 4 bytes if they begin with 11101, 11110 or 11111, otherwise 2."""
    count = position = 0
    while position < len(code):
        position += 4 if code[position + 1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count


def _riscv_cycles(code: bytes) -> int:
    """Count the cycles of RV32EC instructions but for jumps that are taken."""
    count = position = 0
    while position < len(code):
        low, high = code[position : position + 2]
        long = low & 3 == 3
        moves = low & 1 == 0 and high >> 5 in (2, 6)  # c.lw, c.sw, c.lwsp, c.swsp
        count += 2 if long or moves else 1
        position += 4 if long else 2
    return count
