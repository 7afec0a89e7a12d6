"""Remote: pictures at addresses, in object stores and on web servers, through fsspec (extra
`cloud`).

Whatever a network does ends in a sentence: what may pass is tried again, with longer and longer
pauses, and what may not is said at once. No sentence and no name holds a credential: those come
from where the store's own tools take them (environment, profiles, the machine's role), and what an
address may hold of them is left out of all that is shown.
"""

import time
from collections.abc import Iterator
from typing import Any

from tinydigits.errors import ImageError, SourceError
from tinydigits.items import Skipped
from tinydigits.names import has_image_ending, natural_key
from tinydigits.remote.client import GOOGLE, S3, WEB, Unreachable, ask, client_of, persistent
from tinydigits.remote.failures import Failure
from tinydigits.remote.location import redacted, scheme_of, server_of
from tinydigits.remote.parts import path_in, web, whole

FIRST_ANSWER = 12  # s: by then a store has said something, or it is said that it has not
LISTING = 600  # s: the most that a listing takes whose pages are not asked for one by one

_answering: set[str] = set()  # web servers


def listed_remote(url: str, skipped: Skipped | None = None) -> Iterator[str]:
    """The addresses of the pictures below a prefix, in the order of `sources.walked` and by their
    ending, one prefix's names in memory at a time; or the address itself where it is that of one
    object. A web address is one picture: only whether its server answers is found out here.

    Raises SourceError where there is no such bucket or prefix, no permission or no answer, within
    30 seconds if that is so from the start; MissingExtra.
    """
    try:
        yield from _listed(url, Skipped() if skipped is None else skipped)
    except Unreachable as error:
        raise SourceError(f"{redacted(url)}: {error}{_advice(url, error.failure)}") from None


def fetched(url: str, max_bytes: int) -> bytes:
    """The whole of what is at an address. Tries again where that may help.

    Raises ImageError where it does not come or has more than `max_bytes`; MissingExtra.
    """
    try:
        data = whole(url, max_bytes)
    except Unreachable as error:
        raise ImageError(str(error)) from None
    if len(data) > max_bytes:
        raise ImageError(too_many(max_bytes))
    return data


def too_many(max_bytes: int) -> str:
    """Why something is not read."""
    return f"more than the limit of {max_bytes:,} bytes"


def _listed(url: str, skipped: Skipped) -> Iterator[str]:
    until, scheme = time.monotonic() + FIRST_ANSWER, scheme_of(url)
    if scheme in WEB:
        _check_answers(url, until)
        yield url
        return
    client = client_of(scheme, url)
    root = path_in(client, url).rstrip("/")
    if not root and scheme in S3 + GOOGLE:
        raise SourceError(f"{url}: names no bucket")
    names_in = names_in_s3 if scheme in S3 else _names_in
    first = names_in(client, scheme, f"{root}/", until, url.endswith("/"))
    if first is None:
        yield url
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
            yield url.rstrip("/") + folder + name
        else:
            skipped.other += 1


def _check_answers(url: str, until: float) -> None:
    """What a server says of one address is that picture's row; a silent one has none to say."""
    if redacted(url).endswith("/"):
        raise SourceError(f"{redacted(url)}: web servers list no folders: name the pictures")
    server = server_of(url)
    try:
        if server not in _answering:
            web(url, 0, 1, ranged=True, until=until)
    except Unreachable as error:
        if error.failure.status is None or error.failure.passes:
            raise
    _answering.add(server)


def names_in_s3(
    client: Any, scheme: str, folder: str, until: float | None, is_folder: bool
) -> list[str] | None:
    """What is directly below a prefix, in natural order, with a slash behind the names of prefixes;
    None where it is that of one object. Pages are asked for one by one, since one that does not
    come is then all that is asked for again, and no more of a million objects than their names is
    held. Raises Unreachable.
    """
    bucket, _, prefix = folder.partition("/")

    def page(first: bool, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = persistent(
            scheme,
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


def _names_in(
    client: Any, scheme: str, folder: str, until: float | None, is_folder: bool
) -> list[str] | None:
    """As `names_in_s3`, in any store."""
    path = folder.rstrip("/")
    if until is not None:
        about = persistent(scheme, lambda seconds: ask(client, seconds, "info", path), until)
        # With a slash it is what a console makes of a folder.
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


def _in_order(names: list[str]) -> list[str]:
    """Without that of the prefix itself, which is an object where a console made a folder of it."""
    return sorted(filter(None, names), key=lambda name: natural_key(name.removesuffix("/")))


def _advice(url: str, failure: Failure) -> str:
    """What to do about it, as the rest of a sentence."""
    scheme = scheme_of(url)
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
