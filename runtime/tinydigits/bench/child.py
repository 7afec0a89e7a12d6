"""Measurements that a fresh process of `tinydigits bench` takes: import, session, first picture.

This module imports next to nothing, since its own imports would be counted.
"""

import os
from time import perf_counter_ns as now
from typing import Any

_STATUS = "/proc/self/status"


def measure(
    began: int, library: str, backend: Any, model: str, picture: str
) -> tuple[int | None, ...]:
    """Return ns of import, session and first picture, bytes of the peak memory, and threads.

    `began` is the time when the process began its work, `library` the module that runs the model,
    and `backend` the one of a Classifier.
    """
    import numpy  # noqa: F401 - every picture needs NumPy and Pillow
    from PIL import Image  # noqa: F401

    from tinydigits.classifier import Classifier

    __import__(library)
    imported = now()
    classifier = Classifier(model, backend=backend)
    opened = now()
    classifier(picture)
    read = now()
    return imported - began, opened - imported, read - opened, peak_memory(), _status("Threads")


def peak_memory() -> int | None:
    """Return the most memory that was resident, in bytes; None where the system does not say.

    On Linux this is VmHWM, because its ru_maxrss begins with the size of the parent process.
    """
    if (kilobytes := _status("VmHWM")) is not None:
        return kilobytes * 1024
    if os.name != "posix":
        return None
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int | None:
    """Return a number from the status that Linux keeps for this process."""
    try:
        with open(_STATUS) as file:  # noqa: PTH123 - pathlib may not be there yet
            for line in file:
                if line.startswith(f"{name}:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return None
