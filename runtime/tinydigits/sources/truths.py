"""Truths: a table of what pictures show, one a line, as CSV or TSV."""

import csv
import errno
import io
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tinydigits.errors import ImageError, SourceError
from tinydigits.items import Item, Stack
from tinydigits.regular import open_regular
from tinydigits.remote.location import Location, Place, place_of
from tinydigits.sources import Opening, open_inputs
from tinydigits.text import printable

# The columns that a header row may name; without a header row they are the first and the second.
FILE, TRUTH = ("file", "path", "filename"), ("truth", "label")
HEAD = 1 << 12  # bytes in which a header row ends


class Truths(NamedTuple):
    """What the pictures of a table show."""

    texts: Mapping[str, str]
    """What each picture shows, by the path that its row has."""

    inputs: tuple[Place, ...]
    """The files that hold the pictures, in the order of the table."""

    def by_rows(self) -> "Truths":
        """Return the same with a blank between rows of digits, which `|` may part too."""
        texts = {
            path: " ".join(text.replace("|", " ").split()) for path, text in self.texts.items()
        }
        return self._replace(texts=texts)


def read_truths(
    table: str, folder: str | None = None, max_bytes: int = 1 << 26, strict: bool = True
) -> Truths:
    """Read a table of files and truths, in UTF-8 or UTF-16. The names of files are relative to
    `folder`, to the folder of the table or to the working directory: the first in which the file
    is. A name may lead into an archive or a file of arrays, as rows have it: `scans.zip/7.png`.

    Raises SourceError where the table cannot be read or is empty, where a line names no file or no
    truth, where a file is not there, and where two lines contradict each other. If not
    `strict`, a truth may be empty, and a file that is not there becomes an error of `pictures`.
    """
    bases = [Path(base) for base in (folder, Path(table).parent, "") if base is not None]
    texts: dict[str, str] = {}
    inputs: dict[Place, None] = {}
    missing: list[Path] = []
    for line, file, text in _rows(table, max_bytes):
        where = f"{printable(table)}: line {line}: {printable(file)}"
        if not file or (strict and not text):
            raise SourceError(f"{where}: has no {'truth' if file else 'file'}; a line needs both")
        place = place_of(file)
        held: list[tuple[str, Place]]
        if isinstance(place, Location):
            held = [(str(place), place)]
        else:
            paths = [base / place for base in bases]
            held = [(str(path), found) for path in paths if (found := _holder(path))]
            if not held and not strict:
                held = [(str(paths[0]), str(paths[0]))]
        if not held:
            missing.append(paths[0])
            continue
        path, holder = held[0]
        if texts.setdefault(path, text) != text:
            raise SourceError(
                f"{where}: has the truth {printable(text)}, but {printable(texts[path])} further up"
            )
        inputs[holder] = None
    if missing:
        others = f" and {len(missing) - 1:,} more of its files" if len(missing) > 1 else ""
        looked = " or ".join(printable(str(base)) for base in dict.fromkeys(bases))
        raise SourceError(
            f"{printable(table)}: {printable(str(missing[0]))}{others}: no such file in {looked}"
        ) from FileNotFoundError(errno.ENOENT, "no such file", str(missing[0]))
    if not texts:
        raise SourceError(f"{printable(table)}: is empty; each line needs a file and its truth")
    return Truths(texts, tuple(inputs))


def pictures(truths: Truths, opening: Opening) -> Iterator[Item]:
    """Yield the pictures that have a truth, from all files that hold them. One that an archive does
    not hold comes as an error.
    """
    left = dict(truths.texts)
    for item in open_inputs(truths.inputs, opening):
        if isinstance(item, Stack):
            for at, image in enumerate(item.images, item.first):
                if left.pop(name := f"{item.name}/{at}", None) is not None:
                    yield Item(name, image)
        elif left.pop(item.name or "", None) is not None:
            yield item
    for name in left:
        yield Item(name, ImageError("not found in the file that should hold it"))


def _holder(path: Path) -> str | None:
    """Return the file that holds a picture: itself, or a document, archive or array."""
    document = Path(str(path).rpartition("#")[0])
    # Unlike pathlib, it is silent about a name that is too long.
    return next(filter(os.path.isfile, map(str, (path, document, *path.parents))), None)


def is_table(path: str) -> bool:
    """Return whether the header row of a file names the columns of a table. Raises OSError."""
    with open(path, "rb") as file:  # noqa: PTH123
        names = _names(next(_lines(file.read(HEAD)), []))
    return not (set(names).isdisjoint(FILE) or set(names).isdisjoint(TRUTH))


def _rows(table: str, max_bytes: int) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line that is not empty, its file and its truth."""
    try:
        descriptor, size = open_regular(table)
        with os.fdopen(descriptor, "rb") as opened:
            data = opened.read(max_bytes + 1)
    except OSError as error:
        raise SourceError(f"{printable(table)}: {error.strerror}") from error
    if len(data) > max_bytes:
        raise SourceError(f"{printable(table)}: {size:,} bytes, over the limit of {max_bytes:,}")
    lines, columns = _lines(data), (0, 1)
    try:
        for cells in lines:
            names = _names(cells)
            if lines.line_num == 1 and not set(names).isdisjoint(FILE):
                columns = _column(table, names, FILE), _column(table, names, TRUTH)
            elif any(names):
                file, truth = (cells[at] if at < len(cells) else "" for at in columns)
                yield lines.line_num, file.removeprefix("\ufeff"), truth.strip()
    except csv.Error as error:
        raise SourceError(f"{printable(table)}: line {lines.line_num}: {error}") from error


def _lines(data: bytes) -> Any:
    """Return the reader of csv for a table."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:  # names of files may hold bytes that are not UTF-8
        text = data.decode("utf-8-sig", "surrogateescape")
    first = text.partition("\n")[0]
    separator = next((each for each in "\t,;" if each in first), ",")
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _names(cells: list[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _column(table: str, names: list[str], wanted: tuple[str, ...]) -> int:
    found = next((at for at, name in enumerate(names) if name in wanted), None)
    if found is None:
        raise SourceError(
            f"{printable(table)}: its header row names no column {' or '.join(wanted)}, but "
            f"{', '.join(map(printable, names))}"
        )
    return found
