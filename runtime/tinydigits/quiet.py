"""Keeps native libraries from writing to the terminal."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_HELD = 1 << 20  # bytes: the most that is shown of it
# The descriptor is the process's: of two threads at once, the second would take for stderr what the
# first has put there, and leave it there for good. One thread may nest its blocks.
_one_thread = threading.RLock()


@contextmanager
def quiet_native_code(shows_on_failure: bool = True) -> Iterator[None]:
    """Holds back what C++ code writes to file descriptor 2, which no logging setting reaches;
    shows it after all if the block fails, unless told not to. Threads wait for each other here.
    """
    with _one_thread:
        descriptors = _descriptors()
        if descriptors is None:
            yield
            return
        kept, held = descriptors
        try:
            os.dup2(held, 2)
            yield
        except BaseException:
            if shows_on_failure:
                os.lseek(held, 0, os.SEEK_SET)
                os.write(kept, os.read(held, MOST_HELD))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(held)


def _descriptors() -> tuple[int, int] | None:
    """Of stderr as it is, and of what takes its place. None where it is closed, or no more files
    can be opened: what is said there is no reason to fail.
    """
    try:
        kept = os.dup(2)
    except OSError:
        return None
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        return kept, memory_file()
    except (OSError, ValueError):  # ValueError: Python's own stderr is closed
        os.close(kept)
        return None


def memory_file() -> int:
    """A descriptor to write to, of memory where the system has such files, else of a temporary
    file. Raises OSError where there is neither.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tinydigits")
    with tempfile.TemporaryFile() as file:  # whose name is gone already
        return os.dup(file.fileno())
