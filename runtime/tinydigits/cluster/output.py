"""Stores: folders in which whole files appear, here or in object storage."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from tinydigits.errors import SinkError, SinkRefused
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks.files import replaced, writing

ANSWERED_IN = 25  # s: the most that a store takes for what is small, all tries together
PUT_RATE = 1 << 20  # bytes/s: what is written at less is given up
LISTED_IN = 300  # s: the most that the names of a million parts take
NO_BUCKET = "no such bucket"


class Store(Protocol):
    """A folder. Its methods raise SinkError."""

    def names(self) -> list[str]:
        """Of what is in it; none where there is no such folder."""
        ...

    def tail(self, name: str, size: int) -> bytes | None:
        """The last bytes of a file, or all of a shorter one; None where there is none."""
        ...

    def written(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write, which is there, in place of another, when all went well."""
        ...

    def remove(self, name: str) -> None:
        """A file that may be there."""
        ...

    def leave(self) -> None:
        """Nothing was to be kept: removes the folder too, where it is empty and was not there."""
        ...


def store_at(path: str) -> Store:
    """The folder of that name. Raises SinkRefused where it cannot be one, MissingExtra."""
    place = place_of(path)
    return Bucket(place) if isinstance(place, Location) else Folder(place)


class Folder:
    """A Store on this machine, or on a file system that several share."""

    def __init__(self, path: str) -> None:
        if os.path.lexists(path) and not os.path.isdir(path):  # noqa: PTH112
            raise SinkRefused(f"{path}: not a folder, which parts are written into")
        self._path = Path(path)
        self._is_new = not self._path.exists()

    def __str__(self) -> str:
        return str(self._path)

    def names(self) -> list[str]:
        with writing(str(self._path)):
            return [path.name for path in self._path.iterdir()] if self._path.exists() else []

    def tail(self, name: str, size: int) -> bytes | None:
        with writing(str(self._path / name)):
            try:
                with (self._path / name).open("rb") as file:
                    file.seek(max(0, file.seek(0, os.SEEK_END) - size))
                    return file.read(size)
            except FileNotFoundError:
                return None

    @contextmanager
    def written(self, name: str) -> Iterator[BinaryIO]:
        with writing(str(self._path / name)):
            self._path.mkdir(parents=True, exist_ok=True)
            with replaced(self._path / name) as file:
                yield file

    def remove(self, name: str) -> None:
        with writing(str(self._path / name)):
            (self._path / name).unlink(missing_ok=True)

    def leave(self) -> None:
        with suppress(OSError):
            if self._is_new:
                self._path.rmdir()


class Bucket:
    """A Store in object storage, where an object is there whole or not at all."""

    def __init__(self, location: Location) -> None:
        from tinydigits.remote.client import WEB, Unreachable, client_of
        from tinydigits.remote.file import path_in

        self._shown, self._scheme = str(location).rstrip("/"), location.scheme
        if self._scheme in WEB:
            raise SinkRefused(f"{self._shown}: nothing can be written to a web address")
        try:
            self._client = client_of(location)
            self._folder = path_in(self._client, location).rstrip("/")
        except Unreachable as error:
            raise SinkRefused(f"{self._shown}: {error}") from None

    def __str__(self) -> str:
        return self._shown

    def names(self) -> list[str]:
        from tinydigits.remote.client import S3, Unreachable
        from tinydigits.remote.listing import names_in_s3

        if self._scheme in S3:  # s3fs lists all that is beside a folder of which nothing is there
            until = time.monotonic() + ANSWERED_IN
            try:
                found = names_in_s3(self._client, self._scheme, self._folder + "/", until, True)
            except Unreachable as error:
                raise SinkError(f"{self._shown}: {error}") from None
            return [name.rstrip("/") for name in found or ()]
        paths = self._found("", "ls", LISTED_IN, detail=False) or ()
        # The folder's own name is that of what a console makes of a folder.
        return [
            path.rpartition("/")[2]
            for path in paths
            if path.rstrip("/") != self._folder and not path.endswith("/")
        ]

    def tail(self, name: str, size: int) -> bytes | None:
        found = self._found(name, "cat_file", ANSWERED_IN, start=-size)
        return None if found is None else bytes(found)

    @contextmanager
    def written(self, name: str) -> Iterator[BinaryIO]:
        shown = f"{self._shown} (by way of {tempfile.gettempdir()})"
        with writing(shown), tempfile.NamedTemporaryFile(prefix="tinydigits-") as file:
            yield cast(BinaryIO, file)
            file.flush()
            seconds = ANSWERED_IN + file.tell() / PUT_RATE
            self._ask(seconds, "put_file", file.name, self._path(name))

    def remove(self, name: str) -> None:
        self._found(name, "rm_file", ANSWERED_IN)

    def leave(self) -> None:
        """In object storage there are no folders."""

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}" if name else self._folder

    def _found(self, name: str, question: str, seconds: float, **options: Any) -> Any:
        """None where nothing is there."""
        try:
            return self._ask(seconds, question, self._path(name), **options)
        except _NotThere:
            return None

    def _ask(self, seconds: float, question: str, *args: Any, **options: Any) -> Any:
        from tinydigits.remote.client import Unreachable, ask, persistent
        from tinydigits.remote.file import NO_RANGE

        until = time.monotonic() + seconds

        def call(most: float) -> Any:
            return ask(self._client, most, question, *args, **options)

        try:
            return persistent(self._scheme, call, until, seconds)
        except Unreachable as error:
            if error.failure.status == NO_RANGE:  # of what is empty
                return b""
            kind = SinkError
            if error.failure.status == 404 and error.failure.why != NO_BUCKET:
                kind = _NotThere
            raise kind(f"{self._shown}: {error}") from None


class _NotThere(SinkError):  # noqa: N818 - what is not there, rather than an error
    """There is no such object."""
