"""Stores: folders in which files appear whole or not at all, here or in object storage.

A Folder and a Bucket have the same methods, which raise SinkError.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from tinydigits.errors import SinkError, SinkRefused
from tinydigits.remote.client import WEB, ask, client_of, persistent
from tinydigits.remote.failures import NoBucket, Unreachable
from tinydigits.remote.file import NO_RANGE, path_in
from tinydigits.remote.listing import names_in
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks.files import replaced, writing

ANSWERED_IN = 25  # s: a small request takes no longer, all tries together
PUT_RATE = 1 << 20  # bytes/s: an upload that is slower is given up


class Folder:
    """A folder of this machine, or of a file system that several share."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        if os.path.lexists(path) and not self._path.is_dir():
            raise SinkRefused(f"{path}: not a folder, and parts are written into one")
        self._is_new = not self._path.exists()

    def __str__(self) -> str:
        return str(self._path)

    def names(self) -> list[str]:
        """Return the names of all files; none where there is no such folder."""
        with writing(str(self._path)):
            return [path.name for path in self._path.iterdir()] if self._path.exists() else []

    def tail(self, name: str, size: int) -> bytes | None:
        """Return the last `size` bytes of a file, or all of a shorter one; None for no file."""
        path = self._path / name
        with writing(str(path)), suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read(size)
        return None

    @contextmanager
    def written(self, name: str) -> Iterator[BinaryIO]:
        """Open a file that takes its name, and the place of another, if the block succeeds."""
        with writing(str(self._path / name)):
            self._path.mkdir(parents=True, exist_ok=True)
            with replaced(self._path / name) as file:
                yield file

    def remove(self, name: str) -> None:
        """Remove a file that may be there."""
        with writing(str(self._path / name)):
            (self._path / name).unlink(missing_ok=True)

    def leave(self) -> None:
        """Remove the folder too, if it is empty and this process made it."""
        with suppress(OSError):
            if self._is_new:
                self._path.rmdir()


class Bucket:
    """A prefix in object storage, with the methods of a Folder."""

    def __init__(self, location: Location) -> None:
        self._shown, self._scheme = str(location).rstrip("/"), location.scheme
        if self._scheme in WEB:
            raise SinkRefused(f"{self._shown}: nothing can be written to a web address")
        try:
            self._client = client_of(location)
            self._prefix = path_in(self._client, location).rstrip("/") + "/"
        except Unreachable as error:
            raise SinkRefused(f"{self._shown}: {error}") from None

    def __str__(self) -> str:
        return self._shown

    def names(self) -> list[str]:
        until = time.monotonic() + ANSWERED_IN
        with suppress(FileNotFoundError), self._answering():
            found = names_in(self._client, self._scheme, self._prefix, until, True)
            return [name.rstrip("/") for name in found or ()]
        return []

    def tail(self, name: str, size: int) -> bytes | None:
        with suppress(FileNotFoundError), self._answering():
            try:
                return bytes(self._ask("cat_file", self._prefix + name, start=-size))
            except Unreachable as error:
                if error.status != NO_RANGE:
                    raise
                return b""  # the object is empty
        return None

    @contextmanager
    def written(self, name: str) -> Iterator[BinaryIO]:
        """Open a temporary file that becomes an object if the block succeeds."""
        shown = f"{self._shown} (by way of {tempfile.gettempdir()})"
        with writing(shown), tempfile.NamedTemporaryFile(prefix="tinydigits-") as file:
            yield cast(BinaryIO, file)
            file.flush()
            seconds = ANSWERED_IN + file.tell() / PUT_RATE
            with self._answering():
                self._ask("put_file", file.name, self._prefix + name, seconds=seconds)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError), self._answering():
            self._ask("rm_file", self._prefix + name)

    def leave(self) -> None:
        """Do nothing: object storage has no folders."""

    def _ask(self, question: str, *args: str, seconds: float = ANSWERED_IN, **options: int) -> Any:
        return persistent(
            self._scheme,
            lambda most: ask(self._client, most, question, *args, **options),
            time.monotonic() + seconds,
            seconds,
        )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise FileNotFoundError for an object that is not there, SinkError for any failure."""
        try:
            yield
        except Unreachable as error:
            if error.status == 404 and not isinstance(error, NoBucket):
                raise FileNotFoundError(str(error)) from None
            raise SinkError(f"{self._shown}: {error}") from None


Store = Folder | Bucket


def store_at(path: str) -> Store:
    """Return the store of that name. Raises SinkRefused where it cannot be one; MissingExtra."""
    place = place_of(path)
    return Bucket(place) if isinstance(place, Location) else Folder(place)
