"""The machine is described as its system does: CPU or board, cores allowed, governor, versions."""

import os
from pathlib import Path

import numpy as np
import PIL
import pytest

from tinydigits import __version__
from tinydigits.bench import machine
from tinydigits.bench.machine import HARDWARE, Machine, cpu_name, governor, this_machine
from tinydigits.cpus import usable_cpus

X86 = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC   7B13\n\nprocessor\t: 1\n"
PI = "processor\t: 0\nmodel name\t: ARMv7 rev 3 (v7l)\n\nModel\t\t: Raspberry Pi 4 Model B\n"
ARM64 = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n"


def test_this_machine_is_described_and_so_are_the_versions() -> None:
    found = this_machine()
    assert found.cpu
    assert found.cores_allowed == usable_cpus() <= found.cores == os.cpu_count()
    assert found.memory > 1e8
    assert found.system != ", "
    assert found.tinydigits == __version__
    assert (found.numpy, found.pillow) == (np.__version__, PIL.__version__)
    assert set(HARDWARE) < set(Machine._fields)


@pytest.mark.parametrize(
    ("told", "expected"), [(X86, "AMD EPYC 7B13"), (PI, "Raspberry Pi 4 Model B")]
)
def test_the_cpu_is_named_by_its_best_line(
    told: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert cpu_name() == expected


def test_a_board_is_named_by_its_device_tree_and_else_by_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(ARM64)
    (tmp_path / "model").write_bytes(b"Radxa ZERO 3\0")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "DEVICE_TREE", tmp_path / "model")
    assert cpu_name() == "Radxa ZERO 3"
    monkeypatch.setattr(machine, "DEVICE_TREE", tmp_path / "none")
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert cpu_name() == "aarch64"


@pytest.mark.linux
def test_the_governors_of_all_allowed_cpus_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CPUS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    assert governor() == "unknown"
    for cpu, name in ((0, "powersave"), (1, "ondemand"), (2, "performance")):
        folder = tmp_path / f"cpu{cpu}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(name + "\n")
    assert governor() == "performance, powersave"


@pytest.mark.linux
def test_what_limits_the_cores_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(machine, "usable_cpus", lambda: 8)
    assert this_machine().cores_limited_by == ""
    monkeypatch.setattr(machine, "usable_cpus", lambda: 2)
    assert this_machine().cores_limited_by == "control group"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5})
    assert this_machine()[2:5] == (8, 2, "affinity")


def test_what_is_not_installed_is_said() -> None:
    assert machine.version_of("no-such-distribution") == "not installed"
