"""Listing: the pictures at an address, in object stores and on web servers, through fsspec (extra
`cloud`).

A failure that may pass is tried again, with longer and longer pauses; any other is reported at
once. Credentials come from where the store's own tools take them: the environment, profiles, the
machine's role.
"""

import time
from collections.abc import Iterator
from typing import Any

from tinydigits.errors import SourceError
from tinydigits.items import Skipped
from tinydigits.names import has_image_ending, natural_key
from tinydigits.remote.client import GOOGLE, S3, WEB, Unreachable, ask, client_of, persistent
from tinydigits.remote.failures import Failure
from tinydigits.remote.file import path_in, web
from tinydigits.remote.location import Location

FIRST_ANSWER = 12  # s: after which a store that has not answered is reported
LISTING = 600  # s: the longest listing where pages are not asked for one by one

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
        raise SourceError(f"{location}: {error}{_advice(location.scheme, error.failure)}") from None


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
        raise Unreachable(Failure("nothing is there", passes=False, status=404))
    open_folders = [("/", iter(first))]  # below `root`
    while open_folders:
        folder, names = open_folders[-1]
        name = next(names, None)
        if name is None:
            open_folders.pop()
        elif name.startswith("."):
            skipped.hidden += 1
        elif name.endswith("/"):
            below = names_in(client, scheme, root + folder + name, None, True)
            open_folders.append((folder + name, iter(below or ())))
        elif has_image_ending(name):
            yield location.below(folder + name)
        else:
            skipped.other += 1


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
        if error.failure.status is None or error.failure.passes:
            raise
    _answering.add(server)


def names_in(
    client: Any, scheme: str, folder: str, until: float | None, is_folder: bool
) -> list[str] | None:
    """Return what is directly below a prefix, in natural order, with a slash behind the names of
    prefixes; None where it is the prefix of one object. `until` limits the first answer. Raises
    Unreachable.
    """
    if scheme in S3:
        return _names_in_s3(client, folder, until, is_folder)
    path = folder.rstrip("/")
    if until is not None:
        about = persistent(scheme, lambda seconds: ask(client, seconds, "info", path), until)
        # A console makes an object with a slash at the end for a folder.
        if about["type"] == "file" and not is_folder and not about["name"].endswith("/"):
            return None
    listing = persistent(
        scheme,
        lambda seconds: ask(client, seconds, "ls", path, detail=True),
        time.monotonic() + LISTING,
        LISTING,
    )
    names = []
    for each in listing:
        found = each["name"].rstrip("/")
        slash = "/" if each["type"] == "directory" else ""
        names.append("" if found == path else found.rpartition("/")[2] + slash)
    return _in_order(names)


def _names_in_s3(
    client: Any, folder: str, until: float | None, is_folder: bool
) -> list[str] | None:
    """Do the same by asking for one page after another: only a page that is not received has to be
    asked for again, and of a million objects only the names are held.
    """
    bucket, _, prefix = folder.partition("/")

    def page(first: bool, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = persistent(
            "s3",
            lambda seconds: ask(
                client, seconds, "call_s3", "list_objects_v2", Bucket=bucket, **options
            ),
            until if first else None,
        )
        return answer

    key = prefix.rstrip("/")
    if key and not is_folder:
        alike = page(True, Prefix=key, MaxKeys=1).get("Contents", [])
        if alike and alike[0]["Key"] == key:
            return None
    names: list[str] = []
    more: dict[str, str] = {}
    while True:
        answer = page(not more, Prefix=prefix, Delimiter="/", **more)
        names += [each["Prefix"][len(prefix) :] for each in answer.get("CommonPrefixes", ())]
        names += [each["Key"][len(prefix) :] for each in answer.get("Contents", ())]
        if not answer.get("IsTruncated"):
            return _in_order(names)
        more = {"ContinuationToken": answer["NextContinuationToken"]}


def _in_order(names: list[str]) -> list[str]:
    """Sort names; drop that of the prefix itself, which is an object where a console made it."""
    return sorted(filter(None, names), key=lambda name: natural_key(name.removesuffix("/")))


def _advice(scheme: str, failure: Failure) -> str:
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
