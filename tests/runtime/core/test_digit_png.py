"""digit_png.c takes a stream if and only if zlib takes it, and makes the same bytes of it.

$TINYDIGITS_FUZZ is the number of streams to compare: 800 if it is not set.
"""

import os
import random
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.deflate import streams
from tests.support.fits import CORE, SANITIZERS, STREAM, WARNINGS

COUNT = int(os.environ.get("TINYDIGITS_FUZZ", "800"))
AT_ONCE = 2000  # streams, which lie in memory
FILTERED = 28 * 29
TAIL = 0x5A  # each byte that digit_png_stream puts behind a stream
ANSWER = struct.Struct(f"=3i{FILTERED}s")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """digit_png_stream that ends at the first access beyond its arrays."""
    if not shutil.which("gcc"):
        pytest.skip("needs gcc: apt-get install gcc")
    program = tmp_path_factory.mktemp("watched") / "streams"
    sources = [str(CORE / "png.c"), str(STREAM.with_name("digit_png_stream.c"))]
    flags = ["-std=c99", *SANITIZERS, *WARNINGS, f"-I{CORE}"]
    subprocess.run(["gcc", *flags, *sources, "-o", str(program)], check=True)
    return program


def answers(program: Path, data: Iterable[bytes]) -> list[tuple[bool, int, bool, bytes]]:
    """Whether each was taken as blocks, the bytes used, whether as a stream of zlib, the result."""
    message = b"".join(struct.pack("=i", len(each)) + each for each in data)
    done = subprocess.run([program], input=message, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return [
        (bool(raw), used, bool(whole), result)
        for raw, used, whole, result in ANSWER.iter_unpack(done.stdout)
    ]


def by_zlib(data: bytes) -> tuple[int, bytes] | None:
    """The bytes used and what zlib makes of blocks, if that is FILTERED bytes."""
    unpacker = zlib.decompressobj(-15)
    try:
        result = unpacker.decompress(data, FILTERED + 1)
    except zlib.error:
        return None
    if not unpacker.eof or len(result) != FILTERED:
        return None
    return len(data) - len(unpacker.unused_data), result


def test_it_unpacks_what_zlib_unpacks_and_nothing_else(watched: Path) -> None:
    taken = 0
    for seed in range(0, COUNT, AT_ONCE):
        data = list(streams(min(AT_ONCE, COUNT - seed), FILTERED, seed))
        for each, (raw, used, _, result) in zip(data, answers(watched, data), strict=True):
            expected = by_zlib(each)
            assert raw == (expected is not None), each.hex()
            assert expected is None or (used, result) == expected, each.hex()
            taken += raw
    assert COUNT / 4 < taken < COUNT * 3 / 4


def test_it_checks_the_head_and_the_sum_as_zlib_does(watched: Path) -> None:
    pick = random.Random(0)
    good = zlib.compress(bytes(range(203)) * 4)
    data = [bytes([first, second]) + good[2:] for first in range(256) for second in range(256)][::7]
    data += [good[:2] + bytes([0, second]) + good[4:] for second in range(256)]
    data += [good[:end] for end in range(len(good))] + [good + b"x" * n for n in range(20)]
    behind = zlib.compress(bytes(FILTERED - 1) + bytes([TAIL - 1]))  # a sum that ends as TAIL does
    assert behind[-1] == TAIL
    data += [behind, behind[:-1]]
    data += [good[:-4] + pick.randbytes(4) for _ in range(50)]
    for high, low in ((0, 0), (65520, 65520)):  # the largest and least sums
        data += [
            zlib.compress(bytes([high & 255]) * FILTERED),
            zlib.compress(bytes(low)[:FILTERED]),
        ]
    taken = 0
    for each, (_, _, whole, result) in zip(data, answers(watched, data), strict=True):
        try:
            expected: bytes | None = zlib.decompress(each)
        except zlib.error:
            expected = None
        assert whole == (expected is not None and len(expected) == FILTERED), each[:4]
        assert not whole or result == expected
        taken += whole
    assert taken > 20
