"""What is an address is known by its scheme, and none is shown with a secret in it."""

import pickle
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.location import located
from tinydigits.remote.failures import scrubbed
from tinydigits.remote.location import LONGEST, Location, place_of, redacted, redacted_in


@pytest.mark.parametrize(
    ("name", "remote"),
    [
        ("s3://bucket/a", True),
        ("S3A://bucket", True),
        ("gs://bucket/a", True),
        ("https://host/a.png?b=c", True),
        ("abfs://box@account.example/a", True),
        ("simplecache+x://a", True),
        ("simplecache::https://a/b", True),
        ("file:///a.png", False),
        ("local:///a.png", False),
        ("C://a.png", False),
        ("C:\\a.png", False),
        ("/tmp/s3://a.png", False),
        ("a.png", False),
        ("://a", False),
        ("", False),
    ],
)
def test_an_address_has_a_scheme_that_is_not_of_local_files(name: str, remote: bool) -> None:
    assert isinstance(place_of(name), Location) is remote
    assert (Location.parse(name) is None) is not remote


def test_schemes_are_in_small_letters() -> None:
    assert located("HTTPS://Host").scheme == "https"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/a.png?X-Amz-Signature=abc#d", "https://host/a.png"),
        ("https://host/a.png#token=abc", "https://host/a.png"),
        ("https://host/a b.png?sig=1 2\n3", "https://host/a b.png"),
        ("http://me:secret@host:80/a.png", "http://host:80/a.png"),
        ("HTTPS://token@host/@me/a.png", "HTTPS://host/@me/a.png"),
        ("ftp://me:secret@host/a.png", "ftp://me@host/a.png"),
        ("abfs://box@account.example/a.png", "abfs://box@account.example/a.png"),
        ("s3://bucket/a?b#c.png", "s3://bucket/a?b#c.png"),
        ("s3://KEY:ab/cd@bucket/x", "s3://KEY@bucket/x"),
        ("s3://bucket/a:b@c.png", "s3://bucket/a:b@c.png"),
        ("s3://bucket/a::b.png", "s3://bucket/a::b.png"),
        ("s3://arn:aws:s3:a:1:accesspoint/b/c@2.png", "s3://arn:aws:s3:a:1:accesspoint/b/c@2.png"),
        ("zip://a.png::https://me:pw@host/a.zip?sig=1", "zip://a.png::https://host/a.zip"),
        ("simplecache::https://me:pw@host/a.png?sig=1", "simplecache::https://host/a.png"),
        ("zip://a::simplecache::ftp://me:pw@host/a", "zip://a::simplecache::ftp://me@host/a"),
        ("https://host/a?b=::c", "https://host/a"),
        ("a://b?c", "a://b?c"),
        ("http://localhost:8000/img/a@2x.png", "http://localhost:8000/img/a@2x.png"),
        ("http://[::1]:8000/@me/a.png", "http://[::1]:8000/@me/a.png"),
        ("https://me:p@ss/word@h.example/a.png", "https://h.example/a.png"),
        ("https://me:1/2@h.example/a.png", "https://h.example/a.png"),
        ("https://me:a?b/c@h.example/a.png", "https://…"),
        ("s3://bucket/a.png?X-Amz-Signature=abc", "s3://bucket/a.png"),
        ("https://a.b/c/https://me:pw@host/a?sig=1", "https://a.b/c/https://host/a"),
        ("dir/a?b.png", "dir/a?b.png"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(address: str, shown: str) -> None:
    place = place_of(address)
    assert str(place) == f"{place}" == shown
    assert shown in repr(place)
    if not {" ", "?"} & set(shown):
        assert redacted_in(f"of {address.partition(' ')[0]} and") == f"of {shown} and"


junk = st.text("/?#:%&=+-a1.@ ", max_size=6)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["", "\ufeff", " ", "\t", "'", '"', "see ", "(", "dir/", "https://a.b/c/"]),
    st.sampled_from(["https:/", "HTTP://", "https:", "s3:/", "s3://", "ftp://", "sftp://"]),
    st.sampled_from(["me:", "KEY:", ":"]),
    st.tuples(junk, junk).filter(lambda both: not both[1].startswith("://")),
    st.sampled_from(
        ["h.example/a.png", "h.example:80/@me/a@2x.png", "localhost/", "[::1]:80/a.png"]
    ),
    junk,
)
def test_no_credential_is_shown_wherever_its_address_begins(
    before: str, scheme: str, user: str, around: tuple[str, str], server: str, query: str
) -> None:
    password = around[0] + "SESAME" + around[1]
    name = f"{before}{scheme}{user}{password}@{server}?{query}&signature=SECRET"
    for text in (redacted(name), str(place_of(name)) if not before and "//" in scheme else ""):
        assert not any(secret in text for secret in ("SESAME", "SECRET")), text
    if " " not in name.removeprefix(before):
        said = redacted_in(f"error: {name}: No such file")
        assert not any(secret in said for secret in ("SESAME", "SECRET")), said
        assert said.endswith("No such file")


@pytest.mark.parametrize(
    "text", ["a", "https:", "::a", "s3:/", "x://a:b@c??", "@a.b", "://", "https://me:/@"]
)
def test_a_name_of_any_length_is_redacted_at_once(text: str) -> None:
    began = time.process_time()
    assert len(redacted(text * 200_000 + "://")) <= 2 * LONGEST
    redacted_in(text * 200_000)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("https://me:pw@host:80/a?b", "me:pw@host:80"),
        ("https://[bad/a.png", "[bad"),
        ("nix://a]b/c", "a]b"),
        ("https://ex℀mple.com?a", "ex℀mple.com"),
    ],
)
def test_every_address_has_a_server_however_odd(address: str, server: str) -> None:
    assert located(address).secret_server == server
    assert located(address).server == server.removeprefix("me:pw@")


def test_a_location_is_the_same_after_it_was_sent() -> None:
    location = located("https://me:pw@host/a.png?sig=1")
    sent = pickle.loads(pickle.dumps(location))
    assert (sent, hash(sent)) == (location, hash(location))
    assert sent.secret_url == "https://me:pw@host/a.png?sig=1"
    assert sent != located("https://host/a.png")


def test_what_is_below_a_location_keeps_its_secret() -> None:
    below = located("ftp://me:pw@host/a/").below("/b c.png")
    assert below.secret_url == "ftp://me:pw@host/a/b c.png"
    assert str(below) == "ftp://me@host/a/b c.png"


def test_messages_are_one_short_line_without_addresses_and_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_SECRET_KEY", "abracadabra")
    monkeypatch.setenv("SHORT_KEY", "not")
    said = scrubbed("cannot\nsign abracadabra for https://me:pw@host/a?sig=1, but not ftp://a:b@c")
    assert said == "cannot sign … for https://host/a but not ftp://a@c"
    assert scrubbed("netloc 'me:pw@ex℀mple.com' is none") == "netloc '…@ex℀mple.com' is none"
    assert len(scrubbed("x" * 1000)) == 200
