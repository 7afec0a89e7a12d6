"""Objects in a store are listed as folders are walked, and fetched whole, or it is said why not:
what may pass is tried again, and nothing else.
"""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from tests.support.location import fetched, listed, located, reaching
from tests.support.s3_server import S3, Fault, s3_server
from tinydigits.errors import ImageError, SourceError
from tinydigits.items import Skipped
from tinydigits.remote import client as remote_clients
from tinydigits.remote import listing as remote
from tinydigits.remote.client import TRIES, client_of, persistent
from tinydigits.remote.failures import Unreachable, explained

pytestmark = pytest.mark.network

OBJECTS = {
    **{f"scans/{name}": name.encode() for name in ("10.png", "9.PNG", "1.jpg", "note.txt")},
    **{f"scans/{name}": b"" for name in (".hidden.png", ".hidden/1.png", "sub/", "9.png/1.png")},
    "scans/sub/2.png": b"two",
    "scans/sub//3.png": b"three",
    "scans/sub/ü ?#%+.png": "ü".encode(),
    "scans-2/1.png": b"another",
    "both": b"an object",
    "both/1.png": b"and a prefix",
    "plain": b"",
}


def faults(path: str, time_: int) -> Fault | None:
    """By what a path is called: KIND-N/… has that fault the first N times."""
    found = re.match(r"/faults/(\w+)-(\d+)/", path)
    if found is None or time_ >= int(found[2]):
        return None
    return cast(Fault, found[1].replace("_", " "))


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    kinds = [
        f"{kind}-{times}" for kind in ("500", "slow_down", "reset", "cut") for times in (7, 99)
    ]
    kinds += ["stall-1", "forbidden-99"]
    objects = {f"{kind}/1.png": b"0123456789" for kind in kinds}
    with (
        s3_server(faults) as server,
        reaching(server.environment),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(remote_clients, "STALL", 2)
        server.put("scans", OBJECTS)
        server.put("faults", objects)
        server.put("empty", {})
        server.put("many", {f"{number}.png": b"" for number in range(2100)})
        yield server


@pytest.fixture(autouse=True)
def _nothing_asked_yet(s3: S3) -> None:
    s3.asked.clear()


def test_a_prefix_is_walked_as_a_folder_is() -> None:
    skipped = Skipped()
    assert listed("s3://scans/scans", skipped) == [
        "s3://scans/scans/1.jpg",
        "s3://scans/scans/9.PNG",
        "s3://scans/scans/9.png/1.png",
        "s3://scans/scans/10.png",
        "s3://scans/scans/sub//3.png",
        "s3://scans/scans/sub/2.png",
        "s3://scans/scans/sub/ü ?#%+.png",
    ]
    assert (skipped["hidden"], skipped["other file"]) == (2, 1)
    assert listed("S3a://scans/scans-2/") == ["S3a://scans/scans-2/1.png"]
    whole = listed("s3://scans")
    assert whole == listed("s3://scans/")
    assert len(whole) == 9


def test_an_object_is_named_by_itself_whatever_its_ending() -> None:
    assert listed("s3://scans/both") == ["s3://scans/both"]
    assert listed("s3://scans/both/") == ["s3://scans/both/1.png"]
    assert listed("s3://scans/plain") == ["s3://scans/plain"]


def test_pages_come_one_after_the_other_and_natural_order_is_of_all(s3: S3) -> None:
    assert listed("s3://many") == [f"s3://many/{each}.png" for each in range(2100)]
    assert s3.asked["GET /many"] == 3


def test_only_the_first_answer_has_to_come_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def persistent(scheme: str, call: Callable[[float], object], until: float | None) -> object:
        given.append(until is not None)
        return remote_clients.persistent(scheme, call, until)

    monkeypatch.setattr(remote, "persistent", persistent)
    assert len(listed("s3://many")) == 2100
    assert given == [True, False, False]


def test_what_was_listed_can_be_fetched() -> None:
    for url in listed("s3://scans/scans/"):
        assert fetched(url, 10) == OBJECTS[url.removeprefix("s3://scans/")]
    assert fetched("S3://scans/both", 10) == b"an object"


def test_no_more_is_fetched_than_is_allowed() -> None:
    assert fetched("s3://scans/both", 9) == b"an object"
    with pytest.raises(ImageError, match="more than the limit of 8 bytes"):
        fetched("s3://scans/both", 8)


@pytest.mark.parametrize("kind", ["500", "slow_down", "reset", "cut"])
def test_what_may_pass_is_tried_again(kind: str, s3: S3) -> None:
    assert fetched(f"s3://faults/{kind}-7/1.png", 99) == b"0123456789"
    with pytest.raises(ImageError, match=r"answers 50[03]|connection failed|cut short"):
        fetched(f"s3://faults/{kind}-99/1.png", 99)
    # aiohttp, which cannot be told otherwise, at once asks again where a connection is gone.
    times = 2 if kind == "reset" else 1
    assert s3.asked[f"GET /faults/{kind}-99/1.png"] == times * TRIES


def test_a_server_is_given_time_to_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(seconds: float) -> None:
        del seconds
        raise ConnectionResetError

    pauses: list[float] = []
    monkeypatch.setattr(remote_clients, "FIRST_PAUSE", 0.25)
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(Unreachable):
        persistent("s3", refused)
    assert len(pauses) == TRIES - 1
    assert 11.8 <= sum(pauses) <= 23.8


def test_a_read_that_stalls_is_given_up_and_tried_again() -> None:
    began = time.monotonic()
    assert fetched("s3://faults/stall-1/1.png", 99) == b"0123456789"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://faults/forbidden-99/1.png", r"no permission \(AccessDenied\)"),
        ("s3://scans/none.png", "not found"),
        ("s3://no-such-bucket/1.png", "no such bucket"),
    ],
)
def test_what_will_not_pass_is_asked_for_once(url: str, why: str, s3: S3) -> None:
    with pytest.raises(ImageError, match=f"^{why}$"):
        fetched(url, 99)
    assert s3.asked[f"GET /{url[5:]}"] == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://no-such-bucket/a", "no such bucket; check the name"),
        ("s3://empty", "nothing is there; check the name"),
        ("s3://scans/scan", "nothing is there; check the name"),
        ("s3://scans/none/", "nothing is there; check the name"),
        ("s3:///", "names no bucket"),
        ("s3://Not A Bucket/a", "Invalid bucket name"),
        ("nix://a/b", "no scheme nix:// is known"),
        ("abfs://a/b", "adlfs"),
        ("http://host/folder/", "web servers list no folders"),
        ("https://[bad/a.png", "Invalid"),
        ("s3://[x/a.png", "Invalid bucket name"),
        ("nix://a]b/c", "no scheme nix:// is known"),
        ("ftp://ex℀mple.com/a", "invalid characters"),
    ],
)
def test_a_listing_says_what_is_wrong(url: str, why: str) -> None:
    with pytest.raises(SourceError, match=why) as raised:
        listed(url)
    assert str(raised.value).startswith(f"{url}: ")


def test_without_credentials_it_is_said_where_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    said = "no credentials were found that hold; set AWS_PROFILE"
    with reaching(), pytest.raises(SourceError, match=said):
        listed("s3://scans/scans")


@pytest.mark.parametrize(("error", "openings"), [(TimeoutError(), 2), (ValueError(), 1)])
def test_what_may_pass_closes_a_store_for_a_while(
    error: Exception, openings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def failing(*_: object) -> None:
        opened.append(1)
        raise error

    monkeypatch.setattr(remote_clients, "_clients", {})
    monkeypatch.setattr(remote_clients, "_opened", failing)
    for closed in (60, 0):
        monkeypatch.setattr(remote_clients, "CLOSED", closed)
        monkeypatch.setattr(remote_clients, "_clients", {})
        opened.clear()
        for _ in range(2):
            with pytest.raises(Unreachable):
                client_of(located("s3://a/b"))
        assert len(opened) == (1 if closed else openings)


@pytest.mark.parametrize(
    ("code", "passes", "status"),
    [("RequestTimeout", True, 400), ("ExpiredToken", False, 403), ("InvalidURI", False, 400)],
)
def test_what_a_bad_request_means_is_in_its_code(code: str, passes: bool, status: int) -> None:
    said = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    failure = explained(type("ClientError", (Exception,), {"response": said})())
    assert (failure.passes, failure.status) == (passes, status)
    assert code in str(failure)


def test_a_status_of_any_length_is_explained() -> None:
    error = type("HttpError", (Exception,), {})()
    error.code = "9" * 5000
    assert explained(error).status is None


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_a_server_that_is_silent_is_given_up(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes connections and says nothing
        host = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}")
        monkeypatch.setattr("tinydigits.remote.listing.FIRST_ANSWER", 1.5)
        url = "s3://scans/scans" if scheme == "s3" else f"http://{host}/1.png"
        began = time.monotonic()
        said = "no answer in time; check the address"
        with reaching(), pytest.raises(SourceError, match=said):
            listed(url)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("missing", ["fsspec", "s3fs"])
def test_the_extra_that_is_missing_is_named(missing: str) -> None:
    code = f"""import sys; sys.modules["{missing}"] = None
from tinydigits.remote.file import fetched
from tinydigits.remote.location import Location
fetched(Location.parse("s3://scans/both"), 9)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    named = f's3:// needs {missing}: pip install "tinydigits[cloud]"'
    assert done.stderr.splitlines()[-1] == f"tinydigits.errors.MissingExtra: {named}"
