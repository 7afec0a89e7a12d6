"""Lists: names of files, one a line or each ended by NUL, as they arrive on the standard input."""

import os
import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from typing import BinaryIO

from tinydigits.contents import format_of, other_kind
from tinydigits.errors import SourceError

BLOCK = 1 << 16  # bytes of a list that are read at once
# With what a list begins that a program on Windows has written, and its encoding if not UTF-8.
_MARKS = {b"\xef\xbb\xbf": None, b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# A list of UTF-16 without a mark. A list with NUL between its names looks like this only if its
# first names are single letters, and one of them is `.` or `/`.
_UNMARKED = re.compile(rb"(?P<le>(?:[^\0]\0)+?[./\\\n]\0)|(?P<be>(?:\0[^\0])+?\0[./\\\n])")
NAME_BYTES = 1 << 20  # 1 MiB: the longest name in a list; a signed address has a few thousand


def listed(lines: BinaryIO) -> Iterator[str]:
    """Yield the names in a list as they arrive: one a line, or each ended by NUL if the first block
    that arrives holds one. Empty lines are no names. Names are bytes of the file system, and are
    kept where they are not UTF-8; a list that begins with a byte-order mark, or with pairs of bytes
    as in UTF-16, is decoded.

    Raises SourceError where NAME_BYTES hold no whole name, and where the list is itself a picture
    or an archive.
    """
    rest, end, empty = b"", b"", 0
    for block in _blocks(lines):
        end = end or (b"\0" if b"\0" in block else b"\n")
        *names, rest = (rest + block).split(end)
        empty += len(block)
        for name in names:
            if name := name if end == b"\0" else name.rstrip(b"\r"):
                empty = 0
                yield os.fsdecode(name)
        if max(empty, len(rest)) > NAME_BYTES:
            raise SourceError(
                f"-: the list holds no name in {NAME_BYTES:,} bytes; end each name with a line end "
                "or a NUL byte"
            )
    if rest := rest if end == b"\0" else rest.rstrip(b"\r"):
        yield os.fsdecode(rest)


def _blocks(lines: BinaryIO) -> Iterator[bytes]:
    """Yield what arrives, in the encoding of the file system and without a byte-order mark."""
    read: Callable[[int], bytes] = lines.read1  # type: ignore[attr-defined]
    block = read(BLOCK)
    while block and any(mark.startswith(block) for mark in _MARKS) and block not in _MARKS:
        if not (more := read(1)):
            break
        block += more
    what = format_of(block)
    if what in (None, "BMP", "PPM"):  # names may begin like the latter two
        what = re.split(", which|:", other_kind(block) or "")[0]
    else:
        what = f"a {what}"
    if what:
        raise SourceError(
            f"-: a list of files was expected, and this is {what} itself: name it, as in "
            "`tinydigits classify FILE`"
        )
    mark = next(filter(block.startswith, _MARKS), b"")
    encoding, block = _MARKS.get(mark), block.removeprefix(mark)
    if not mark and (pairs := _UNMARKED.match(block)):
        encoding = f"utf-16-{pairs.lastgroup}"
    decoder = encoding and getincrementaldecoder(encoding)("replace")
    while True:
        yield os.fsencode(decoder.decode(block)) if decoder else block
        if not (block := read(BLOCK)):
            return
