"""Tar archives, plain or compressed, as a stream.

They are parsed here, and not by `tarfile`: it takes a damaged header for the end of the archive, so
that pictures are lost in silence, and it reads extended headers of any size, some of them in
quadratic time.

A file is read to its end: archives may follow one another in it. Damage gives an error row, and
reading goes on with the next header.
"""

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from tinydigits.bounds import Limits, too_large
from tinydigits.errors import ImageError, MissingExtra
from tinydigits.items import Skipped
from tinydigits.sources.members import BOMB_RATIO, bad_name, is_image

SMALL_TAR = 128 << 20  # 128 MiB: a tar that unpacks to no more may exceed the ratio
BLOCK = 512  # bytes: the size of a header; members are padded to a multiple
EXTENDED_BYTES = 1 << 20  # 1 MiB: the longest extended header; long names take 4 KiB
NAME_LETTERS = 4096  # a longer name, which no file system has, is cut to its end
SKIP_BYTES = 1 << 16  # 64 KiB: bytes read at a time of what is skipped
RECORD = 20 * BLOCK  # bytes: tar pads an archive to a multiple, where another may follow
MEMBERLESS = "damaged: an extended header without its member"
ZSTD_BYTES = 512  # bytes unpacked at a time: four of them can become 128 KiB

_KINDS = {b"1": "a hard link", b"2": "a link", b"6": "a FIFO", b"S": "a sparse file"}
_KINDS |= {b"3": "a device", b"4": "a device"}


class _Unpacked:
    """The bytes of a tar, uncompressed, forwards only."""

    def __init__(self, raw: BinaryIO, file: BinaryIO) -> None:
        self.position = 0
        self._raw, self._file = raw, file

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end. Raises ImageError for a bomb."""
        data = self._raw.read(size)
        self.position += len(data)
        if self.position > SMALL_TAR and self.position > BOMB_RATIO * self._file.tell():
            raise ImageError(f"a bomb: {self._file.tell():,} bytes become {self.position:,}")
        return data

    def skip_to(self, position: int) -> None:
        while (rest := position - self.position) > 0:
            if not self.read(min(rest, SKIP_BYTES)):
                raise ImageError("truncated: it ends within a member")


def in_tar(
    file: io.BufferedReader, limits: Limits, skipped: Skipped
) -> Iterator[tuple[str, bytes | ImageError]]:
    """Yield the name of each picture and its content, or why it cannot be read; "" for damage
    between members. Raises ImageError where nothing more can be read.
    """
    with _uncompressed(file) as raw:
        stream = _Unpacked(raw, file)
        for member in _tar_members(stream):
            if isinstance(member, ImageError):
                yield "", member
                continue
            name, kind, size = member
            if kind in b"5D" or name.endswith("/") or not is_image(name, skipped):
                continue
            why = bad_name(name) or _kind(kind) or too_large(size, limits)
            if len(name) > NAME_LETTERS:
                name, why = name[-NAME_LETTERS:], f"a name of {len(name):,} letters"
            image = ImageError(why) if why else stream.read(size)
            if isinstance(image, bytes) and len(image) < size:
                raise ImageError(f"truncated: it ends within {name}")
            yield name, image


def _kind(kind: bytes) -> str | None:
    """Return what a member is; None for a regular file."""
    return None if kind in b"07\0" else _KINDS.get(kind, f"a member of kind {kind!r}")


@contextmanager
def _uncompressed(file: io.BufferedReader) -> Iterator[BinaryIO]:
    """Uncompress by the first bytes, as tar does: the endings of tars are often wrong."""
    magic = file.peek(4)[:4]
    if magic.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as unzipped:
            yield cast(BinaryIO, unzipped)
    elif magic == b"\x28\xb5\x2f\xfd" or magic[1:] == b"\x2a\x4d\x18":
        try:
            import zstandard
        except ImportError as error:
            raise MissingExtra("a .tar.zst archive", "zstandard", "zstd") from error
        # It refuses windows of more than 128 MiB.
        unpacker = zstandard.ZstdDecompressor().decompressobj
        with io.BufferedReader(_Frames(file, unpacker), SKIP_BYTES) as unpacked:
            yield unpacked
    else:
        yield file


class _Frames(io.RawIOBase):
    """The content of a file of zstd frames. Unlike zstandard's own readers, it raises EOFError
    where the last frame is cut short.
    """

    def __init__(self, file: io.BufferedReader, unpacker: Callable[[], Any]) -> None:
        self._file, self._unpacker, self._frame = file, unpacker, unpacker()
        self._unpacked = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._unpacked:
            # A checksum, which is four bytes, is unpacked by itself: if it is wrong, what is before
            # it is not lost.
            size = min(ZSTD_BYTES, max(4, len(self._file.peek()) - 4))
            packed = self._frame.unused_data if self._frame.eof else b""
            if not packed and not (packed := self._file.read(size)):
                if not self._frame.eof:
                    raise EOFError
                return 0
            if self._frame.eof:
                self._frame = self._unpacker()
            self._unpacked = memoryview(self._frame.decompress(packed))
        size = min(len(buffer), len(self._unpacked))
        buffer[:size], self._unpacked = self._unpacked[:size], self._unpacked[size:]
        return size


def _tar_members(stream: _Unpacked) -> Iterator[tuple[str, bytes, int] | ImageError]:
    """Yield the name, the kind and the size of each member while the stream is at its data (ustar
    of POSIX.1-1988, pax, GNU), and damage where it is found.
    """
    # Values of the next member from extended headers, and their kinds.
    extended: dict[bytes, bytes] = {}
    zeros, lost = 0, False  # blocks of zeros before this one; whether a header is being looked for
    while len(header := stream.read(BLOCK)) == BLOCK:
        start = stream.position - BLOCK
        is_header = _is_header(header)
        if start == 0 and not is_header and any(header):
            raise ImageError("not a tar archive")
        if not lost and (why := _damage(header, is_header, start, zeros, bool(extended))):
            yield ImageError(why)
            extended, lost = {}, True
        zeros = 0 if any(header) else zeros + 1
        if not is_header:
            continue
        lost = False
        kind, size = header[156:157], _number(header[124:136])
        if kind in b"LKxXg":
            if size > EXTENDED_BYTES:
                raise ImageError(f"damaged: an extended header of {size:,} bytes")
            end = _padded(stream.position + size)
            if b"\0" + kind in extended:  # two of a kind: the member between them is not there
                yield ImageError(MEMBERLESS)
                extended = {}
            extended |= _extended(kind, stream.read(size))
            extended |= {} if kind == b"g" else {b"\0" + kind: b""}
        else:
            name = extended.get(b"GNU.sparse.name") or extended.get(b"path") or _short_name(header)
            size = _number(extended[b"size"], 10) if b"size" in extended else size
            if kind == b"S" and header[482]:
                while stream.read(BLOCK)[504:505] not in (b"", b"\0"):
                    pass  # the map of holes goes on
            # Links, devices, folders and FIFOs have no data, whatever size the header gives.
            end = _padded(stream.position + (0 if kind in b"123456" else size))
            kind = extended.get(b"kind", kind)
            yield name.decode("utf-8", "surrogateescape"), kind, size
            extended = {}
        stream.skip_to(end)
    if header:
        raise ImageError("truncated: it ends within a header")
    if not zeros and not lost:
        raise ImageError(
            "truncated: it ends without an end mark" if stream.position else "empty, or truncated"
        )


def _damage(
    header: bytes, is_header: bool, start: int, zeros: int, is_extended: bool
) -> str | None:
    """Return what is wrong where a header is expected, `start` bytes into the archive and after
    `zeros` blocks of zeros; None for a header, and for an end mark.
    """
    if not any(header):
        return MEMBERLESS if is_extended else None
    if not is_header:
        return "damaged: a wrong checksum"
    if (zeros and start % RECORD) or zeros == 1:
        return "damaged: zeros in the place of a header: members may be lost"
    return None


def _is_header(header: bytes) -> bool:
    said = header[148:156].strip(b"\0 ").lstrip(b"0")
    return said.isdigit() and said == b"%o" % (sum(header) - sum(header[148:156]) + 8 * ord(" "))


def _padded(position: int) -> int:
    return -(-position // BLOCK) * BLOCK


def _number(field: bytes, base: int = 8) -> int:
    if field[:1] == b"\x80" and base == 8:  # GNU's, for 8 GiB and more
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip() or b"0"
    if not digits.isdigit():
        raise ImageError(f"damaged: {digits[:20]!r} where a number was expected")
    return int(digits, base)


def _short_name(header: bytes) -> bytes:
    name, prefix = (field.partition(b"\0")[0] for field in (header[:100], header[345:500]))
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def _extended(kind: bytes, data: bytes) -> dict[bytes, bytes]:
    """Return what an extended header says of the next member, as far as it matters here."""
    if kind == b"L":
        return {b"path": data.partition(b"\0")[0]}
    return _pax(data) if kind in b"xX" else {}


def _pax(data: bytes) -> dict[bytes, bytes]:
    """Parse records of the form `LENGTH KEYWORD=VALUE\\n`, where LENGTH counts the whole record."""
    records, at = {}, 0
    while at < len(data) and data[at]:
        digits = data[at : at + 20].partition(b" ")[0]
        length = _number(digits, 10)
        keyword, equals, value = data[at + len(digits) + 1 : at + length - 1].partition(b"=")
        if not equals or data[at + length - 1 : at + length] != b"\n":
            raise ImageError("damaged: an extended header that is none")
        if keyword in (b"path", b"size", b"GNU.sparse.name"):
            records[keyword] = value
        if keyword.startswith(b"GNU.sparse."):
            records[b"kind"] = b"S"
        at += length
    return records
