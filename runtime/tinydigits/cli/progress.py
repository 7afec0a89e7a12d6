"""Progress: one line on the terminal that says how far a command is, and is gone afterwards."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def progress(hidden: bool = False, every: float = 0) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a text on stderr in place of the last one.

    It does nothing where `hidden` is true or stderr is no terminal, and shows a text only if
    `every` seconds have passed since the last one. It never raises an OSError.
    """
    if hidden or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    shown_at = -every

    def show(text: str) -> None:
        nonlocal shown_at
        if (now := time.monotonic()) - shown_at >= every:
            shown_at = now
            _write(f"\r\033[K{text}")

    try:
        yield show
    finally:
        _write("\r\033[K")


def _write(text: str) -> None:
    with suppress(OSError):  # a terminal that has gone is no reason to stop
        sys.stderr.write(text)
        sys.stderr.flush()
