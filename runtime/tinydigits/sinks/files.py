"""Files that are whole or not there: each is written beside its name and takes the name when it is
complete, so whatever the name stood for before stays until then.

A file that is still being written is a part: its name begins with PART_PREFIX, and its process
holds a lock on it. A part without a lock was left by a process that was killed, and the next
process that writes into its folder removes it.
"""

import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from tinydigits.errors import SinkError, SinkRefused
from tinydigits.names import PART_PREFIX, Kind, kind_of

_HAS_LOCKS = os.name == "posix"  # Windows has none, and neither renames nor removes an open file
# Some network drives keep locks on one machine, so that the parts of others seem to have none.
_MACHINE = zlib.crc32(os.fsencode(os.uname().nodename)) if _HAS_LOCKS else 0
_OWN = f"{PART_PREFIX}{_MACHINE:08x}-"  # begins the names of parts that this machine writes

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
    part = _part_for(target, target.suffix)
    with _held(part, target) as file:
        close_on_windows(file)
        yield part
        _replace(target, part)


@contextmanager
def replaced(target: Path, alone: bool = False) -> Iterator[BinaryIO]:
    """Yield an open file that replaces `target` if the block ends without an error. Devices and
    pipes are written to instead. Raises OSError.

    With `alone`, no other process can write `target` meanwhile, as in `only_writer`.
    """
    if is_device(target):
        with target.open("wb") as device:
            yield device
        return
    shown, target = target, target.resolve()
    part = _lock_for(target) if alone else _part_for(target)
    with _held(part, shown) as file:
        yield file
        file.flush()
        close_on_windows(file)
        _replace(target, part)


@contextmanager
def only_writer(target: Path) -> Iterator[None]:
    """Let no other process write `target` within the block; devices and pipes are shared. Raises
    SinkRefused, before anything is done, where another process is writing it; OSError.
    """
    if is_device(target):
        yield
    else:
        with _held(_lock_for(target.resolve()), target):
            yield


def write_new(
    target: Path, blocks: Iterable[bytes], like: Path | None = None, durable: bool = False
) -> None:
    """Write a new file, whole or not at all, with the times and the mode of `like`. With `durable`,
    wait until it is on the disk. Raises OSError; FileExistsError where there is such a file.
    """
    part = _part_for(target)
    with _held(part, target) as file:
        for block in blocks:
            file.write(block)
        file.flush()
        if durable:
            os.fsync(file.fileno())
        close_on_windows(file)
        if like is not None:
            with suppress(OSError):  # some file systems keep no modes
                shutil.copystat(like, part)
        rename_new(part, target)
        if durable:
            _sync_folder(target.parent)


def rename_new(source: Path, target: Path) -> None:
    """Rename a file within a file system, and replace none. Raises OSError, FileExistsError where
    there is a file of the new name; then `source` is still where it was.
    """
    try:
        target.hardlink_to(source)  # renaming would replace what is there
    except FileExistsError:
        raise
    except OSError:  # there are no hard links here: an empty file takes the name first
        target.open("xb").close()
        try:
            source.replace(target)
        except OSError:
            target.unlink()
            raise
    else:
        source.unlink()


@lru_cache(maxsize=1024)
def remove_leftovers(folder: Path) -> None:
    """Remove the parts that killed processes of this machine left in a folder. A process looks into
    a folder once.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _HAS_LOCKS and entry.name.startswith(_OWN):
                with suppress(OSError):
                    _remove_unlocked(Path(entry.path))


def _remove_unlocked(part: Path) -> None:
    descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if lock(descriptor):
            part.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def lock(descriptor: int, shared: bool = False, waits: bool = False) -> bool | None:
    """Lock an open file until it is closed. Return False where another process holds a lock and
    this one does not wait for it, and None where files cannot be locked.
    """
    if not _HAS_LOCKS:
        return None
    import fcntl

    try:
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, how | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a network drive without locks
        return None
    return True


@contextmanager
def _held(part: Path, target: Path) -> Iterator[BinaryIO]:
    """Yield an empty, locked file, which is removed at the end if it still has this name. Raises
    SinkRefused where another process writes `target` by way of the same file; OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
    if _HAS_LOCKS:  # whoever may write the folder may know the name
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        file = open(os.open(part, flags, 0o666), "wb")  # noqa: PTH123, SIM115
        if lock(file.fileno()) is False:
            file.close()
            raise SinkRefused(
                f"{target}: another run is writing it; wait for it, or name another file"
            )
        if has_name(file, part):
            break
        file.close()  # whoever held it before has renamed or removed it
    with unfinished(part):
        try:
            file.truncate(0)  # a killed run may have left it
            yield file
        finally:
            is_left = has_name(file, part)
            close_on_windows(file)
            if is_left:
                part.unlink(missing_ok=True)
            file.close()


def has_name(file: BinaryIO, path: Path) -> bool:
    """Return whether a file that was opened by this name still has it."""
    with suppress(FileNotFoundError):
        return file.closed or os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def close_on_windows(file: BinaryIO) -> None:
    """Close a file that is to be renamed or removed, where that needs it."""
    if not _HAS_LOCKS:
        file.close()


def _replace(target: Path, part: Path) -> None:
    with suppress(FileNotFoundError):
        part.chmod(target.stat().st_mode)
    part.replace(target)


def _part_for(target: Path, ending: str = ".part") -> Path:
    """Return a name beside `target` that no other file has."""
    remove_leftovers(target.parent)
    return target.with_name(f"{_OWN}{os.urandom(6).hex()}{ending}")


def _lock_for(target: Path) -> Path:
    """Return the one name beside `target` that every process uses which writes it alone."""
    remove_leftovers(target.parent)
    return target.with_name(f"{PART_PREFIX}{zlib.crc32(os.fsencode(target.name)):08x}.part")


def is_device(target: Path) -> bool:
    """Return whether a file is there that can only be written to: no regular one."""
    try:
        return not stat.S_ISREG(target.stat().st_mode)
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
