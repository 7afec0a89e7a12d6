"""Opening files: only regular ones, and without waiting."""

import errno
import io
import os
import signal
import stat
import sys

from tinydigits.errors import ImageError

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: str | os.PathLike[str], found_regular: bool = False) -> tuple[int, int]:
    """Open a regular file to be read. Return its descriptor and its size in bytes.

    It uses the system's own calls, which take a third of the time of pathlib's and of file objects.
    `found_regular`: the file was a regular one a moment ago, so that it is not looked at before it
    is opened.

    Raises OSError, whose `strerror` says why: "not a regular file" for a FIFO, socket or device,
    and for a folder, for which it is an IsADirectoryError.
    """
    try:
        # Opening a FIFO would disturb its writer, so the kind is asked before; and again once the
        # file is open, since files can be replaced in between.
        if not found_regular:
            _check(os.stat(path))  # noqa: PTH116
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error)) from error
    try:
        status = os.fstat(descriptor)
        _check(status)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


def open_for_reading(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file as a file object. Raises ImageError."""
    try:
        return os.fdopen(open_regular(path)[0], "rb")
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


def has_writer(descriptor: int) -> bool:
    """Return whether a process has an open file open for writing. Linux alone tells, for files of
    one's own on most file systems; where it does not, the answer is False.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        # A file with a writer gets no lease. Who opens it while we have one would, but for
        # SETSIG, end this process with a SIGIO.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        is_folder = stat.S_ISDIR(status.st_mode)
        raise OSError(errno.EISDIR if is_folder else errno.EINVAL, "not a regular file")
