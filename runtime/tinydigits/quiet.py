"""Quiet: in a process of tinydigits' own, libraries do not write to the terminal.

The command line, a worker and a Ray actor are such processes. An application that imports
tinydigits keeps its warning filters and its stderr, and shows what libraries say, or not.
"""

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

MOST_HELD = 1 << 20  # bytes: the most that is shown of it
# The descriptor belongs to the process: a second thread would take for stderr what the first has
# put in its place, and leave it there for good. One thread may nest its blocks.
_one_thread = threading.RLock()


_is_own = False


def own_process() -> None:
    """Say that this process is tinydigits' own, from now on."""
    global _is_own
    _is_own = True
    warnings.simplefilter("ignore")  # Pillow warns of odd metadata, numpy of old headers


def is_own_process() -> bool:
    """Whether `own_process` was called."""
    return _is_own


@contextmanager
def quiet_native_code(shows_on_failure: bool = True) -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2, which no logging setting reaches.
    Show it after all if the block fails, unless `shows_on_failure` is false. Threads wait for each
    other here. Do nothing in a process that is an application's.
    """
    if not _is_own:
        yield
        return
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
    """Return descriptors of stderr and of its replacement. None if it is closed, or no more files
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
    import tempfile

    with tempfile.TemporaryFile() as file:  # whose name is gone already
        return os.dup(file.fileno())
