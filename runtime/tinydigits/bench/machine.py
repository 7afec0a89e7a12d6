"""The machine that figures were measured on: what a reader has to know to compare them."""

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
# second. A small "model" is a number.
_CPU_LINES = ("Model", "model name", "Hardware", "cpu")
_OPENCV = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
UNKNOWN = "unknown"
ABSENT = "not installed"


class Machine(NamedTuple):
    """Hardware, system and versions."""

    cpu: str
    architecture: str
    cores: int
    """Of the machine, as the system counts them."""

    cores_allowed: int
    """What CPU affinity and control groups leave of them to this process."""

    cores_limited_by: str
    """`affinity`, `control group` or nothing."""

    governor: str
    """Of the CPU's frequency; `unknown` where the system does not say."""

    memory: int
    """Bytes of RAM; 0 where the system does not say."""

    system: str
    python: str
    tinydigits: str
    numpy: str
    onnxruntime: str
    pillow: str
    opencv: str
    """A version, or `not installed`."""

    litert: str
    """The same."""


HARDWARE = ("cpu", "architecture", "cores", "cores_allowed", "memory")
"""Runs that differ in one of these were measured on different machines."""


def this_machine() -> Machine:
    total, allowed = os.cpu_count() or 1, usable_cpus()
    placed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return Machine(
        cpu=cpu_name(),
        architecture=platform.machine() or UNKNOWN,
        cores=total,
        cores_allowed=allowed,
        cores_limited_by="control group"
        if allowed < placed
        else ("affinity" if placed < total else ""),
        governor=governor(),
        memory=_memory(),
        system=_system(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        tinydigits=__version__,
        numpy=_version("numpy"),
        onnxruntime=_version("onnxruntime"),
        pillow=_version("pillow"),
        opencv=_version(*_OPENCV),
        litert=_version("ai-edge-litert"),
    )


def cpu_name() -> str:
    """As Linux or the board tells it, else as Python does."""
    lines: dict[str, str] = {}
    for line in _text(CPUINFO).splitlines():
        name, _, value = line.partition(":")
        lines.setdefault(name.strip(), value.strip())
    told = [lines.get(name, "") for name in _CPU_LINES]
    told += [_text(DEVICE_TREE).strip("\0\n "), platform.processor(), platform.machine()]
    return " ".join(next(filter(None, told), UNKNOWN).split())


def governor() -> str:
    """Of all CPUs that this process may run on."""
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


def _version(*distributions: str) -> str:
    """Of the first that is installed."""
    for name in distributions:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ABSENT


def _text(path: Path) -> str:
    """Empty where the file cannot be read: other systems and other kernels have others."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
