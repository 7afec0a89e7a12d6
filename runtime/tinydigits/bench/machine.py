"""The machine that figures were measured on: hardware, system and versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from tinydigits.cpus import usable_cpus
from tinydigits.version import __version__

CPUINFO = Path("/proc/cpuinfo")
DEVICE_TREE = Path("/proc/device-tree/model")
CPUS = Path("/sys/devices/system/cpu")
# Lines of cpuinfo that name the CPU or the board, best first: Raspberry Pi has the first, x86 the
# second. "model" in small letters is a number.
_CPU_LINES = ("Model", "model name", "Hardware", "cpu")
UNKNOWN = "unknown"
ABSENT = "not installed"


class Machine(NamedTuple):
    """Hardware, system and versions."""

    cpu: str
    architecture: str
    cores: int  # CPUs of the machine, as the system counts them
    cores_allowed: int  # CPUs that CPU affinity and control groups allow this process to use
    cores_limited_by: str  # `affinity`, `control group` or an empty text
    governor: str  # the governor of the CPU's frequency; `unknown` where the system does not say
    memory: int  # bytes of RAM; 0 where the system does not say
    system: str
    python: str
    tinydigits: str
    numpy: str
    onnxruntime: str
    pillow: str
    litert: str  # a version, or `not installed`


HARDWARE = ("cpu", "architecture", "cores", "cores_allowed", "memory")
"""Runs that differ in one of these were measured on different machines."""


def this_machine() -> Machine:
    """Describe this machine."""
    total, allowed = os.cpu_count() or 1, usable_cpus()
    placed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return Machine(
        cpu=cpu_name(),
        architecture=platform.machine() or UNKNOWN,
        cores=total,
        cores_allowed=allowed,
        cores_limited_by=(
            "control group" if allowed < placed else "affinity" if placed < total else ""
        ),
        governor=governor(),
        memory=_memory(),
        system=_system(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        tinydigits=__version__,
        numpy=version_of("numpy"),
        onnxruntime=version_of("onnxruntime"),
        pillow=version_of("pillow"),
        litert=version_of("ai-edge-litert"),
    )


def cpu_name() -> str:
    """Return the name that Linux or the board gives, else the one that Python gives."""
    lines: dict[str, str] = {}
    for line in _text(CPUINFO).splitlines():
        name, _, value = line.partition(":")
        lines.setdefault(name.strip(), value.strip())
    names = [lines.get(name, "") for name in _CPU_LINES]
    names += [_text(DEVICE_TREE).strip("\0\n "), platform.processor(), platform.machine()]
    return " ".join(next(filter(None, names), UNKNOWN).split())


def governor() -> str:
    """Return the governors of all CPUs that this process may run on."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    found = {_text(CPUS / f"cpu{cpu}" / "cpufreq" / "scaling_governor").strip() for cpu in allowed}
    return ", ".join(sorted(found - {""})) or UNKNOWN


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has none, others not these names
        return 0


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def version_of(distribution: str) -> str:
    """Return its version, or ABSENT where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ABSENT


def _text(path: Path) -> str:
    """Return the text of the file; empty where it cannot be read, as on other systems."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
