"""Watch: folders and files that are looked at again and again, for pictures that arrive in them.

There is no portable way to be told of new files that also works on network drives, so they are
polled. A file is given once it has come to rest, so that none is read half-written.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydigits.errors import SourceError
from tinydigits.items import Item, Skipped
from tinydigits.names import Kind, kind_of
from tinydigits.sources.folders import walked

REST_POLLS = 1  # polls for which a file must not have changed
EMPTY_REST_POLLS = 10  # of an empty one, whose writer may take its time to begin
SLICE = 0.1  # s: after at most so long a wait for the next poll is stopped

_Signature = tuple[int, int]  # bytes, and ns since 1970
_NO_FILE = (-1, -1)  # of a folder that cannot be listed, whose row will say so


@dataclass(slots=True)
class _Seen:
    """A file that was there at the last poll."""

    signature: _Signature
    polls: int = 0  # since it changed
    given: bool = False


def watched_files(
    inputs: Sequence[str],
    stop: Callable[[], bool],
    skipped: Skipped,
    interval: float = 1.0,
) -> Iterator[list[Item]]:
    """The pictures that are in folders or named themselves, and those that arrive there later.

    Gives those that have come to rest since the last poll, in the order of the inputs: each once,
    and again if its size or its time of change becomes another. `interval` is the pause between
    two polls in seconds; it grows to the time that a poll takes. Ends soon after `stop()` turns
    true, without what had not come to rest. `skipped` holds what the last whole poll passed over.

    Raises SourceError, at once, for an input that is neither a folder nor a regular file, or is an
    archive or array.
    """
    for name in inputs:
        _check(name)
    return _batches(tuple(inputs), stop, skipped, interval)


def _batches(
    inputs: tuple[str, ...], stop: Callable[[], bool], skipped: Skipped, interval: float
) -> Iterator[list[Item]]:
    seen: dict[str, _Seen] = {}
    while not stop():
        began = time.monotonic()
        passed_over = Skipped()
        now: dict[str, _Seen] = {}  # what has vanished is forgotten
        ready: list[Item] = []
        for name in _present(inputs, passed_over):
            if stop():
                return
            if name in now or (signature := _signature(name)) is None:
                continue
            now[name] = file = _looked_at(seen.get(name), signature)
            if _is_due(file):
                file.given = True
                ready.append(Item(name, name))
        seen = now
        skipped.hidden, skipped.other = passed_over.hidden, passed_over.other
        took = time.monotonic() - began
        if ready:
            yield ready
        _wait(max(interval, took), stop)


def _looked_at(before: _Seen | None, signature: _Signature) -> _Seen:
    if before is None or before.signature != signature:
        return _Seen(signature)
    before.polls += 1
    return before


def _is_due(file: _Seen) -> bool:
    empty = file.signature[0] == 0
    return not file.given and file.polls >= (EMPTY_REST_POLLS if empty else REST_POLLS)


def _present(inputs: Iterable[str], skipped: Skipped) -> Iterator[str]:
    for name in inputs:
        if kind_of(name) is Kind.FOLDER:
            for item in walked(name, skipped):
                assert item.name is not None
                yield item.name
        else:
            yield name


def _signature(name: str) -> _Signature | None:
    """None where nothing is, not even behind a link, or something that must not be opened."""
    try:
        status = os.stat(name)  # noqa: PTH116 - of every file at every poll
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
    kind = kind_of(name)
    if kind is Kind.STDIN:
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
