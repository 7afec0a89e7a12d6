"""Addresses, such as s3://bucket/scans: names that begin with a scheme.

An address may hold a credential: a password, a signature, a token. So a Location shows itself
without them, and the whole address is an attribute that has to be asked for by name.
"""

import re
from dataclasses import dataclass, field

# Compiled when they are needed: nearly every run does without.
# A scheme of one letter is a drive. fsspec's chains may begin with simplecache::https://.
_ADDRESS = r"([A-Za-z][A-Za-z0-9+.-]+)(?:://([^/?#]*)|::(?=[A-Za-z][\w+.-]*(?:::|://)))"
_CHAIN = (
    r"::(?=(?:[A-Za-z][\w+.-]{0,30}::){0,3}[A-Za-z][\w+.-]{0,30}://)"  # zip://a::https://host/b
)
# An address in a text. One slash, or three, are a slip; so a web address needs none.
_SCHEME = r"https?:[/\\]*|(?:ftps?|s3a?|gs|gcs):/+|[a-z][\w+.-]{1,30}://+"
_PORT = r":[0-9]{1,5}(?:/|\Z)"
# A server after a login: a name with a dot in it or a port behind it, localhost, or IPv6.
_HOST = r"@(?:[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:[0-9])|localhost|\[[^]]*\])(?::[0-9]+)?[/?#]"
LONGEST = 8192  # letters of a name with an address in it that are shown
_SIGNED = "(?:sig|signature|token|secret|password|credential)="


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
        return cls(name, redacted(name), scheme, match[2] or "")

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
    """Return a text with every address in it redacted. An address ends at a blank."""
    return re.sub(rf"(?:{_SCHEME})\S*", lambda match: redacted(match[0]), text, flags=re.IGNORECASE)


def redacted(name: str) -> str:
    """Return a name without the credentials of the address in it, which ends where the name does.

    What may belong to a password is left out: one may hold any character, also those that would
    end it. No more than LONGEST letters are returned.
    """
    done = ""
    name = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    while found := re.search(_SCHEME, name, re.IGNORECASE):
        head, rest, tail = name[: found.end()], name[found.end() :], ""
        scheme = found[0].partition(":")[0].lower()
        is_web = scheme.endswith(("http", "https"))  # in \ufeffhttps:// too, which repr() makes
        if not is_web and (chain := re.search(_CHAIN, rest)):
            rest, tail = rest[: chain.start()], rest[chain.start() :]
        user, rest = _without_login(rest, scheme, is_web)
        rest += tail
        end = re.search(f"[?#]|{_SCHEME}" if is_web else _SCHEME, rest, re.IGNORECASE)
        own, name = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
        if is_web:
            name = "" if name.startswith(("?", "#")) else name
        else:
            head += f"{user}@" if user is not None else ""
            signed = re.search(_SIGNED, own, re.IGNORECASE)
            own = re.split("[?&#]", own[: signed.start()])[0] if signed else own
        done += head + own
    return done + name


def _without_login(rest: str, scheme: str, is_web: bool) -> tuple[str | None, str]:
    """Return the user, None where there is no login, and what follows the login."""
    # Some keys hold a slash. No bucket holds a colon, but those that Amazon names in full.
    is_store = scheme in ("s3", "s3a", "gs", "gcs")
    if is_store and rest.startswith("arn:"):
        return None, rest
    end = len(re.split("[/?#]", rest, maxsplit=1)[0])  # of the server
    query = len(re.split("[?#]", rest, maxsplit=1)[0])
    brackets = rest.find("]", 0, end) if rest.startswith("[") else 0  # of IPv6
    colon = rest.find(":", max(brackets, 0), end)
    at, last = rest.rfind("@", 0, end), rest.rfind("@")
    if colon >= 0 and not 0 <= at < colon:
        # A slash or ? in the password ends what looks like the server; so no port follows there.
        is_cut = last > query if at >= 0 else not re.match(_PORT, rest[colon:])
        if is_store or is_cut or re.search(_HOST, rest[end:]):
            if is_web and last > query:
                return None, "…"  # which @ ends the password cannot be told
            at = last
    if at < 0:
        return None, rest
    return rest[: colon if 0 <= colon < at else at], rest[at + 1 :]
