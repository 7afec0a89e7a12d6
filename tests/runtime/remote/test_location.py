"""What is an address is known by its scheme, and none is shown with a secret in it."""

import pickle

import pytest

from tests.support.location import located
from tinydigits.remote.failures import scrubbed
from tinydigits.remote.location import Location, place_of, redacted_in


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
        ("dir/a?b.png", "dir/a?b.png"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(address: str, shown: str) -> None:
    place = place_of(address)
    assert str(place) == f"{place}" == shown
    assert shown in repr(place)
    if not {" ", "?"} & set(shown):
        assert redacted_in(f"of {address.partition(' ')[0]} and") == f"of {shown} and"


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
