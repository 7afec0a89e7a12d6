"""A chunk ends after so many pictures or so many encoded bytes: by the items alone."""

import os
from pathlib import Path

from tinydigits.items import CHUNK_BYTES, LOOKED_AT, Item, chunked


def lengths(items: list[Item], size: int = 256) -> list[int]:
    return [len(chunk.names) for chunk in chunked(items, size)]


def of_bytes(count: int, size: int) -> list[Item]:
    return [Item(None, bytes(size))] * count


def test_many_small_pictures_make_a_chunk_and_few_large_ones() -> None:
    assert lengths(of_bytes(600, 300)) == [256, 256, 88]
    assert lengths(of_bytes(60, CHUNK_BYTES // 2)) == [2] * 30
    assert lengths(of_bytes(3, 5 * CHUNK_BYTES)) == [1, 1, 1]


def test_a_chunk_ends_after_each_full_size_however_it_was_cut() -> None:
    assert lengths(of_bytes(20, CHUNK_BYTES // 7 + 1), 10) == [7, 3, 7, 3]


def test_large_files_make_smaller_chunks_and_none_is_opened(tmp_path: Path) -> None:
    large, missing = tmp_path / "large.jpg", str(tmp_path / "missing.jpg")
    with large.open("wb") as file:
        file.truncate(CHUNK_BYTES // 3 + 1)
    large.chmod(0)
    items = [Item(None, place) for place in (str(large), large)] * 30
    assert lengths(items) == [3] * 20
    assert lengths([Item(missing, missing)] * 300) == [256, 44]
    assert lengths([Item("\0", "\0")] * 3) == [3]


def test_one_size_counts_for_the_files_behind_it(tmp_path: Path) -> None:
    names = [str(tmp_path / f"{number}.jpg") for number in range(2 * LOOKED_AT)]
    for name in names:
        Path(name).write_bytes(b"")
    os.truncate(names[LOOKED_AT], CHUNK_BYTES // 4)
    items = [Item(name, name) for name in names]
    assert lengths(items) == [LOOKED_AT + 4, 4]
