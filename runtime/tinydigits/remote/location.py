"""Addresses: names that begin with a scheme, as s3://bucket/scans, and how they may be shown."""

import re

# Compiled when they are needed: nearly every run does without.
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]+)://"  # one letter is a drive
_SERVER = r"[A-Za-z][\w+.-]*://([^/?#]*)"
_WEB = r"(?is)(https?://)(?:[^/?#]*@)?([^?#]*).*"
_USER = r"\A([A-Za-z][\w+.-]*://[^:/?#]*):[^/?#]*@"
# Of keys some hold a slash. No bucket holds a colon, but those that Amazon names in full.
_KEYS = r"(?is)\A((?:s3a?|gs|gcs)://(?!arn:)[^/:]*):.*@"
_CHAIN = r"::(?=[A-Za-z][\w+.-]*(?:::|://))"  # fsspec's: zip://a.png::https://host/a.zip
_IN_TEXT = r"[A-Za-z][\w+.-]*://\S*"


def scheme_of(name: str) -> str:
    """Of an address, in small letters; empty for other names."""
    match = re.match(_SCHEME, name) if "://" in name else None
    return match[1].lower() if match else ""


def is_remote(name: str) -> bool:
    """Whether a name is an address, of whatever scheme but that of local files."""
    return scheme_of(name) not in ("", "file", "local")


def server_of(name: str) -> str:
    """What an address has between its scheme and its path, whatever that is: user, host, port."""
    match = re.match(_SERVER, name)
    return match[1] if match else ""


def redacted(name: str) -> str:
    """A name as it may be shown: an address without its user's password, and one of the web
    without user, query and fragment, where signatures are; others as they are.
    """
    if "://" not in name:
        return name
    if web := re.fullmatch(_WEB, name):
        return web[1] + web[2]
    first, *others = re.split(_CHAIN, name, maxsplit=1)
    first = re.sub(_USER, r"\1@", re.sub(_KEYS, r"\1@", first))
    return "::".join([first, *map(redacted, others)])


def redacted_in(text: str) -> str:
    """A text with every address in it redacted."""
    return re.sub(_IN_TEXT, lambda match: redacted(match[0]), text)
