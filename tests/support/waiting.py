"""Waiting for a condition, where a test would otherwise sleep."""

import time
from collections.abc import Callable


def soon(holds: Callable[[], object], seconds: float = 20) -> bool:
    """Return whether it holds at once or within that time."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.01)
    return bool(held)
