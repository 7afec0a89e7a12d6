"""Files that are whole or not there: each is written beside its name and takes the name when it is
complete, so whatever the name stood for before stays until then.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tinydigits.errors import SinkError, SinkRefused
from tinydigits.names import PART_PREFIX, Kind, kind_of

_unfinished: set[Path] = set()


@contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Let `remove_unfinished` remove this file or folder within the block."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def remove_unfinished() -> None:
    """Remove the files and folders of all `unfinished` blocks, for a process that ends at once."""
    for path in _unfinished.copy():
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def replaced_path(target: Path) -> Iterator[Path]:
    """Yield the name of a file to write, with the same ending as `target`, which it replaces if
    the block ends without an error. A link is followed and the mode is kept. Raises OSError.
    """
    target = target.resolve()
    part = target.with_name(f"{PART_PREFIX}{os.urandom(6).hex()}{target.suffix}")
    with unfinished(part):
        try:
            yield part
            if target.exists():
                part.chmod(target.stat().st_mode)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def replaced(target: Path) -> Iterator[BinaryIO]:
    """Yield an open file that replaces `target` if the block ends without an error. Devices and
    pipes are written to instead. Raises OSError.
    """
    if target.exists() and not target.is_file():
        with target.open("wb") as device:
            yield device
        return
    with replaced_path(target) as part, part.open("xb") as file:
        yield file


def write_new(target: Path, blocks: Iterable[bytes], durable: bool = False) -> None:
    """Write a new file, whole or not at all. With `durable`, wait until it is on the disk. Raises
    OSError; FileExistsError where there is such a file.
    """
    file = target.open("xb")
    try:
        with file:
            for block in blocks:
                file.write(block)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        target.unlink()
        raise


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn an OSError within the block into a SinkError that names `path`."""
    try:
        yield
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def completed(path: str) -> Iterator[ExitStack]:
    """Yield a stack that is closed at the end. An OSError from closing it becomes a SinkError for
    `path`; if the block itself raises, that error goes on instead.
    """
    stack = ExitStack()
    try:
        yield stack
    except BaseException:
        with suppress(OSError):
            stack.__exit__(*sys.exc_info())
        raise
    with writing(path):
        stack.close()


def check_outside(folder: str, inputs: Iterable[str]) -> None:
    """Raise SinkRefused where a folder for pictures is an input or lies in one: what is put there
    would be read as well.
    """
    target = Path(os.path.realpath(folder))
    for name in inputs:
        if kind_of(name) is Kind.FOLDER and target.is_relative_to(os.path.realpath(name)):
            raise SinkRefused(f"{folder}: lies in the input {name}: name a folder outside it")
