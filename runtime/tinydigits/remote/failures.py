"""Failures on a network, in words that hold no credential.

Stores raise errors of five libraries. Their content (an HTTP status, a code, an errno) and the
names of their classes tell them apart, so that none of those libraries is imported here.
"""

import errno
import os
import re
from collections.abc import Iterator

from tinydigits.remote.location import redacted_in

SHOWN = 200  # letters shown of an unknown message
LEAST = 6  # letters: a shorter value is no secret

_SECRETS = re.compile("key|secret|token|passw|credential|signature|sas", re.IGNORECASE)
_USER = re.compile(r"[^\s/:@'\"]+:[^\s/:@]*@")  # in an address without its scheme
_PASSING = {408, 425, 429}  # statuses below 500: too slow, too early, too often
_PASSING_CODES = {"SlowDown", "RequestTimeout"}  # whatever the status
_NO_CREDENTIALS = {
    *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
    *("DefaultCredentialsError", "RefreshError"),
}
_CUT_SHORT = {
    *("ClientPayloadError", "HttpProcessingError", "IncompleteRead", "IncompleteReadError"),
    "EOFError",
}
_NETWORK = {
    *("OSError", "ConnectionError", "ClientConnectionError", "HTTPClientError"),
    *("ResponseParserError", "RequestException", "HTTPException", "TransportError"),
}
_TIMEOUT = {"TimeoutError", "ReadTimeoutError", "ConnectTimeoutError", "Timeout"}
_CERTIFICATE = {"SSLCertVerificationError", "ClientConnectorCertificateError"}


class Unreachable(Exception):  # noqa: N818 - what cannot be reached, rather than an error
    """Something was not received. The message is the rest of a sentence. `passes` says whether it
    may be received at another time; `status` is that of HTTP, where a server answered.
    """

    def __init__(self, why: str, passes: bool = False, status: int | None = None) -> None:
        super().__init__(why)
        self.passes, self.status = passes, status


class NoBucket(Unreachable):
    """The bucket, and not only an object in it, is not there."""


def explained(error: BaseException) -> Unreachable:
    """Explain an error of a store or of a web server."""
    if isinstance(error, Unreachable):
        return error
    chain = list(_chain(error))
    names = {each.__name__ for link in chain for each in type(link).__mro__}
    status, code = next(filter(any, map(_answer, chain)), (None, None))
    beside = f" ({code})" if code and code != str(status) else ""
    if names & _CUT_SHORT:  # aiohttp gives it the status 400
        return Unreachable("cut short on its way", passes=True)
    if code == "ExpiredToken":  # S3 gives it the status 400
        return Unreachable(f"the credentials have expired{beside}", status=403)
    if names & _NO_CREDENTIALS:
        return Unreachable("no credentials were found that hold", status=403)
    if status == 404 or status == 410 or "FileNotFoundError" in names:
        if code == "NoSuchBucket":
            return NoBucket("no such bucket", status=404)
        return Unreachable("not found", status=404)
    # gcsfs says no more than that.
    forbidden = "PermissionError" in names or str(error).startswith("Forbidden")
    if status in (401, 403) or forbidden:
        return Unreachable(f"no permission{beside}", status=403)
    if status is not None and status >= 300:
        passes = status in _PASSING or status >= 500 or code in _PASSING_CODES
        return Unreachable(f"the server answers {status}{beside}", passes, status)
    if "TooManyRedirects" in names:
        return Unreachable("the server leads on without end")
    if names & _CERTIFICATE:
        return Unreachable("the server's certificate is not trusted")
    if names & _TIMEOUT:
        return Unreachable("no answer in time", passes=True)
    if names & _NETWORK:
        said = [text for link in chain if isinstance(link, OSError) and (text := _reason(link))]
        return Unreachable(
            f"the connection failed{f': {scrubbed(said[-1])}' if said else ''}", True
        )
    return Unreachable(scrubbed(": ".join(filter(None, (type(error).__name__, str(error))))))


def _reason(error: OSError) -> str | None:
    """Return the system's words for an error of its own."""
    number = error.errno or 0
    return os.strerror(number) if number in errno.errorcode else error.strerror


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _answer(error: BaseException) -> tuple[int | None, str | None]:
    """Return the status and the code that a server gave."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return _number(status), response.get("Error", {}).get("Code")
    # These are from requests, aiohttp and gcsfs. aiohttp has `code` as well, and warns when asked.
    answers = (
        getattr(response, "status_code", 0),
        getattr(error, "status", 0),
        vars(error).get("code"),
    )
    return next(filter(None, map(_number, answers)), None), None


def _number(value: object) -> int | None:
    return int(str(value)) if re.fullmatch("[1-5][0-9][0-9]", str(value)) else None


def scrubbed(text: str) -> str:
    """Return one short line, with addresses redacted and secrets of the environment removed."""
    for name, value in os.environ.items():
        if _SECRETS.search(name) and len(value) >= LEAST:
            text = text.replace(value, "…")
    line = " ".join(_USER.sub("…@", redacted_in(text)).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
