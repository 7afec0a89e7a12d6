"""What a fresh process of `tinydigits bench` measures of itself: import, session, first picture.

It imports next to nothing of its own, since that would be counted.
"""

import os
from time import perf_counter_ns as now

_STATUS = "/proc/self/status"


def measure(began: int, library: str, model: str, picture: str) -> tuple[int | None, ...]:
    """`began`: when the process began its work. `library`: the module that runs the model.
    → ns of import, session and first picture, bytes of the peak memory, number of threads.
    """
    import numpy  # noqa: F401 - with Pillow, what every picture needs
    from PIL import Image  # noqa: F401

    from tinydigits.classifier import Classifier

    __import__(library)
    imported = now()
    classifier = Classifier(model)
    opened = now()
    classifier(picture)
    read = now()
    return imported - began, opened - imported, read - opened, peak_memory(), _status("Threads")


def peak_memory() -> int | None:
    """Bytes: the most that was resident. None where the system does not say.

    Linux is asked for VmHWM, since its ru_maxrss begins with the size of the process that this one
    was started from.
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
    """A number that Linux tells of this process."""
    try:
        with open(_STATUS) as file:  # noqa: PTH123 - pathlib may not be there yet
            for line in file:
                if line.startswith(f"{name}:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return None
