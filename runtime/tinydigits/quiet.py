"""Keeps native libraries from writing to the terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

MOST_HELD = 1 << 20  # bytes: the most that is shown of it


@contextmanager
def quiet_native_code(tells: bool = True) -> Iterator[None]:
    """Holds back what C++ code writes to file descriptor 2, which no logging setting reaches;
    shows it after all if the block fails and `tells`.
    """
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed: nothing to keep quiet
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    held = memory_file()
    try:
        os.dup2(held, 2)
        yield
    except BaseException:
        if tells:
            os.lseek(held, 0, os.SEEK_SET)
            os.write(kept, os.read(held, MOST_HELD))
        raise
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(held)


def memory_file() -> int:
    """A descriptor to write to, of memory where the system has such files, else of a temporary
    file. Raises OSError where there is neither.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tinydigits")
    with tempfile.TemporaryFile() as file:  # whose name is gone already
        return os.dup(file.fileno())
