"""Waiting for a condition, where a test would otherwise sleep."""

import time
from collections.abc import Callable


def soon(holds: Callable[[], object], seconds: float = 20, every: float = 0.01) -> bool:
    """Return whether it holds within that time. Ask at once, and then `every` so many seconds."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(every)
    return bool(held)
