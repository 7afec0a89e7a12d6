"""IDX, the format of the MNIST files, plain or gzipped.

A file is a magic number (0x00000803 for images, 0x00000801 for labels), the length of each
dimension as a big-endian 32-bit integer, then the bytes (LeCun, Cortes and Burges, "The MNIST
database of handwritten digits").
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import SourceError

IMAGES_MAGIC, LABELS_MAGIC = 0x00000803, 0x00000801
WHAT = {IMAGES_MAGIC: "images", LABELS_MAGIC: "labels"}
MAX_BYTES = 1 << 30  # 1 GiB: 22 times the MNIST training images


def read_images(path: Path) -> NDArray[np.uint8]:
    """Read uint8 [N, 28, 28], ink bright on dark. Raises SourceError."""
    images = _read(path, IMAGES_MAGIC)
    if images.shape[1:] != (28, 28):
        raise SourceError(
            f"{path}: images of {images.shape[1]}×{images.shape[2]} pixels, not 28×28"
        )
    return images


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Read uint8 [N]. Raises SourceError."""
    return _read(path, LABELS_MAGIC)


def unzipped(file: io.BufferedReader) -> io.BufferedReader | gzip.GzipFile:
    """Return the content of a file that is gzipped by its first bytes; else the file itself."""
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file


def read_shape(file: io.BufferedReader | gzip.GzipFile, magic: int) -> tuple[int, ...]:
    """Return the length of each dimension, as the header promises it. Raises SourceError."""
    what = WHAT[magic]
    head = file.read(4)
    if not head:
        raise SourceError(f"an empty file, where IDX {what} were expected")
    found = int.from_bytes(head, "big")
    if len(head) < 4 or found != magic:
        instead = f": these are {WHAT[found]}" if found in WHAT else ""
        raise SourceError(
            f"starts with 0x{head.hex()}, where IDX {what} start with 0x{magic:08x}{instead}"
        )
    dimensions = magic & 0xFF
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise SourceError(f"truncated: the header ends after {4 + len(sizes)} bytes")
    return struct.unpack(f">{dimensions}I", sizes)


def _read(path: Path, magic: int) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as file, unzipped(file) as content:
            return _parsed(content, magic)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error
    except EOFError as error:
        raise SourceError(f"{path}: truncated: the gzip stream ends early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: damaged gzip: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error


def _parsed(file: io.BufferedReader | gzip.GzipFile, magic: int) -> NDArray[np.uint8]:
    shape = read_shape(file, magic)
    expected = math.prod(shape)
    if not 0 < expected <= MAX_BYTES:
        raise SourceError(f"{expected:,} bytes promised, where 1 to {MAX_BYTES:,} are read")
    body = file.read(expected + 1)
    if len(body) != expected:
        found = "more" if len(body) > expected else f"{len(body):,}"
        raise SourceError(
            f"{'truncated' if len(body) < expected else 'too long'}: "
            f"{expected:,} bytes promised for {list(shape)}, {found} found"
        )
    return np.frombuffer(body, np.uint8).reshape(shape)
