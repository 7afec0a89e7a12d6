"""Pipeline: from chunks to readings, in order, in this process or in several."""

import ctypes
import math
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Literal

from tinydigits.cpus import usable_cpus
from tinydigits.items import Chunk
from tinydigits.quiet import is_own_process
from tinydigits.reading import ChunkReader, Keep, Read

Workers = int | Literal["auto"]

SMALL_JOB = 2000  # images: fewer are read in this process sooner than workers would start
SHORT_WORK = 0.3  # s: the same limit for large pictures
PROBES = 3
KEPT = 1 << 25  # 32 MiB: the most free memory that is not returned, and that malloc allows
HASTE = 0.1  # s: chunks that take longer to arrive are read at once, in this process


def readings(
    reader: ChunkReader[Read], chunks: Iterable[Chunk], workers: Workers, keep: Keep
) -> Iterator[tuple[Chunk, Read]]:
    """Yield each chunk with its reading, in order. With workers="auto", a small job stays in this
    process, since starting others would take longer.
    """
    _keep_memory()
    count = usable_cpus() if workers == "auto" else workers
    remaining = iter(chunks)
    if count > 1 and workers == "auto":
        held: list[Chunk] = []
        images, worked, arrived = 0, 0.0, time.monotonic()
        for chunk in remaining:
            held.append(chunk)
            images += len(chunk.names)
            if images >= SMALL_JOB or worked > SHORT_WORK:
                break
            if time.monotonic() - arrived > HASTE:
                for early in held:
                    began = time.monotonic()
                    yield early, reader.read(early, keep)
                    worked += time.monotonic() - began
                held, arrived = [], time.monotonic()
        else:
            few = len(held) < 2 or _seconds(reader, held, keep) <= SHORT_WORK
            count = 1 if few else min(count, len(held))
        remaining = chain(held, remaining)
    if count == 1:
        for chunk in remaining:
            yield chunk, reader.read(chunk, keep)
        return
    from tinydigits.workers import shared  # imports multiprocessing, which small jobs do not need

    yield from shared(reader, remaining, count, keep)


def _keep_memory() -> None:
    """Let glibc keep what one picture leaves for the next one, where this process is tinydigits'
    own: as long as it returned that to the system, 1,000 photographs took 100,000 page faults, and
    0.15 s of 1.5.
    """
    if is_own_process() and sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            adjust = ctypes.CDLL(None).mallopt
            adjust(_TRIM_THRESHOLD, KEPT)
            adjust(_MMAP_THRESHOLD, KEPT)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h


def _seconds(reader: ChunkReader[Read], chunks: list[Chunk], keep: Keep) -> float:
    """Estimate the time that chunks take from the first picture of some, which is read twice for
    that. File objects, which can be read only once and are not sent to workers, count as 0.
    """
    each = []
    for chunk in chunks[:: math.ceil(len(chunks) / PROBES)]:
        first = chunk._replace(names=chunk.names[:1], images=chunk.images[:1])
        began = time.monotonic()
        if not hasattr(first.images[0], "read"):
            reader.read(first, keep)
        each.append((time.monotonic() - began) * len(chunk.names))
    # The lower median: the very first reading takes longer than all others.
    return sorted(each)[(len(each) - 1) // 2] * len(chunks)
