"""Pictures at addresses come in order and ahead of their turn, and no more of them than memory
holds.
"""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.support.location import located
from tests.support.waiting import soon
from tinydigits.errors import ImageError, MissingExtra, SourceError
from tinydigits.items import Chunk, Item, Stack, chunked
from tinydigits.remote import fetching
from tinydigits.remote.failures import Unreachable
from tinydigits.remote.location import Location
from tinydigits.sources import at_hand

Whole = Callable[[Location, int], bytes]
MOST = 1 << 26


def addresses(count: int) -> Iterator[Item]:
    return (Item(str(number), located(f"s3://b/{number}")) for number in range(count))


def fetched(monkeypatch: pytest.MonkeyPatch, whole: Whole, items: Iterator[Item]) -> list[Chunk]:
    monkeypatch.setattr(fetching, "whole", whole)
    return list(at_hand(chunked(items, 256), MOST))


def test_all_is_in_its_place_whatever_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(location: Location, most: int) -> bytes:
        del most
        time.sleep(0.02 if str(location).endswith("0") else 0)
        return str(location).encode()

    items: list[Item | Stack] = [Item("first", "a.png"), *addresses(700), Item("last", b"bytes")]
    items.insert(300, Stack("stack", 0, np.zeros((3, 28, 28), np.uint8)))
    monkeypatch.setattr(fetching, "whole", whole)
    names, images = [], []
    for chunk in at_hand(chunked(items, 256), MOST):
        names += chunk.names
        images += list(chunk.images)
    assert names[:2] + names[-2:] == ["first", "0", "699", "last"]
    assert images[0] == "a.png"
    assert names[300:303] == ["stack/0", "stack/1", "stack/2"]
    rest = images[1:300] + images[303:]
    assert rest == [*(f"s3://b/{number}".encode() for number in range(700)), b"bytes"]


def test_what_needs_no_fetching_is_left_as_it_is() -> None:
    chunks = [Chunk(["a"], ["a.png"], True), Chunk(["b"], [b""])]
    assert list(map(id, at_hand(chunks, MOST))) == list(map(id, chunks))


def test_they_come_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(fetching.AT_ONCE)

    def whole(location: Location, most: int) -> bytes:
        del location, most
        together.wait(10)  # breaks where fewer are on their way
        return b""

    monkeypatch.setattr(fetching, "LARGE", 1024)
    assert len(fetched(monkeypatch, whole, addresses(2 * fetching.AT_ONCE))[0].names) == 64


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, meanwhile = list[Location](), list[int]()

    def whole(location: Location, most: int) -> bytes:
        """400 of one byte, so that all are in line, then of 1000; the first takes its time."""
        del most
        asked.append(location)
        while str(location).endswith("/0") and (not meanwhile or meanwhile[-1] < len(asked)):
            meanwhile.append(len(asked))
            time.sleep(0.3)
        return bytes(1 if int(str(location).rpartition("/")[2]) < 400 else 1000)

    monkeypatch.setattr(fetching, "whole", whole)
    monkeypatch.setattr(fetching, "HELD", 100_000)
    monkeypatch.setattr(fetching, "LARGE", 2000)
    assert len(list(at_hand(chunked(addresses(1000), 1), MOST))) == 1000
    assert 400 + 90 <= meanwhile[-1] <= 400 + 100 + fetching.AT_ONCE


def test_of_large_pictures_one_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    given, begun_at = 0, list[int]()

    def whole(location: Location, most: int) -> bytes:
        number = int(str(location).rpartition("/")[2])
        if most > 10:
            begun_at.append(number - given)
        return bytes(min(most + 1, 50))

    monkeypatch.setattr(fetching, "whole", whole)
    monkeypatch.setattr(fetching, "LARGE", 10)
    for chunk in at_hand(chunked(addresses(100), 1), 60):
        assert [len(image) for image in chunk.images if isinstance(image, bytes)] == [50]
        given += 1
    # As a whole each was begun when all before it were given.
    assert len(begun_at) == 100
    assert max(begun_at) <= 1


def test_too_large_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "whole", lambda _, most: bytes(min(most + 1, 50)))
    monkeypatch.setattr(fetching, "LARGE", 10)
    for limit, refused in ((5, True), (10, True), (49, True), (50, False)):
        (chunk,) = at_hand(chunked(addresses(1), 1), limit)
        assert isinstance(chunk.images[0], ImageError) is refused


def test_chunks_are_cut_where_they_get_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "CHUNK_BYTES", 100)
    chunks = fetched(monkeypatch, lambda *_: bytes(30), addresses(10))
    assert [len(chunk.names) for chunk in chunks] == [4, 4, 2]
    assert [name for chunk in chunks for name in chunk.names] == [*map(str, range(10))]


def test_a_server_that_has_died_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(location: Location, most: int) -> bytes:
        del most
        if int(str(location).rpartition("/")[2]) > 100:
            raise Unreachable("no answer in time", passes=True)
        return b""

    with pytest.raises(SourceError, match="b: no longer answers: 100 pictures in a row"):
        fetched(monkeypatch, whole, addresses(1000))


def test_pictures_that_are_not_there_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(*_: object) -> bytes:
        raise Unreachable("not found", status=404)

    chunks = fetched(monkeypatch, whole, addresses(300))
    assert {str(image) for chunk in chunks for image in chunk.images} == {"not found"}


def test_a_server_that_asks_for_patience_has_not_died(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(*_: object) -> bytes:
        raise Unreachable("the server answers 503", passes=True, status=503)

    chunks = fetched(monkeypatch, whole, addresses(300))
    reasons = {str(image) for chunk in chunks for image in chunk.images}
    assert reasons == {"the server answers 503"}


def test_whatever_else_goes_wrong_with_one_is_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(location: Location, most: int) -> bytes:
        del most
        raise LookupError(f"no {str(location).replace('//', '//me:pw@')}")

    (chunk,) = fetched(monkeypatch, whole, addresses(1))
    assert str(chunk.images[0]) == "LookupError: no s3://me@b/0"


def test_a_missing_extra_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(*_: object) -> bytes:
        raise MissingExtra("s3://", "s3fs", "cloud")

    with pytest.raises(MissingExtra):
        fetched(monkeypatch, whole, addresses(300))


def test_whoever_stops_early_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(location: Location, most: int) -> bytes:
        time.sleep(0.3 if str(location).endswith("/0") else 0)
        return bytes(min(most + 1, 50))

    monkeypatch.setattr(fetching, "whole", whole)
    monkeypatch.setattr(fetching, "LARGE", 10)  # so that threads wait for their turn
    chunks = at_hand(chunked(addresses(1000), 1), 60)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert soon(lambda: not any(each.name.startswith("fetch") for each in threading.enumerate()))
