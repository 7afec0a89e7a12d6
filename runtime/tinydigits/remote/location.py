"""Addresses, such as s3://bucket/scans: names that begin with a scheme.

An address may hold a credential: a password, a signature, a token. So a Location shows itself
without them, and the whole address is an attribute that has to be asked for by name.
"""

import re
from dataclasses import dataclass, field

# Compiled when they are needed: nearly every run does without.
# A scheme of one letter is a drive. fsspec's chains may begin with simplecache::https://.
_ADDRESS = r"([A-Za-z][A-Za-z0-9+.-]+)(?:://([^/?#]*)|::(?=[A-Za-z][\w+.-]*(?:::|://)))"
_WEB = r"(?is)(https?://)(?:[^/?#]*@)?([^?#]*).*"
_USER = r"\A([A-Za-z][\w+.-]*://[^:/?#]*):[^/?#]*@"
# Some keys hold a slash. No bucket holds a colon, but those that Amazon names in full.
_KEYS = r"(?is)\A((?:s3a?|gs|gcs)://(?!arn:)[^/:]*):.*@"
_CHAIN = r"::(?=[A-Za-z][\w+.-]*(?:::|://))"  # fsspec's: zip://a.png::https://host/a.zip
_IN_TEXT = r"[A-Za-z][\w+.-]*://\S*"


@dataclass(frozen=True, slots=True, repr=False)
class Location:
    """An address, parsed once. `str()` and `repr()` leave out what may be a credential."""

    secret_url: str
    """The whole address, which may hold a credential: for a store's client, never to be shown."""

    shown: str = field(compare=False)
    """The address without its user's password; on the web, without user, query and fragment."""

    scheme: str = field(compare=False)
    """In small letters."""

    secret_server: str = field(compare=False)
    """All between the scheme and the path: user, password, host, port. It may be empty."""

    @classmethod
    def parse(cls, name: str) -> "Location | None":
        """Return the Location of an address; None for the name of a file, which `file://` and
        `local://` begin as well.
        """
        match = re.match(_ADDRESS, name) if "://" in name else None
        if match is None or (scheme := match[1].lower()) in ("file", "local"):
            return None
        return cls(name, _redacted(name), scheme, match[2] or "")

    @property
    def server(self) -> str:
        """Host and port."""
        return self.secret_server.rpartition("@")[2]

    def below(self, path: str) -> "Location":
        """Return the Location of `path`, which begins with a slash, below this one."""
        below = Location.parse(self.secret_url.rstrip("/") + path)
        assert below is not None
        return below

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Location({self.shown!r})"


Place = str | Location
"""The place of an input: the name of a file or folder of this machine, or an address."""


def place_of(name: Place) -> Place:
    """Return the Location that a name is, or the name itself where it is no address. `str()` of
    either may be shown.
    """
    return Location.parse(name) or name if isinstance(name, str) else name


def redacted_in(text: str) -> str:
    """Return a text with every address in it redacted."""
    return re.sub(_IN_TEXT, lambda match: _redacted(match[0]), text)


def _redacted(address: str) -> str:
    if web := re.fullmatch(_WEB, address):
        return web[1] + web[2]
    first, *others = re.split(_CHAIN, address, maxsplit=1)
    first = re.sub(_USER, r"\1@", re.sub(_KEYS, r"\1@", first))
    return "::".join([first, *map(_redacted, others)])
