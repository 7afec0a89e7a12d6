"""Quiet: in a process of tinydigits' own, libraries write neither to the terminal nor between rows.

The command line, a worker and a Ray actor are such processes. An application that imports
tinydigits keeps its warning filters, stdout and stderr, and shows what libraries say, or not. What
a library says while it is loaded is held back there too, where that takes no other words away.
"""

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

STDOUT, STDERR = 1, 2
MOST_HELD = 1 << 20  # bytes: the most that is shown of it
# The descriptors belong to the process: a second thread would take for stderr what the first has
# put in its place, and leave it there for good. One thread may nest its blocks.
_one_thread = threading.RLock()


_is_own = False
_stderr = STDERR  # the descriptor that leads to stderr, also while STDERR leads elsewhere


def own_process() -> None:
    """Say that this process is tinydigits' own, from now on."""
    global _is_own
    _is_own = True
    warnings.simplefilter("ignore")  # Pillow warns of odd metadata, numpy of old headers


def is_own_process() -> bool:
    """Whether `own_process` was called."""
    return _is_own


def stderr_descriptor() -> int:
    """Return a descriptor that leads to stderr, also while `quiet_native_code` holds it back."""
    return _stderr


@contextmanager
def quiet_native_code(shows_on_failure: bool = True, loads: bool = False) -> Iterator[None]:
    """Hold back what libraries write to stdout and stderr, native code included, which no logging
    setting reaches. Show it on stderr after all if the block fails, unless `shows_on_failure` is
    false. Threads wait for each other here. Do nothing where no more files can be opened: what is
    said there is no reason to fail.

    In an application's process, do this only where the block `loads` a library and there is no
    other thread, whose words would be held back too. Otherwise do nothing.
    """
    global _stderr
    if not (_is_own or (loads and threading.active_count() == 1)):
        yield
        return
    with _one_thread, ExitStack() as stack:
        before, kept = _stderr, dict[int, int]()
        try:
            while (held := memory_file()) <= STDERR:  # it got the number of a closed descriptor
                stack.callback(os.close, held)
        except OSError:
            yield
            return
        stack.callback(os.close, held)
        for number in (STDOUT, STDERR):
            with suppress(OSError):  # it is closed, but for a number that was taken above
                kept[number] = os.dup(number)
                stack.callback(os.close, kept[number])
        try:
            if before == STDERR:
                _stderr = kept.get(STDERR, STDERR)
            _flush()
            for number in kept:
                os.dup2(held, number)
            try:
                yield
            finally:
                _flush()
        except BaseException:
            if shows_on_failure and STDERR in kept:
                os.lseek(held, 0, os.SEEK_SET)
                os.write(kept[STDERR], os.read(held, MOST_HELD))
            raise
        finally:
            for number, original in kept.items():
                os.dup2(original, number)
            _stderr = before


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # it is closed, or was from the start
            stream.flush()


def memory_file() -> int:
    """A descriptor to write to, of memory where the system has such files, else of a temporary
    file. Raises OSError where there is neither.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tinydigits")
    import tempfile

    with tempfile.TemporaryFile() as file:  # whose name is gone already
        return os.dup(file.fileno())
