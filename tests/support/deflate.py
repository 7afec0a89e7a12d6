"""Deflate streams, good and hostile, as RFC 1951 has them."""

import random
import zlib
from collections.abc import Iterator, Sequence

BASES = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
         131, 163, 195, 227, 258]  # fmt: skip
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8


class Bits:
    """Bits, the first of each byte lowest."""

    def __init__(self) -> None:
        self.value, self.count = 0, 0

    def put(self, value: int, count: int) -> None:
        self.value |= (value & (1 << count) - 1) << self.count
        self.count += count

    def data(self) -> bytes:
        return self.value.to_bytes((self.count + 7) // 8, "little")


Code = dict[int, tuple[int, int]]  # symbol → its code, first bit lowest, and the number of bits


def code_of(lengths: Sequence[int]) -> Code:
    """Return the codes of RFC 1951, 3.2.2; those that there is no room for are cut."""
    codes, value = {}, 0
    for length in range(1, 16):
        value <<= 1
        for symbol in (at for at, each in enumerate(lengths) if each == length):
            codes[symbol] = int(f"{value:0{length}b}"[::-1][:length], 2), length
            value += 1
    return codes


def lengths_of(pick: random.Random, symbols: Sequence[int], count: int, most: int) -> list[int]:
    """Return the lengths of a complete code of these symbols, or of one with a mistake."""
    leaves = [0]
    while len(leaves) < len(symbols):
        at = pick.randrange(len(leaves))
        if leaves[at] < most:
            leaves[at] += 1
            leaves.append(leaves[at])
    pick.shuffle(leaves)
    lengths = [0] * count
    for symbol, length in zip(symbols, leaves, strict=True):
        lengths[symbol] = length or pick.choice((0, 1, 1, 1, 2))  # the only one
    if pick.random() < 0.1:
        lengths[pick.randrange(count)] = pick.randrange(most + 1)
    return lengths


def stream(pick: random.Random, size: int) -> bytes:
    """Return blocks of about that many bytes, most of which can be unpacked."""
    bits, done = Bits(), 0
    while True:
        share = size - done if pick.random() < 0.6 else pick.randrange(size - done + 1)
        last = share == size - done
        kind = pick.choice((0, 1, 1, 2, 2, 2, 2, 2, 3 if pick.random() < 0.02 else 2))
        bits.put(last, 1)
        bits.put(kind, 2)
        if kind == 0:
            bits.count += -bits.count % 8
            bits.put(share, 16)
            bits.put(~share if pick.random() < 0.97 else share, 16)
            bits.put(int.from_bytes(pick.randbytes(share), "little"), 8 * share)
        else:
            _coded(pick, bits, kind == 1, done, share)
        done += share
        if last:
            return bits.data()


def _coded(pick: random.Random, bits: Bits, fixed: bool, done: int, share: int) -> None:
    """Put a block of `share` bytes behind `done` others."""
    literals, distances = code_of(FIXED), code_of([5] * 32)
    if not fixed:
        used = pick.sample(range(256), pick.choice((1, 2, 9, 60, 256)))
        copies = pick.sample(range(257, 286), pick.choice((0, 0, 1, 5, 29)))
        first = pick.choice((257, 258, 286, 286, 286, 288 if pick.random() < 0.05 else 286))
        copies = [symbol for symbol in copies if symbol < first]
        found = pick.sample(range(30), pick.choice((1, 2, 12, 30))) if copies else []
        second = pick.choice((max([*found, 0]) + 1, 30, 31 if pick.random() < 0.05 else 30))
        lengths = lengths_of(pick, [*used, *copies, 256], first, 15)
        behind = lengths_of(pick, found, second, 15) if found else [0] * second
        _put_codes(pick, bits, lengths, behind)
        literals, distances = code_of(lengths), code_of(behind)
    left = share
    symbols = sorted(set(literals) - {256})
    for _ in range(share):
        if not left or not symbols:
            break
        symbol = pick.choice(symbols)
        bits.put(*literals[symbol])
        if symbol < 256:
            left -= 1
            done += 1
            continue
        if symbol > 285 or not distances:
            break
        extra = 0 if symbol in (*range(257, 265), 285) else (symbol - 261) // 4
        more = pick.randrange(1 << extra)
        length = BASES[symbol - 257] + more
        bits.put(more, extra)
        near = [each for each in distances if each < 2 * max(done, 1).bit_length() - 1]
        symbol = pick.choice(near if near and pick.random() < 0.99 else list(distances))
        bits.put(*distances[symbol])
        bits.put(0 if pick.random() < 0.9 else -1, max(symbol // 2 - 1, 0))
        left, done = left - length, done + length
        if left < 0 and pick.random() < 0.9:
            break
    if 256 in literals:
        bits.put(*literals[256])


def _put_codes(pick: random.Random, bits: Bits, first: list[int], second: list[int]) -> None:
    """Put the lengths of two codes, with repeats wherever chance has them."""
    wanted, listed, at = first + second, [], 0
    while at < len(wanted):
        alike = next((n for n, each in enumerate(wanted[at:]) if each != wanted[at]), 999)
        alike = min(alike, len(wanted) - at)
        if wanted[at] == 0 and alike > 10:
            listed.append((18, min(alike, 138) - 11, 7))
            at += min(alike, 138)
        elif wanted[at] == 0 and alike > 2 and pick.random() < 0.9:
            listed.append((17, min(alike, 10) - 3, 3))
            at += min(alike, 10)
        elif at and wanted[at] == wanted[at - 1] and alike > 2 and pick.random() < 0.9:
            listed.append((16, min(alike, 6) - 3, 2))
            at += min(alike, 6)
        else:
            listed.append((wanted[at], 0, 0))
            at += 1
    symbol, more, extra = listed[-1]
    if pick.random() < 0.05 and more + 1 < 1 << extra:  # one too many
        listed[-1] = symbol, more + 1, extra
    elif pick.random() < 0.05:
        place = pick.choice((0, pick.randrange(len(listed))))
        listed[place] = pick.choice(((16, 0, 2), (16, 3, 2), (18, 127, 7), (17, 7, 3)))
    lengths = lengths_of(pick, sorted({symbol for symbol, _, _ in listed}), 19, 7)
    codes = code_of(lengths)
    count = max([at for at, symbol in enumerate(ORDER) if lengths[symbol]] + [3]) + 1
    bits.put(len(first) - 257, 5)
    bits.put(len(second) - 1, 5)
    bits.put(count - 4, 4)
    for symbol in ORDER[:count]:
        bits.put(lengths[symbol], 3)
    for symbol, more, extra in listed:
        bits.put(*codes.get(symbol, (0, 0)))
        bits.put(more, extra)


def streams(count: int, size: int, seed: int) -> Iterator[bytes]:
    """Yield so many streams, most of `size` bytes: made up, or zlib's own, whole or damaged."""
    pick = random.Random(seed)
    for _ in range(count):
        if pick.random() < 0.5:
            data = stream(pick, size if pick.random() < 0.9 else pick.randrange(2 * size))
        else:
            data = _of_zlib(pick, size)
        if pick.random() < 0.3:
            data = _damaged(pick, data)
        yield data


def _of_zlib(pick: random.Random, size: int) -> bytes:
    alphabet = bytes(pick.choices(range(256), k=pick.choice((1, 3, 20, 200))))
    content = bytes(pick.choices(alphabet, k=size + pick.choice((0, 0, 0, 0, 0, 0, -1, 1))))
    packer = zlib.compressobj(pick.randrange(10), 8, -15, pick.randint(1, 9), pick.randrange(5))
    cut = pick.randrange(size)
    flush = pick.choice((zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_BLOCK))
    data = packer.compress(content[:cut]) + packer.flush(flush)
    return data + packer.compress(content[cut:]) + packer.flush()


def _damaged(pick: random.Random, data: bytes) -> bytes:
    bad, place = bytearray(data or b"\0"), pick.randrange(len(data) or 1)
    kind = pick.randrange(4)
    if kind == 0:
        del bad[place:]
    elif kind == 1:
        bad[place] ^= 1 << pick.randrange(8)
    elif kind == 2:
        bad += pick.randbytes(pick.randint(1, 9))
    else:
        bad[place : place + 2] = pick.randbytes(pick.randrange(4))
    return bytes(bad)
