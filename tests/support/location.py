"""Addresses for tests: what is listed and fetched there, by their text."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tinydigits.items import Skipped
from tinydigits.remote import client, file
from tinydigits.remote.listing import listed_remote
from tinydigits.remote.location import Location


@contextmanager
def reaching(environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """Lead this process to a store by `environment`, and forget the clients of other stores, which
    are kept in two places. Skips the test without the extra cloud.
    """
    s3fs = pytest.importorskip("s3fs", reason="object storage needs the extra cloud")
    from fsspec.config import conf

    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        patch.setitem(conf, "gs", {"token": "anon"})
        patch.setattr(client, "_clients", {})
        patch.setattr(client, "FIRST_PAUSE", 0.01)
        yield
    s3fs.S3FileSystem.clear_instance_cache()


def located(url: str) -> Location:
    """Return the Location of an address."""
    location = Location.parse(url)
    assert location is not None
    return location


def listed(url: str, skipped: Skipped | None = None) -> list[str]:
    """Return the whole addresses of the pictures at an address."""
    return [location.secret_url for location in listed_remote(located(url), skipped)]


def fetched(url: str, max_bytes: int) -> bytes:
    """Return what is at an address."""
    return file.fetched(located(url), max_bytes)
