"""Archives: the pictures inside .zip, .tar, .tar.gz, .tgz and .tar.zst, without unpacking to disk.

An archive is read like a folder, in the order in which it is stored, one member in memory at a
time. Tars are parsed by `tars`, zips by `zipfile`; this module checks what `zipfile` leaves to its
callers.
"""

import io
import stat
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tinydigits.bounds import Limits, too_large
from tinydigits.errors import ImageError
from tinydigits.items import Item, Skipped
from tinydigits.names import shown
from tinydigits.remote.location import Place
from tinydigits.sources.documents import pages_in
from tinydigits.sources.members import BOMB_RATIO, bad_name, guarded, is_image, open_place, said
from tinydigits.sources.tars import in_tar

SMALL_MEMBER = 1 << 20  # 1 MiB: a member up to this may exceed the ratio
MOST_DIRECTORY = 1 << 25  # 32 MiB; zipfile takes 660 bytes of memory for a member of 46
ZIP_END = 22 + 65535 + 76  # bytes: the longest last record, with its comment, and that of ZIP64
ZIP64 = 0xFFFF  # the number of members where only the record of ZIP64 holds it
CHECKED = 100  # members whose own headers are looked at where a zip seems to hold no picture
ZIP_HEADER = 30  # bytes: the shortest header of a member

_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def members(place: Place, limits: Limits, skipped: Skipped) -> Iterator[Item]:
    """Yield each picture in the archive, as encoded bytes or as the reason why it cannot be read;
    and the archive itself where it cannot be read any further. Raises MissingExtra alone.
    """
    return guarded(shown(place), _members(place, limits, skipped))


def _members(place: Place, limits: Limits, skipped: Skipped) -> Iterator[Item]:
    inside = _in_zip if str(place).lower().endswith(".zip") else in_tar
    is_empty, before = True, skipped.total()
    with open_place(place) as file:
        for name, image in inside(file, limits, skipped):
            is_empty = False
            whole = f"{place}/{name}" if name else str(place)
            if isinstance(image, bytes):
                yield from pages_in(whole, image)
            else:
                yield Item(whole, image)
    if is_empty and skipped.total() == before:
        raise ImageError("it holds no file")


def _in_zip(
    file: io.BufferedReader, limits: Limits, skipped: Skipped
) -> Iterator[tuple[str, bytes | ImageError]]:
    with open_zip(file) as archive:
        others: list[zipfile.ZipInfo] | None = []  # None once there is a picture
        for info, refusal in zip_members(archive):
            name = info.filename
            if not name.endswith("/") and is_image(name, skipped):
                others = None
                why = refusal or bad_name(name) or _too_much(info, limits)
                yield name, ImageError(why) if why else _unzipped(archive, info, limits)
            elif others is not None and refusal is None and len(others) < CHECKED:
                others.append(info)
        for info in others or ():  # a directory may be damaged in the names of pictures alone
            archive.open(info).close()  # raises where the member has another name
        _check_all_listed(file, archive.infolist())


def _check_all_listed(file: io.BufferedReader, infos: list[zipfile.ZipInfo]) -> None:
    """Raise ImageError where a zip holds, or promises, members that are not listed: zipfile skips
    entries of the directory that it cannot read, and all but the last of zips that follow one
    another.
    """
    file.seek(max(0, file.seek(0, io.SEEK_END) - ZIP_END))
    end = file.read(ZIP_END)
    at = end.rfind(b"PK\5\6")
    found, promised = len(infos), int.from_bytes(end[at + 10 : at + 12], "little")
    if promised == ZIP64 and (big := end.rfind(b"PK\6\6", 0, at)) >= 0:
        promised = int.from_bytes(end[big + 32 : big + 40], "little")
    else:
        found %= ZIP64 + 1
    if found != promised:
        raise ImageError(f"damaged: {found:,} members found, {promised:,} promised")
    if any(end[at + 22 + int.from_bytes(end[at + 20 : at + 22], "little") :]):
        raise ImageError("damaged: its directory does not list what follows its end")
    file.seek(0)
    if file.read(4) == b"PK\3\4" and min((info.header_offset for info in infos), default=1):
        raise ImageError("damaged: its directory does not list the members that it begins with")


class _Directory:
    """The file of a zip, of which zipfile reads the directory at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size > MOST_DIRECTORY:
            raise ImageError(
                f"a directory of {size:,} bytes, over the limit of {MOST_DIRECTORY:,}, which is "
                "about 400,000 members: make several archives of it, or a .tar"
            )
        return self._file.read(size)


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip. Raises ImageError for too large a directory, and what zipfile raises."""
    archive = zipfile.ZipFile(_Directory(file))
    archive.fp = file  # members are read as they are
    return archive


def zip_members(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, str | None]]:
    """Yield each member, and why it must not be opened, or None. All others can be decompressed a
    little at a time, whatever their headers say.
    """
    infos = archive.infolist()
    overlapping = _overlapping(infos)
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        refusal = None
        if info.flag_bits & 1:
            refusal = "encrypted"
        elif info.compress_type not in _READABLE:  # zipfile gives all of bzip2's output at once
            refusal = f"compressed by method {info.compress_type}: only 0 and 8 (deflate) are read"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            refusal = "a link" if kind == stat.S_IFLNK else "not a regular file"
        elif info.header_offset in overlapping:
            refusal = "a member that reaches into the next one: damaged, or a bomb"
        yield info, refusal


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[float]:
    """Return the offsets of members whose data reaches into the next one. With such members a small
    file can hold any number of large ones (Fifield, "A better zip bomb", 2019).
    """
    # Lists of pairs take 200 bytes for each of a million members. Offsets below 2**53 are exact.
    starts = np.array([info.header_offset for info in infos], np.float64)
    ends = starts + np.array([ZIP_HEADER + info.compress_size for info in infos], np.float64)
    order = np.lexsort((ends, starts))
    starts, ends = starts[order], ends[order]
    return set(starts[:-1][ends[:-1] > starts[1:]].tolist())


def _too_much(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    size = info.file_size
    if size > SMALL_MEMBER and size > BOMB_RATIO * info.compress_size:
        return f"a bomb: {info.compress_size:,} bytes that become {size:,}"
    return too_large(size, limits)


def _unzipped(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits
) -> bytes | ImageError:
    try:
        with archive.open(info) as member:
            data = member.read(min(info.file_size, limits.max_bytes) + 1)
    except Exception as error:  # see `guarded`; the other members may be whole
        return ImageError(said(error))
    if len(data) != info.file_size:
        return ImageError(f"truncated: {len(data):,} of {info.file_size:,} bytes")
    return data
