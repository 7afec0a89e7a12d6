"""Arrays: digits that need no decoding, from IDX images (.gz too), .npy and .npz.

They are read a few at a time, so that memory stays flat however large the file is, and whatever
its header promises. Nothing is unpickled.
"""

import gzip
import io
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from tinydigits.errors import ImageError
from tinydigits.items import Item, Skipped, Stack
from tinydigits.names import OTHER, shown
from tinydigits.remote.location import Place
from tinydigits.sources.archives import open_zip, zip_members
from tinydigits.sources.idx import IMAGES_MAGIC, read_shape, unzipped
from tinydigits.sources.members import guarded, open_place, said

STACK = 4096  # images in a Stack: 3 MiB
READ = 1 << 16  # bytes read at once: so much may be lost before the place where a file is damaged
IMAGE_BYTES = 28 * 28
MAX_HEADER = 4096  # bytes; a header of uint8 [N, 28, 28] takes 118

Readable = io.BufferedReader | gzip.GzipFile | zipfile.ZipExtFile


def stacks(place: Place, skipped: Skipped) -> Iterator[Item | Stack]:
    """Yield the images in the file as Stacks; and one Item that says why where it cannot be read
    any further. Arrays in an .npz that are no such images are counted as skipped.
    """
    return guarded(shown(place), _stacks(place, skipped))


def _stacks(place: Place, skipped: Skipped) -> Iterator[Item | Stack]:
    path = str(place)
    with open_place(place) as file:
        if path.lower().endswith(".npz"):
            yield from _in_npz(path, file, skipped)
        elif path.lower().endswith(".npy"):
            header = _read_header(file)
            if not header.fits():
                raise ImageError(f"{header}, where uint8 [N, 28, 28] was expected")
            yield from _in_npy(path, file, header)
        else:
            yield from _in_idx(path, file)


def _in_idx(path: str, file: io.BufferedReader) -> Iterator[Stack]:
    with unzipped(file) as content:
        count, height, width = read_shape(content, IMAGES_MAGIC)
        if (height, width) != (28, 28):
            raise ImageError(f"images of {height}×{width} pixels, not 28×28")
        yield from _stacks_of(path, content, count)


class _Header(NamedTuple):
    """The array that an .npy file promises to hold."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    def fits(self) -> bool:
        """Return whether these are images."""
        return self.dtype == np.uint8 and len(self.shape) == 3 and self.shape[1:] == (28, 28)

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


def _in_npz(path: str, file: io.BufferedReader, skipped: Skipped) -> Iterator[Item | Stack]:
    found = False
    with open_zip(file) as archive:
        for info, refusal in zip_members(archive):
            if not info.filename.endswith(".npy"):
                skipped[OTHER] += 1
                continue
            name = f"{path}/{info.filename.removesuffix('.npy')}"
            rows = guarded(name, _in_member(name, archive, info, refusal, skipped))
            for row in rows:
                found = True
                yield row
    if not found:
        raise ImageError("no array in it is uint8 [N, 28, 28]")


def _in_member(
    name: str,
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    refusal: str | None,
    skipped: Skipped,
) -> Iterator[Stack]:
    if refusal:
        raise ImageError(refusal)
    with archive.open(info) as member:
        assert isinstance(member, zipfile.ZipExtFile)
        header = _read_header(member)
        if header.fits():
            yield from _in_npy(name, member, header)
        else:
            skipped[OTHER] += 1


def _in_npy(name: str, file: Readable, header: _Header) -> Iterator[Stack]:
    if header.fortran_order:
        raise ImageError("in Fortran order: save what numpy.ascontiguousarray makes of it")
    yield from _stacks_of(name, file, header.shape[0])


def _read_header(file: Readable) -> _Header:
    """Read the header of an .npy; the data follow it. Raises ImageError, ValueError and more."""
    start = file.read(10)  # the magic, the version, and a length of two bytes
    if not start.startswith(npy.MAGIC_PREFIX):
        raise ImageError(f"not an .npy file: starts with {start[:6]!r}")
    if start[6:7] != b"\1":
        start += file.read(2)  # four bytes since version 2
    length = int.from_bytes(start[8:], "little")
    if length > MAX_HEADER:
        raise ImageError(f"a header of {length:,} bytes, over the limit of {MAX_HEADER:,}")
    head = io.BytesIO(start + file.read(length))
    version = npy.read_magic(head)
    if version == (1, 0):
        return _Header(*npy.read_array_header_1_0(head))
    if version == (2, 0):
        return _Header(*npy.read_array_header_2_0(head))
    raise ImageError(f"an .npy of version {version[0]}.{version[1]}, where 1.0 or 2.0 is read")


def _stacks_of(name: str, file: Readable, count: int) -> Iterator[Stack]:
    """Yield the `count` images that are promised. Raises ImageError where there are fewer or more,
    after those that are whole.
    """
    if count < 1:
        raise ImageError(f"{count:,} images promised")
    for first in range(0, count, STACK):
        wanted = min(STACK, count - first)
        data, why = _filled(file, wanted * IMAGE_BYTES)
        whole = len(data) // IMAGE_BYTES
        if whole:
            pixels = np.frombuffer(data, np.uint8, whole * IMAGE_BYTES)
            yield Stack(name, first, pixels.reshape(-1, 28, 28))
        if whole < wanted:
            raise ImageError(f"{why}: {first + whole:,} of {count:,} images are there")
    if file.read(1):  # where there is a checksum, this checks it
        raise ImageError(f"too long: more than the {count:,} images promised")


def _filled(file: Readable, size: int) -> tuple[bytearray, str]:
    """Read at most `size` bytes; return those before any damage, and why there are fewer."""
    data = bytearray()
    try:
        while len(data) < size and (read := file.read1(min(size - len(data), READ))):
            data += read
    except EOFError:
        return data, "truncated"
    except Exception as error:  # see `members.guarded`
        return data, said(error)
    return data, "truncated"
