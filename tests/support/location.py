"""Addresses for tests: what is listed and fetched there, by their text."""

from tinydigits.items import Skipped
from tinydigits.remote import file
from tinydigits.remote.listing import listed_remote
from tinydigits.remote.location import Location


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
