"""Keeps native libraries from writing to the terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


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
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            if tells:
                held.seek(0)
                os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
