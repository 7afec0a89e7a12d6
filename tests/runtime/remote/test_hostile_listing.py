"""A listing that has no end, or is none, ends a run with a sentence, and never with a traceback."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.support.commands import COMMAND
from tests.support.location import listed, reaching
from tests.support.store_server import Answering, store_server
from tinydigits.errors import SourceError
from tinydigits.remote import listing

pytestmark = pytest.mark.network

NONE = "the server's answer is no listing of objects; check the address"


def s3(content: str) -> bytes:
    """Return an answer of S3 with this content."""
    return f"<ListBucketResult>{content}</ListBucketResult>".encode()


def of(*keys: str) -> str:
    return "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)


def more(token: object) -> str:
    return f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"


@contextmanager
def answering(answer: Answering) -> Iterator[None]:
    """A server that this process takes for S3 and for Google."""
    with store_server(answer) as environment, reaching(environment):
        yield


def endless(google: bool, token: str | None = None, keys: int = 1) -> Answering:
    """A store that always has one more page, with `keys` new names on it."""
    numbers = count()

    def page(path: str, query: dict[str, str]) -> bytes:
        del query
        number = next(numbers)
        names = [f"{number}-{key}.png" for key in range(keys)]
        following = token or str(number)
        if not google:
            return s3(of(*names) + more(following))
        if not path.endswith("/o"):
            return json.dumps({"kind": "storage#bucket", "name": "b"}).encode()
        return json.dumps(
            {"items": [{"name": n} for n in names], "nextPageToken": following}
        ).encode()

    return page


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_listing_without_end_is_given_up(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    google = scheme == "gs"
    monkeypatch.setattr(listing, "PAGES", 20)
    for store in (endless(google), endless(google, keys=0)):
        with answering(store), pytest.raises(SourceError, match=r"no end, or too many names"):
            listed(f"{scheme}://b/")
    with answering(endless(google, "again")), pytest.raises(SourceError, match="again and again"):
        listed(f"{scheme}://b/")
    monkeypatch.setattr(listing, "HELD", 1 << 16)
    with (
        answering(endless(google, keys=500)),
        pytest.raises(SourceError, match="name prefixes that"),
    ):
        listed(f"{scheme}://b/")


def test_prefixes_below_prefixes_without_end_are_given_up() -> None:
    def deeper(path: str, query: dict[str, str]) -> bytes:
        del path
        prefix = f"{query.get('prefix', '')}{'a' * 99}/"
        return s3(f"<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>")

    with answering(deeper), pytest.raises(SourceError, match=NONE):
        listed("s3://b/")


def test_a_command_ends_with_status_2_and_writes_nothing(tmp_path: Path) -> None:
    stores = (endless(False, "again"), lambda *_: s3("<Contents><Size>1</Size></Contents>"))
    for store, said in zip(stores, ("its listing has no end", NONE), strict=True):
        url = "s3://b/" if said != NONE else "s3://b/a/"
        with store_server(store) as environment:
            done = subprocess.run(
                [COMMAND, "classify", url, "-o", "rows.csv"],
                cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {url}: ")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        "<Contents><Size>1</Size></Contents>",
        "<CommonPrefixes></CommonPrefixes>",
        of("other/a.png"),  # not below the prefix
        of("a/" + "9" * 5000 + ".png"),  # longer than any key
        "<IsTruncated>true</IsTruncated>",  # without a token
    ],
)
def test_an_answer_of_s3_that_is_no_listing_is_said(content: str) -> None:
    with answering(lambda *_: s3(content)), pytest.raises(SourceError, match=NONE):
        listed("s3://b/a/")


@pytest.mark.parametrize("body", [b"", b"<", b"<a/>", b"\xff\xfe", b"<html><p>Welcome</html>"])
def test_what_is_not_even_an_answer_of_s3_is_said(body: bytes) -> None:
    with answering(lambda *_: body), pytest.raises(SourceError, match=r"^s3://b/a/: "):
        listed("s3://b/a/")


@pytest.mark.parametrize(
    "body",
    [
        *("", "<html>", "[]", "7", '{"items": 7}', '{"items": [{}]}', '{"items": [7]}'),
        *('{"items": [{"name": 7}]}', '{"prefixes": [null]}', '{"prefixes": 7}'),
        *('{"items": [{"name": "b.png"}]}', '{"items": [{"name": "a/\\ud800.png"}]}'),
        '{"prefixes": ["a/' + "9" * 5000 + '/"]}',
    ],
)
def test_an_answer_of_google_that_is_no_listing_is_said(body: str) -> None:
    def answer(path: str, query: dict[str, str]) -> bytes:
        if query.get("maxResults") == "1000":
            return body.encode()
        # The question whether `a` is an object is answered as for a prefix.
        found = {"prefixes": ["a/"], "items": [{"name": "a/1.png", "size": "1"}]}
        return json.dumps(found if path.endswith("/o") else {"name": "a/"}).encode()

    with answering(answer), pytest.raises(SourceError, match=NONE):
        listed("gs://b/a/")


def test_a_key_of_many_digits_is_in_order() -> None:
    keys = [f"{'0' * zeros}{digit * 900}.png" for zeros, digit in ((90, "1"), (0, "2"), (9, "3"))]
    with answering(lambda *_: s3(of(*reversed(keys), "7.png"))):
        assert listed("s3://b") == [f"s3://b/{key}" for key in ("7.png", *keys)]
