"""What is an address is known by its scheme, and none is shown with a secret in it."""

import pytest

from tinydigits.addresses import is_remote, redacted, scheme_of
from tinydigits.remote_errors import scrubbed


@pytest.mark.parametrize(
    ("name", "remote"),
    [
        ("s3://bucket/a", True),
        ("S3A://bucket", True),
        ("gs://bucket/a", True),
        ("https://host/a.png?b=c", True),
        ("abfs://box@account.example/a", True),
        ("simplecache+x://a", True),
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
    assert is_remote(name) is remote


def test_schemes_are_in_small_letters() -> None:
    assert scheme_of("HTTPS://Host") == "https"
    assert scheme_of("a.png") == ""


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
        ("a://b?c", "a://b?c"),
        ("dir/a?b.png", "dir/a?b.png"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(address: str, shown: str) -> None:
    assert redacted(address) == shown


def test_messages_are_one_short_line_without_addresses_and_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_SECRET_KEY", "abracadabra")
    monkeypatch.setenv("SHORT_KEY", "not")
    said = scrubbed("cannot\nsign abracadabra for https://me:pw@host/a?sig=1, but not ftp://a:b@c")
    assert said == "cannot sign … for https://host/a but not ftp://a@c"
    assert len(scrubbed("x" * 1000)) == 200
