"""Watch: folders and files are polled for pictures that arrive.

No portable notification of new files works on network drives. A file is yielded once it has not
changed for a while, so that none is read half-written.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydigits.errors import SourceError
from tinydigits.items import Item, Skipped
from tinydigits.names import LATER_FRAMES, Kind, kind_by_ending, kind_of
from tinydigits.regular import has_writer, open_regular
from tinydigits.sources.documents import pages
from tinydigits.sources.folders import walked

SETTLE = 1.0  # s: the time for which a file must not have changed, at least one poll
# The polls in which a file must not have changed if it is empty, since its writer may be slow to
# begin, or if a process has it open for writing.
EMPTY_REST_POLLS = 10
SLICE = 0.1  # s: the longest that `stop` is not asked

_Signature = tuple[int, int]  # bytes, and ns since 1970
_NO_FILE = (-1, -1)  # a folder that cannot be listed, which becomes an error row


@dataclass(slots=True)
class _Seen:
    """A file that was there at the last poll."""

    signature: _Signature
    polls: int = 0  # since its last change
    given: bool = False


def watched_files(
    inputs: Sequence[str],
    stop: Callable[[], bool],
    skipped: Skipped,
    settle: float = SETTLE,
    interval: float = 1.0,
) -> Iterator[list[Item]]:
    """Yield the pictures that are in folders or named themselves, and those that arrive later.

    Each list holds those that came to rest since the last poll, in the order of the inputs: each
    picture once, and again after its size or its time of change is another. A file is at rest when
    it has not changed for `settle` seconds; if it is empty or has a writer, for EMPTY_REST_POLLS as
    well. `interval` is the pause between two polls in seconds; it grows to the time that a poll
    takes. The lists end soon after `stop()` is true. `skipped` counts what the last whole poll
    skipped.

    Raises SourceError, at once, for an input that is neither a folder nor a regular file, or is an
    archive or array.
    """
    for name in inputs:
        _check(name)
    return _batches(tuple(inputs), stop, skipped, interval, max(1, settle / (interval or 1)))


def _batches(
    inputs: tuple[str, ...],
    stop: Callable[[], bool],
    skipped: Skipped,
    interval: float,
    rest_polls: float,
) -> Iterator[list[Item]]:
    seen: dict[str, _Seen] = {}
    while not stop():
        began, not_read = time.monotonic(), Skipped()
        now: dict[str, _Seen] = {}  # files that are gone are forgotten
        ready: list[Item] = []
        for name in _present(inputs, not_read):
            if stop():
                return
            if name in now or (signature := _signature(name)) is None:
                continue
            now[name] = file = _seen_again(seen.get(name), signature)
            if _is_due(name, file, rest_polls):
                file.given = True
                is_document = kind_by_ending(name) is Kind.DOCUMENT
                ready += pages(name) if is_document else [Item(name, name)]
        seen = now
        not_read[LATER_FRAMES] = skipped[LATER_FRAMES]  # the command counts them
        skipped.clear()
        skipped.update(not_read)
        took = time.monotonic() - began
        if ready:
            yield ready
        _wait(max(interval, took), stop)


def _seen_again(before: _Seen | None, signature: _Signature) -> _Seen:
    if before is None or before.signature != signature:
        return _Seen(signature)
    before.polls += 1
    return before


def _is_due(name: str, file: _Seen, rest_polls: float) -> bool:
    if file.given or file.polls < rest_polls:
        return False
    return file.polls >= EMPTY_REST_POLLS or not (file.signature[0] == 0 or _has_writer(name))


def _has_writer(name: str) -> bool:
    try:
        descriptor, _ = open_regular(name)
    except OSError:
        return False  # it becomes an error row
    try:
        return has_writer(descriptor)
    finally:
        os.close(descriptor)


def _present(inputs: Iterable[str], skipped: Skipped) -> Iterator[str]:
    for name in inputs:
        if kind_of(name) is Kind.FOLDER:
            for found in walked(name, skipped):
                yield found if isinstance(found, str) else str(found.name)
        else:
            yield name


def _signature(name: str) -> _Signature | None:
    """Return the size and the time of change of a file; None where there is none, not even behind
    a link, and for what must not be opened.
    """
    try:
        status = os.stat(name)  # noqa: PTH116 - for every file at every poll
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return _NO_FILE
    if stat.S_ISDIR(status.st_mode):
        return _NO_FILE
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns


def _wait(seconds: float, stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not stop() and (left := end - time.monotonic()) > 0:
        time.sleep(min(SLICE, left))


def _check(name: str) -> None:
    if (kind := kind_of(name)) is Kind.STDIN:
        raise SourceError("-: a list on stdin cannot be watched: name folders or files")
    try:
        mode = Path(name).stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{name}: cannot be watched: {why}") from error
    if kind is Kind.FOLDER:
        return
    if kind in (Kind.ARCHIVE, Kind.ARRAYS):
        raise SourceError(f"{name}: archives and arrays are not watched: read them without --watch")
    if not stat.S_ISREG(mode):
        raise SourceError(f"{name}: neither a folder nor a regular file")
