"""Signals: Ctrl-C and SIGTERM end a run between two rows."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 1.0  # s: a second signal after this ends the process at once


class Stopped(BaseException):
    """A signal asked the run to end. It is no Exception, so that no code takes it for a damaged
    file.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Stopper:
    """A handler of signals, which remembers the first one."""

    def __init__(self, raises: bool) -> None:
        self.asked: int | None = None  # the first signal
        self._raises, self._held, self._since = raises, False, 0.0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise Stopped once, or only set `asked`."""
        del frame
        if self.asked is None:
            self.asked, self._since = number, time.monotonic()
            if self._raises and not self._held:
                raise Stopped(number)
        elif time.monotonic() - self._since > PATIENCE:
            os._exit(128 + number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait until the block ends, so that rows are written whole."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._raises and self.asked is not None:
            raise Stopped(self.asked)


@contextmanager
def stoppable(raises: bool = True) -> Iterator[Stopper]:
    """Let SIGINT and SIGTERM raise Stopped within the block, or only set `asked`. The handlers that
    were there before come back afterwards.
    """
    stopper = Stopper(raises)
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stopper.handle) for number in numbers]
    try:
        yield stopper
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
