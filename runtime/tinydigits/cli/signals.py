"""Signals: Ctrl-C and SIGTERM end a run between two rows, or soon afterwards wherever it is."""

import _thread
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from tinydigits.quiet import stderr_descriptor

PATIENCE = 1.0  # s: a second signal after this ends the process at once
LONGEST = 1.5  # s: a run that has not ended this long after a signal is ended
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked the run to end: no Exception, so no code takes it for a damaged file."""


class Stopper:
    """A handler of signals, which remembers the first one. `summary` returns the result so far."""

    def __init__(
        self, summary: Callable[[], str] = str, raises: bool = False, longest: float = 0
    ) -> None:
        self.asked: int | None = None  # the first signal
        self.longest = longest
        self._summary, self._said = summary, False
        self._raises, self._held, self._since = raises, False, 0.0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise Stopped once, or only set `asked`."""
        del frame
        if self.asked is None:
            self.asked, self._since = number, time.monotonic()
            if self._raises and not self._held:
                raise Stopped
        elif time.monotonic() - self._since > PATIENCE:
            self.end(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait until the block ends, so that rows are written whole."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._raises and self.asked is not None:
            raise Stopped

    def last_line(self) -> str:
        """Return the last line of a stopped run, with its result so far; "" the next time."""
        if self._said:
            return ""
        self._said, text = True, ""
        with suppress(Exception):  # the main thread may change what is counted
            text = self._summary()
        return f"stopped: {text}\n" if text else "stopped\n"

    def end(self, number: int) -> None:
        """End the process at once, without its unfinished files."""
        if not _ending.acquire(blocking=False):
            return  # the other thread ends it
        _remove_unfinished()
        stderr = stderr_descriptor()
        with suppress(OSError):  # a closed stderr changes nothing
            clear = "\r\033[K" if os.isatty(stderr) else ""  # the line of `progress`
            os.write(stderr, (clear + self.last_line()).encode(errors="backslashreplace"))
        os._exit(128 + number)


def _remove_unfinished() -> None:
    with suppress(Exception):  # the signal may come while that module is imported
        from tinydigits.sinks.files import remove_unfinished

        remove_unfinished()


_running = Stopper()  # until a command installs another, there is nothing to undo or to wait for
_ending = threading.Lock()


@contextmanager
def stoppable(
    summary: Callable[[], str], raises: bool = True, longest: float = LONGEST
) -> Iterator[Stopper]:
    """Let SIGINT and SIGTERM end the block, and the command with the status that says so, after the
    summary is printed. Or let them only set `asked`. The handlers that were there before come back.

    In a process that called `watch_signals`, a block that has not ended `longest` seconds after
    the signal is ended where it is.
    """
    global _running
    stopper, outer = Stopper(summary, raises, longest), _running
    handlers = [signal.signal(number, stopper.handle) for number in _SIGNALS]
    _running = stopper
    try:
        yield stopper
    except Stopped:
        assert stopper.asked is not None
        _remove_unfinished()  # a signal that comes as a block begins leaves its file
        with suppress(OSError):
            click.echo(stopper.last_line(), nl=False, err=True)
        raise click.exceptions.Exit(128 + stopper.asked) from None
    finally:
        _running = outer
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            signal.signal(number, handler)


def watch_signals() -> None:
    """Let SIGINT and SIGTERM end this process whatever native code it runs: Python calls handlers
    only when that has returned. A thread waits for signals, and takes 0.1 ms to start. It needs
    the interpreter's lock, which decoders and networks release.
    """
    arriving, told = os.pipe()
    with suppress(AttributeError):  # Python 3.11 on Windows
        os.set_blocking(told, False)
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: _running.end(number))
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    _thread.start_new_thread(_watch, (arriving,))


def _watch(arriving: int) -> None:
    while (number := os.read(arriving, 1)[0]) not in _SIGNALS:
        pass
    stopper = _running
    time.sleep(stopper.longest)
    stopper.end(number)
