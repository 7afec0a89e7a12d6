"""Listing: the pictures at an address, in object stores and on web servers, through fsspec (extra
`cloud`).

A failure that may pass is tried again, with longer and longer pauses; any other is reported at
once. Credentials come from where the store's own tools take them: the environment, profiles, the
machine's role.
"""

import time
from collections.abc import Callable, Iterator
from json import JSONDecodeError
from sys import getsizeof
from typing import Any, TypeVar

from tinydigits.errors import SourceError
from tinydigits.items import Skipped
from tinydigits.names import HIDDEN, is_hidden, kind_in_walk, natural_key, not_walked
from tinydigits.remote.client import GOOGLE, S3, WEB, ask, client_of, persistent
from tinydigits.remote.failures import Unreachable
from tinydigits.remote.file import path_in, web
from tinydigits.remote.location import Location

FIRST_ANSWER = 12  # s: after which a store that has not answered is reported
LISTING = 600  # s: the longest listing where pages are not asked for one by one
PAGES = 10_000  # the most that are asked for below one prefix; S3 and Google put 1,000 names on one
HELD = 384 << 20  # 384 MiB: the most that names below one prefix take; 1.7 million of 30 letters
TUPLE = 64  # bytes: what sorting takes for each name, beside two strings
KEY_BYTES = 1024  # the longest key that S3 and Google know

Answer = TypeVar("Answer")
_Page = tuple[list[str], str | None]
"""Whole keys of objects and prefixes, and the token of the page that follows; None for the last."""

_answering: set[str] = set()  # web servers that have answered


def listed_remote(location: Location, skipped: Skipped | None = None) -> Iterator[Location]:
    """Yield the pictures below a prefix, in the order of `folders.walked` and by their ending, one
    prefix's names in memory at a time; or `location` itself where it is that of one object. A web
    address is one picture: only whether its server answers is found out here.

    Raises SourceError where there is no such bucket or prefix, no permission or no answer, within
    30 seconds if that is so from the start; MissingExtra.
    """
    try:
        yield from _listed(location, Skipped() if skipped is None else skipped)
    except Unreachable as error:
        raise SourceError(f"{location}: {error}{_advice(location.scheme, error)}") from None


def _listed(location: Location, skipped: Skipped) -> Iterator[Location]:
    until, scheme = time.monotonic() + FIRST_ANSWER, location.scheme
    if scheme in WEB:
        _check_answers(location, until)
        yield location
        return
    client = client_of(location)
    root = path_in(client, location).rstrip("/")
    if not root and scheme in S3 + GOOGLE:
        raise SourceError(f"{location}: names no bucket")
    first = names_in(client, scheme, f"{root}/", until, location.secret_url.endswith("/"))
    if first is None:
        yield location
        return
    if not first:
        raise Unreachable("nothing is there", status=404)
    open_folders = [("/", iter(first))]  # below `root`
    while open_folders:
        folder, names = open_folders[-1]
        name = next(names, None)
        if name is None:
            open_folders.pop()
        elif is_hidden(name.removesuffix("/")):
            skipped[HIDDEN] += 1
        elif name.endswith("/"):
            below = names_in(client, scheme, root + folder + name, None, True)
            open_folders.append((folder + name, iter(below or ())))
        elif kind_in_walk(name) is not None:
            yield location.below(folder + name)
        else:
            skipped[not_walked(name)] += 1


def _check_answers(location: Location, until: float) -> None:
    """Raise Unreachable where a server does not answer. Its answer on one address does not matter
    here: it becomes that picture's row.
    """
    if str(location).endswith("/"):
        raise SourceError(f"{location}: web servers list no folders: name the pictures")
    server = location.server
    try:
        if server not in _answering:
            web(location, 0, 1, ranged=True, until=until)
    except Unreachable as error:
        if error.status is None or error.passes:
            raise
    _answering.add(server)


def names_in(
    client: Any, scheme: str, folder: str, until: float | None, is_folder: bool
) -> list[str] | None:
    """Return what is directly below a prefix, in natural order, with a slash behind the names of
    prefixes; None where it is the prefix of one object. `until` limits the first answer. Raises
    Unreachable.
    """
    path = folder.rstrip("/")
    bucket, _, key = path.partition("/")

    def is_file(seconds: float) -> bool:
        if scheme in S3:
            return key in _s3_page(client, seconds, bucket, key, None, MaxKeys=1)[0]
        about = ask(client, seconds, "info", path)
        # A console makes an object with a slash at the end for a folder.
        return about["type"] == "file" and not about["name"].endswith("/")

    def at_once(seconds: float) -> list[str]:
        names = []
        for each in ask(client, seconds, "ls", path, detail=True):
            found = each["name"].rstrip("/")
            slash = "/" if each["type"] == "directory" else ""
            names.append("" if found == path else found.rpartition("/")[2] + slash)
        return names

    asks = bool(key) and not is_folder if scheme in S3 else until is not None
    if asks and _answer(scheme, is_file, until) and not is_folder:
        return None
    if scheme in _PAGES:
        names = _names_by_page(client, scheme, folder, until)
    else:
        names = _answer(scheme, at_once, time.monotonic() + LISTING, LISTING)
    # The prefix itself is an object, without a name, where a console made it.
    return sorted(filter(None, names), key=lambda name: natural_key(name.removesuffix("/")))


def _answer(
    scheme: str, call: Callable[[float], Answer], until: float | None, *attempt: float
) -> Answer:
    """Return what `persistent` does. Raises Unreachable, for an answer that is no listing too."""

    def parsed(seconds: float) -> Answer:
        try:
            return call(seconds)
        except (AttributeError, KeyError, TypeError, JSONDecodeError, UnicodeError) as error:
            why = "the server's answer is no listing of objects; check the address"
            raise Unreachable(why) from error

    return persistent(scheme, parsed, until, *attempt)


def _names_by_page(client: Any, scheme: str, folder: str, until: float | None) -> list[str]:
    """Ask for one page after another: only a page that is not received has to be asked for again,
    and of a million objects only the names are held.
    """
    bucket, _, prefix = folder.partition("/")

    def page(token: str | None) -> _Page:
        def asked(seconds: float) -> _Page:
            keys, following = _PAGES[scheme](client, seconds, bucket, prefix, token)
            return [_below(prefix, key) for key in keys], following and str(following)

        return _answer(scheme, asked, until if token is None else None)

    names, held, tokens, token = list[str](), 0, set[str](), None
    while True:
        found, token = page(token)
        names += found
        if not token:
            return names
        held += sum(2 * getsizeof(name) + TUPLE for name in found)  # with the keys of their order
        if token in tokens:
            why = "its listing has no end: the store gives one page again and again"
            raise Unreachable(why)
        if held > HELD or len(tokens) >= PAGES:
            why = (
                f"its listing has no end, or too many names: more than {HELD >> 20:,} MiB of them, "
                f"or {PAGES:,} pages, directly below one prefix; name prefixes that hold fewer"
            )
            raise Unreachable(why)
        tokens.add(token)


def _below(prefix: str, key: str) -> str:
    """Return what follows the prefix. Raises TypeError, UnicodeError for what is no such key."""
    if not key.startswith(prefix) or len(key.encode("utf-8", "surrogateescape")) > KEY_BYTES:
        raise TypeError
    return key[len(prefix) :]


def _s3_page(
    client: Any, seconds: float, bucket: str, prefix: str, token: str | None, **options: Any
) -> _Page:
    if token is not None:
        options["ContinuationToken"] = token
    wanted = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/", **options}
    answer = ask(client, seconds, "call_s3", "list_objects_v2", **wanted)
    keys = [each["Prefix"] for each in answer.get("CommonPrefixes", ())]
    keys += [each["Key"] for each in answer.get("Contents", ())]
    return keys, answer["NextContinuationToken"] if answer.get("IsTruncated") else None


def _google_page(client: Any, seconds: float, bucket: str, prefix: str, token: str | None) -> _Page:
    wanted = {"prefix": prefix, "delimiter": "/", "pageToken": token, "maxResults": 1000}
    answer = ask(client, seconds, "call", "GET", "b/{}/o", bucket, json_out=True, **wanted)
    keys = [*answer.get("prefixes", ()), *(each["name"] for each in answer.get("items", ()))]
    return keys, answer.get("nextPageToken")


_PAGES: dict[str, Callable[..., _Page]]
_PAGES = dict.fromkeys(S3, _s3_page) | dict.fromkeys(GOOGLE, _google_page)


def _advice(scheme: str, failure: Unreachable) -> str:
    """Return what to do about it, as the rest of a sentence."""
    if failure.passes:
        return "; check the address and the network"
    if failure.status == 404:
        return "; check the name"
    if failure.status != 403:
        return ""
    if scheme in S3:
        return (
            "; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or for what is "
            "public FSSPEC_S3_ANON=true"
        )
    if scheme in GOOGLE:
        return (
            "; log in with `gcloud auth application-default login`, or for what is public set "
            "FSSPEC_GS_TOKEN=anon"
        )
    return "; ask for access"
