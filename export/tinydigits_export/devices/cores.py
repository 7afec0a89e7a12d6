"""Runs a program on a simulated Cortex-M (Unicorn), feeds it bytes and counts its instructions.

It is the counterpart of avr_runner.c, with the same ports (device.h) and the same results. It also
counts the few instructions of `main` that share a basic block with a span.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import MissingExtra, ModelError

FLASH, RAM, PORTS = 0, 0x2000_0000, 0x4000_0000  # addresses
FLASH_BYTES, PAGE = 1 << 20, 1 << 12
MARK = 2  # offset of a port in device.h; a write to another one is output
PAINT = 0xA5
PAINTED = 512  # bytes below the stack pointer that are watched


def run_cortex_m(
    elf: Path, core: str, ram: int, data: bytes, limit: int
) -> tuple[bytes, NDArray[np.int64]]:
    """Return the bytes written, and int64 [spans, 2]: instructions and stack bytes of each span.

    core: "M0" (whose instructions the M0+ has) or "M4". Raises ModelError if the program
    crashes or runs for over `limit` instructions, MissingExtra without Unicorn.
    """
    try:
        import unicorn
        from unicorn.unicorn_py3 import UcError
    except ModuleNotFoundError as error:
        raise MissingExtra("simulating a Cortex-M", "unicorn", "dev") from error
    machine = _Machine(unicorn, elf, core, ram, data)
    try:
        machine.run(limit)
    except UcError as error:
        raise ModelError(f"{elf.name} on Cortex-{core}: crashed: {error}") from error
    if machine.hung:
        raise ModelError(f"{elf.name} on Cortex-{core}: ran for over {limit:,} instructions")
    return bytes(machine.written), np.array(machine.spans, np.int64).reshape(-1, 2)


class _Machine:
    """A core, its memory, and its counters."""

    def __init__(self, unicorn: Any, elf: Path, core: str, ram: int, data: bytes) -> None:
        from unicorn import arm_const

        self._sp = arm_const.UC_ARM_REG_SP
        self._uc = uc = unicorn.Uc(
            unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
        )
        uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_CORTEX_{core}"))
        uc.mem_map(FLASH, FLASH_BYTES)
        uc.mem_map(RAM, max(PAGE, ram))
        uc.mmio_map(PORTS, PAGE, self._on_read, None, self._on_write, None)
        self._entry = _load(uc, elf.read_bytes())
        uc.reg_write(self._sp, RAM + ram)
        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)
        self._input = iter(data)
        self.written = bytearray()
        self.spans: list[tuple[int, int]] = []
        self._counting = self.hung = False
        self._count = 0  # instructions since the span began; outside of one, since the last read
        self._instructions: dict[int, int] = {}  # of each block, by its address

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
            uc.mem_write(self._top - PAINTED, bytes([PAINT]) * PAINTED)
        else:
            self._counting = False
            below = bytes(uc.mem_read(self._top - PAINTED, PAINTED))
            touched = len(below.lstrip(bytes([PAINT])))
            self.spans.append((self._count, max(touched, self._top - self._lowest)))

    def _on_block(self, uc: Any, address: int, size: int, _: Any) -> None:
        if address not in self._instructions:
            self._instructions[address] = _instructions(bytes(uc.mem_read(address, size)))
        self._count += self._instructions[address]
        if self._counting:
            self._lowest = min(self._lowest, uc.reg_read(self._sp))
        self.hung = self._count > self._limit
        if self.hung:
            uc.emu_stop()


def _load(uc: Any, elf: bytes) -> int:
    """Load the segments of a 32-bit ELF file. Returns the address of its entry."""
    entry, table = struct.unpack_from("<II", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 42)
    for header in range(table, table + size * count, size):
        kind, offset, address, _, length = struct.unpack_from("<5I", elf, header)
        if kind == 1 and length:  # PT_LOAD
            uc.mem_write(address, elf[offset : offset + length])
    return int(entry)


def _instructions(code: bytes) -> int:
    """Count Thumb instructions: 4 bytes if they begin with 11101, 11110 or 11111, otherwise 2."""
    count = position = 0
    while position < len(code):
        position += 4 if code[position + 1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count
