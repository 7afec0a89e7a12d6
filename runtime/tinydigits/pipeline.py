"""Pipeline: chunks become readings, in order, in this process or in several."""

import math
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

from tinydigits.cpus import usable_cpus
from tinydigits.items import Chunk
from tinydigits.reading import Keep, Reader, Reading

Workers = int | Literal["auto"]

SMALL_JOB = 2000  # images: fewer are read in this process before workers would have started
SHORT_WORK = 0.5  # s: the same, of large pictures
PROBES = 8
HASTE = 0.1  # s: where chunks take longer to come, they are read here, and not kept back


def readings(
    reader: Reader, chunks: Iterable[Chunk], workers: Workers, keep: Keep
) -> Iterator[tuple[Chunk, Reading]]:
    """Each chunk with its reading, in order. Work that is soon done stays in this process with
    workers="auto", since starting others would take longer.
    """
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
    from tinydigits.workers import shared  # multiprocessing, which small jobs do without

    yield from shared(reader, remaining, count, keep)


def _seconds(reader: Reader, chunks: list[Chunk], keep: Keep) -> float:
    """About what they take, judged by the first picture of some, which is read once more for that.
    Of file objects, which can be read only once and not be sent to workers: nothing.
    """
    each = []
    for chunk in chunks[:: math.ceil(len(chunks) / PROBES)]:
        first = chunk._replace(names=chunk.names[:1], images=chunk.images[:1])
        began = time.monotonic()
        if not hasattr(first.images[0], "read"):
            reader.read(first, keep)
        each.append((time.monotonic() - began) * len(chunk.names))
    # The lower median, since the very first reading takes longer than all others.
    return sorted(each)[(len(each) - 1) // 2] * len(chunks)
