"""Sort: each picture goes into a folder that is named for its class.

Nothing is ever overwritten: where a name is taken, the next of `name~2.png`, `name~3.png` is used.
Every step is logged before it is taken, so that `tinydigits.sinks.unsort` can undo a run that ended
anywhere.
"""

import errno
import hashlib
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from tinydigits.errors import ImageError, SinkError, SinkRefused
from tinydigits.judging import Answers, Prediction
from tinydigits.names import Kind, kind_of
from tinydigits.pages import Page
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks.files import check_outside, write_new, writing
from tinydigits.sinks.move_log import LOG, Log, copy_file, make_folders, move_file
from tinydigits.text import printable

SortBy = Literal["copy", "link", "move"]

UNCERTAIN = "_uncertain"
UNREADABLE = "_unreadable"

NAME_BYTES = 255  # the longest name that file systems allow
LABEL_BYTES = 200  # a longer label's folder is named by its beginning and a hash
ENDING_BYTES = 16  # a longer ending is not kept whole

# Raised for a name that the file system of the sort folder cannot hold.
_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
_ONLY_COPIES = "pictures in archives, in arrays and at addresses can only be copied: sort by copy"
_WINDOWS = os.name == "nt"
_SEPARATORS = ("/", "\\") if _WINDOWS else ("/",)
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"|?*]' if _WINDOWS else "\0")
_NOT_IN_LABELS = frozenset('%/\\<>:"|?*')


@contextmanager
def sort_sink(
    folder: str, by: SortBy, inputs: tuple[str, ...], dry_run: Callable[[str], None] | None = None
) -> Iterator["Sorter"]:
    """Yield a sink that puts each picture into `folder`/CLASS/SUB-PATH.

    CLASS is the label (see `class_folder`), `_uncertain` or `_unreadable`; SUB-PATH is the path
    below the one of `inputs` that the picture came from. With `dry_run` nothing is sorted: it is
    called with a sentence for each picture instead.

    Raises SinkError, before anything is done, where `folder` lies in an input folder or is no
    folder, and where archives or arrays are to be linked or moved; later, where `folder` cannot be
    written. A picture that cannot be sorted is added to `Sorter.failed`.
    """
    root = Path(os.path.realpath(folder))
    if os.path.lexists(root) and not root.is_dir():
        raise SinkRefused(f"{folder}: not a folder")
    check_outside(folder, inputs)
    for name in inputs:
        if by != "copy" and kind_of(name) in (Kind.ARCHIVE, Kind.ARRAYS, Kind.REMOTE):
            raise SinkRefused(f"{place_of(name)}: {_ONLY_COPIES}")
    with closing(Log(root / LOG)) as log:
        if dry_run is None:
            with writing(folder):
                log.take_back()
        yield Sorter(folder, by, inputs, dry_run, log)


class _Picture(NamedTuple):
    source: str  # its file, or the name that it has in an archive or array
    origin: Path | str  # the same, absolute; or an address
    content: bytes | None  # None for a file
    ending: str  # what its name lacks


class Sorter:
    """A sink that remembers which pictures failed. Made by `sort_sink`.

    `folder`/sort-log.jsonl gets a line {"by", "from", "to"} for each picture, with absolute paths.
    A later run appends to it.
    """

    def __init__(
        self,
        folder: str,
        by: SortBy,
        inputs: tuple[str, ...],
        dry_run: Callable[[str], None] | None,
        log: Log,
    ) -> None:
        self.failed: list[tuple[str, str]] = []  # pictures not sorted, and why; may be emptied
        self._folder = folder
        self._root = Path(os.path.realpath(folder))
        self._by = by
        self._tell = dry_run
        self._sub_paths = _SubPaths(inputs)
        self._numbers: dict[Path, int] = {}  # the next for a name that was there already
        self._planned: dict[Path, str] = {}  # files and folders that a dry run would have made
        self._plan: list[str] = []  # steps of a dry run that are not reported yet
        self._real = lru_cache(maxsize=256)(os.path.realpath)  # of folders
        self._log = log

    def __call__(self, answers: Answers) -> None:
        """Sort the pictures of a chunk. Raises SinkError."""
        for prediction, image in zip(answers.predictions, answers.chunk.images, strict=True):
            name = prediction.path or "image"
            try:
                if (picture := self._picture(name, image, prediction)) is not None:
                    self._put(picture, prediction)
            except (ImageError, ValueError) as error:  # ValueError: a name that no file can have
                self.failed.append((name, str(error)))
            except OSError as error:
                if error.errno not in _NAME_ERRORS:
                    raise SinkError(
                        f"{self._folder}: {name} cannot be sorted: {error.strerror or error}"
                    ) from error
                self.failed.append((name, error.strerror or str(error)))
        if self._tell is not None:
            for step in self._plan:
                self._tell(step)
            self._plan.clear()

    def _picture(self, name: str, image: Any, prediction: Prediction) -> _Picture | None:
        """Return None where there is nothing to sort."""
        if isinstance(image, ImageError):
            return None
        if isinstance(image, str | os.PathLike):
            source = os.fspath(image)
            if _is_regular(source):
                return _Picture(source, self._absolute(source), None, "")
            if prediction.status == "error":
                return None
            raise ImageError("no longer a regular file")
        if isinstance(image, Page):
            raise ImageError("a page cannot be sorted without its document: save it as a picture")
        if self._by != "copy":
            raise SinkError(f"{name}: {_ONLY_COPIES}")
        name = name.replace("\0", "%00")
        ending = ".png" if isinstance(image, np.ndarray) else ""
        origin = name if Location.parse(name) else self._absolute(name)
        return _Picture(name, origin, _encoded(image), ending)

    def _absolute(self, path: str) -> Path:
        """Return the absolute path of a directory entry: links above it are resolved, it is not."""
        parent, name = os.path.split(path)
        return Path(self._real(parent), name)

    def _put(self, picture: _Picture, prediction: Prediction) -> None:
        *folders, name = self._parts(picture)
        wanted = self._place(prediction, folders) / (name + picture.ending)
        if wanted == picture.origin:
            return  # it is sorted again and stays where it is
        for target in self._free(wanted):
            if self._tell is not None:
                self._planned[target] = "file"
                shown = Path(self._folder, target.relative_to(self._root))
                step = f"{self._by} {printable(picture.source)} → {printable(str(shown))}"
                self._plan.append(step)
                return
            if self._carried_out(picture, target):
                return

    def _carried_out(self, picture: _Picture, target: Path) -> bool:
        """Return False where another process took the name first."""
        make_folders(target.parent)
        self._log.record(self._by, picture.origin, target)
        try:
            if picture.content is not None:
                write_new(target, [picture.content])
            elif self._by == "copy":
                copy_file(Path(picture.source), target)
            elif self._by == "link":
                target.symlink_to(picture.origin)
            else:
                move_file(Path(picture.source), target)
        except (FileExistsError, ImageError) as error:
            self._log.cancel(picture.origin, target)
            if isinstance(error, ImageError):
                raise
            return False
        return True

    def _parts(self, picture: _Picture) -> list[str]:
        """Return the sub-path. A picture in the sort folder keeps the one it has."""
        at = picture.origin
        if picture.content is None and isinstance(at, Path) and at.is_relative_to(self._root):
            below = at.relative_to(self._root).parts
            return list(below[1:] or below)
        return self._sub_paths.of(picture.source)

    def _place(self, prediction: Prediction, folders: list[str]) -> Path:
        """Return the folder that a picture belongs in, which may not exist yet."""
        classes = {"error": UNREADABLE, "uncertain": UNCERTAIN}
        class_name = classes.get(prediction.status) or class_folder(prediction.label or "")
        place = self._root / class_name
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            raise SinkError(f"{place}: not a folder: move it away, or sort into another folder")
        for folder in folders:
            place = next(path for path in _numbered(place / folder) if self._can_be_folder(path))
            if self._tell is not None:
                self._planned[place] = "folder"
        return place

    def _can_be_folder(self, path: Path) -> bool:
        # A link could lead out of the sort folder, from where nothing would be moved back.
        if os.path.lexists(path):
            return path.is_dir() and not path.is_symlink()
        return self._planned.get(path) != "file"

    def _free(self, wanted: Path) -> Iterator[Path]:
        first = self._numbers.get(wanted, 1)
        for number, target in enumerate(_numbered(wanted, first), first):
            if number > 1:
                self._numbers[wanted] = number + 1
            if not os.path.lexists(target) and target not in self._planned:
                yield target


class _SubPaths:
    """The places of pictures in their class: their paths below the inputs that they came from."""

    def __init__(self, inputs: tuple[str, ...]) -> None:
        self._files: set[str] = set()
        self._tops: dict[str, str] = {}  # base names by what the names of pictures begin with
        for place in map(place_of, inputs):
            kind, name = kind_of(place), str(place)
            is_file = kind in (Kind.PICTURE, Kind.DOCUMENT, Kind.STDIN)
            if is_file or kind is Kind.REMOTE:  # which may be one picture
                self._files.add(name)
            if not is_file:
                prefix = name if name.endswith(_SEPARATORS) else f"{name}/"
                self._tops[_slashed(prefix)] = _base_name(name)

    def of(self, name: str) -> list[str]:
        """Return the components of the sub-path, at least one; none leads out of the class."""
        name = _slashed(Path(name).name if name in self._files else name)
        end = len(name)
        while (end := name.rfind("/", 0, end)) >= 0:
            if (base := self._tops.get(name[: end + 1])) is not None:
                below = _components(name[end + 1 :])
                return [base, *below] if base and len(self._tops) > 1 else below
        return _components(name.partition("://")[2] if Location.parse(name) else name)


def class_folder(label: str) -> str:
    """Return the name of a label's folder: the label, with some characters percent-encoded (UTF-8).

    They are those to which file systems or terminals give a meaning (`/`, `\\`, `:`, control
    characters and the like), `%` itself, a dot, underscore or blank at the beginning, and a dot or
    blank at the end. So no label leaves the sort folder, is hidden, or equals `_uncertain` or
    `_unreadable`. Beyond LABEL_BYTES a hash replaces the rest. Different labels have different
    folders, if the file system tells their letters apart.
    """
    if not label:
        return "%"
    last = len(label) - 1
    odd_start = label.startswith((".", "_", " ")) or label.lower().startswith("sort-log")
    name = "".join(
        _percent(letter)
        if letter in _NOT_IN_LABELS
        or not letter.isprintable()
        or (at == 0 and odd_start)
        or (at == last and letter in ". ")
        else letter
        for at, letter in enumerate(label)
    )
    if len(name.encode()) <= LABEL_BYTES:
        return name
    start = name.encode()[: LABEL_BYTES - 18].decode(errors="ignore")
    return f"{start}%~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False


def _encoded(image: Any) -> bytes:
    """Return bytes unchanged; an array as a PNG."""
    if isinstance(image, bytes):
        return image
    if not isinstance(image, np.ndarray):
        raise ImageError(f"{type(image).__name__} cannot be sorted: only files, bytes and arrays")
    file = io.BytesIO()
    try:
        Image.fromarray(image).save(file, "PNG")
    except (OSError, TypeError, ValueError) as error:
        raise ImageError(f"an array that is not a picture: {error}") from error
    return file.getvalue()


def _base_name(name: str) -> str:
    """Return the name of a folder or archive, even where it was given as `.` or `..`."""
    base = Path(name).name
    return base if base not in ("", "..") else Path(os.path.realpath(name)).name


def _slashed(name: str) -> str:
    return name.replace("\\", "/") if _WINDOWS else name


def _components(name: str) -> list[str]:
    """Return the components of a name that may be hostile: none leads up, is empty or too long."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    safe = [_NOT_IN_NAMES.sub(lambda match: _percent(match[0]), part) for part in parts]
    return [_fitting(part) for part in safe] or ["image"]


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _numbered(path: Path, first: int = 1) -> Iterator[Path]:
    """Yield name.png, name~2.png, name~3.png and so on."""
    for number in count(first):
        addition = f"~{number}" if number > 1 else ""
        yield path.with_name(_fitting(path.name, addition))


def _fitting(name: str, addition: str = "") -> str:
    """Return a name with `addition` before the ending, its stem cut to fit in NAME_BYTES."""
    if not addition and len(os.fsencode(name)) <= NAME_BYTES:
        return name
    stem, ending = Path(name).stem, Path(name).suffix
    if len(os.fsencode(ending)) > ENDING_BYTES:
        stem, ending = name, ""
    room = NAME_BYTES - len(os.fsencode(addition + ending))
    stem = stem[:room]
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]  # by letters, so that none is cut in half
    return f"{stem}{addition}{ending}"
