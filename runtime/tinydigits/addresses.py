"""Addresses: names that begin with a scheme, as s3://bucket/scans, and how they may be shown."""

import re

# Compiled when they are needed: nearly every run does without.
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]+)://"  # one letter is a drive
_WHOLE = r"(?P<scheme>[A-Za-z][\w+.-]*)://(?P<user>[^/?#]*@)?(?P<path>[^?#]*)(?s:.*)"
_IN_TEXT = r"(?P<scheme>[A-Za-z][\w+.-]*)://(?P<user>[^\s/?#]*@)?(?P<path>[^\s?#]*)\S*"


def scheme_of(name: str) -> str:
    """Of an address, in small letters; empty for other names."""
    match = re.match(_SCHEME, name) if "://" in name else None
    return match[1].lower() if match else ""


def is_remote(name: str) -> bool:
    """Whether a name is an address, of whatever scheme but that of local files."""
    return scheme_of(name) not in ("", "file", "local")


def redacted(name: str) -> str:
    """A name as it may be shown: an address without its user's password, and one of the web
    without user, query and fragment, where signatures are; others as they are.
    """
    match = re.match(_WHOLE, name) if "://" in name else None
    return _without_secrets(match) if match else name


def redacted_in(text: str) -> str:
    """A text with every address in it redacted."""
    return re.sub(_IN_TEXT, _without_secrets, text)


def _without_secrets(match: re.Match[str]) -> str:
    scheme, user, path = match["scheme"], match["user"] or "", match["path"]
    if scheme.lower() in ("http", "https"):
        return f"{scheme}://{path}"
    name, colon, _ = user.partition(":")
    rest = match[0][match.start("path") - match.start() :]
    return f"{scheme}://{name}@{rest}" if colon else match[0]
