"""Pages: the pictures in one document, which is a TIFF or a PDF.

A page travels as its document and its number, so that the process that reads it decodes it too.
"""

import io
import math
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from tinydigits.contents import HEAD, format_of
from tinydigits.errors import ImageError, MissingExtra

MOST_PAGES = 10_000  # of a document; what follows them gives one error row
DPI, LEAST_DPI = 200, 150  # of a page of a PDF; the latter where the former exceeds a limit
POINT = 72  # to the inch: the unit of a PDF
SUBFILE, COPY, MASK = 254, 1, 4  # the TIFF tag, and its bits, of what is no page of its own
MOST_TAGS = 0xFFFF

_one_at_a_time = threading.Lock()  # PDFium keeps state of its own, for the whole process


class Page(NamedTuple):
    """One page of a document."""

    source: str | bytes
    """The path of the document, or what it holds."""

    number: int
    """From 1."""

    at: int = 0
    """Where the directory of a TIFF's page begins, in bytes; 0 where that is not known."""


def directories(file: BinaryIO) -> list[int]:
    """Return where the directories of a document's pages begin: offsets in a TIFF, and 0 for each
    page of a PDF. At most MOST_PAGES + 1; none where it is no document, is damaged, or cannot be
    read without the extra `formats`.
    """
    head = file.read(HEAD)
    format_ = format_of(head)
    if format_ == "TIFF":
        return _in_tiff(file, head)
    if format_ != "PDF":
        return []
    try:
        with _pdf(head + file.read()) as pdf:
            return [0] * min(len(pdf), MOST_PAGES + 1)
    except Exception:  # its decoder reports what is wrong
        return []


def _in_tiff(file: BinaryIO, head: bytes) -> list[int]:
    """Follow the chain of directories. One that is not there is a page that cannot be read."""
    big, order = 43 in head[2:4], "<" if head[:1] == b"I" else ">"
    counted, entry, address = (
        (struct.Struct(order + each) for each in ("Q", "HHQI4x", "Q"))
        if big
        else (struct.Struct(order + each) for each in ("H", "HHII", "I"))
    )
    left = file.seek(0, io.SEEK_END)  # bytes: honest directories do not overlap
    found, seen = list[int](), set[int]()
    try:
        (at,) = address.unpack_from(head, 8 if big else 4)
        while at and at not in seen and len(found) <= MOST_PAGES:
            seen.add(at)
            found.append(at)
            file.seek(at)
            (count,) = counted.unpack(file.read(counted.size))
            left -= count * entry.size
            if count > MOST_TAGS or left < 0:
                break
            tags = file.read(count * entry.size)
            kinds = [value for tag, _, _, value in entry.iter_unpack(tags) if tag == SUBFILE]
            if len(found) > 1 and any(kind & (COPY | MASK) for kind in kinds):
                found.pop()
            (at,) = address.unpack(file.read(address.size))
    except (struct.error, OSError, OverflowError, ValueError):
        pass
    return found


def tiff_page(data: bytes, page: Page) -> bytes:
    """Return the TIFF with this page as its first, which is the one that decoders read."""
    at = page.at
    if not at:
        found = directories(io.BytesIO(data))
        if not 0 < page.number <= len(found):
            raise ImageError(f"it has {len(found):,} pages, and page {page.number:,} was named")
        at = found[page.number - 1]
    start, size = (8, 8) if 43 in data[2:4] else (4, 4)
    address = at.to_bytes(size, "little" if data[:1] == b"I" else "big")
    return data[:start] + address + data[start + size :]


def pdf_page(
    data: bytes, number: int, check: Callable[[int, int], None]
) -> tuple[Image.Image, int]:
    """Render one page, in colour on white, at DPI, or at LEAST_DPI where `check` of the width and
    height in pixels refuses that. Return it, and how many pages there are. Raises ImageError,
    MissingExtra, and what PDFium raises.
    """
    with _pdf(data) as pdf:
        if not 0 < number <= len(pdf):
            raise ImageError(f"it has {len(pdf):,} pages, and page {number:,} was named")
        page = pdf[number - 1]
        try:
            for dpi in (DPI, LEAST_DPI):
                width, height = (math.ceil(side * dpi / POINT) for side in page.get_size())
                try:
                    check(width, height)
                    break
                except ImageError:
                    if dpi == LEAST_DPI:
                        raise
            bitmap = page.render(scale=dpi / POINT)
            try:
                return bitmap.to_pil().convert("RGB"), len(pdf)
            finally:
                bitmap.close()
        finally:
            page.close()


@contextmanager
def _pdf(data: bytes) -> Iterator[Any]:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtra("a PDF document", "pypdfium2", "formats") from error
    with _one_at_a_time:
        try:
            pdf = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error):
                raise ImageError("a PDF with a password: save it without one") from error
            raise
        try:
            yield pdf
        finally:
            pdf.close()
