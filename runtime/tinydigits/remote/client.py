"""Clients of stores: one fsspec file system for each store, and the limits of each wait.

The libraries below fsspec retry in their own ways, or hang. If their retries can be turned off,
they try once, and this module decides whether to try again.
"""

import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, TypeVar

from tinydigits.errors import MissingExtra, TinydigitsError
from tinydigits.remote.failures import Unreachable, explained, scrubbed
from tinydigits.remote.location import Location

Answer = TypeVar("Answer")

WEB, S3, GOOGLE = ("http", "https"), ("s3", "s3a"), ("gs", "gcs")
PACKAGES = {**dict.fromkeys(WEB, "aiohttp"), **dict.fromkeys(S3, "s3fs")}  # in the extra `cloud`
PACKAGES |= dict.fromkeys(GOOGLE, "gcsfs")

TRIES = 8
FIRST_PAUSE = 0.25  # s: before the second try; each later one is twice as long, and all are random
LONGEST_PAUSE = 8  # s: all pauses together are 12 to 24 s, in which a store can make room
CONNECT = 5  # s: a connection that takes longer has failed
STALL = 10  # s: a server that sends nothing for so long has stopped
ATTEMPT = 30  # s: the longest try, unless much data is asked for
ENOUGH = 90  # s: after this time nothing is tried again
OPENING = 20  # s: a client may take so long to find its credentials, which servers may give
CLOSED = 60  # s: after this time a client whose opening failed is opened again, if that may help
CONNECTIONS = 64  # the most to one server

_clients: dict[object, Any] = {}
_lock = threading.Lock()


def persistent(
    scheme: str,
    call: Callable[[float], Answer],
    until: float | None = None,
    attempt: float = ATTEMPT,
) -> Answer:
    """Return what `call` returns; its argument is the seconds that it may take, at most `attempt`.
    After a failure that may pass, call it again, but not after `until` (by time.monotonic()).
    Raises Unreachable.
    """
    until = time.monotonic() + ENOUGH if until is None else until
    tries = 1 if scheme in GOOGLE else TRIES  # gcsfs always tries six times
    pause = FIRST_PAUSE
    while True:
        tries -= 1
        try:
            return call(max(0.001, min(attempt, until - time.monotonic())))
        except Unreachable:
            raise
        except Exception as error:
            failure = explained(error)
        wait = random.uniform(pause / 2, pause)
        if not failure.passes or not tries or time.monotonic() + wait >= until:
            raise failure
        time.sleep(wait)
        pause = min(2 * pause, LONGEST_PAUSE)


def ask(
    client: Any, seconds: float, question: "str | Callable[..., Any]", *args: Any, **options: Any
) -> Any:
    """Call a client's method by its name, or a coroutine function on its event loop. Raises
    the errors of the call, and TimeoutError after `seconds`.
    """
    from fsspec.asyn import sync

    if client.async_impl:
        coroutine = getattr(client, f"_{question}") if isinstance(question, str) else question
        return sync(client.loop, coroutine, *args, timeout=seconds, **options)
    assert isinstance(question, str)
    return in_time(seconds, partial(getattr(client, question), *args, **options))


def client_of(location: Location) -> Any:
    """Return fsspec's file system for an address. Raises MissingExtra, Unreachable."""
    scheme = location.scheme
    # Clients of the extra serve all threads. Others may not, so each thread has its own.
    known = scheme in PACKAGES
    server = location.secret_server or location.secret_url
    key = scheme if known else (scheme, server, threading.get_ident())
    with _lock:
        client = _clients.get(key)
        if client is None or (isinstance(client, _Closed) and time.monotonic() >= client.until):
            client = _clients[key] = _opened_or_closed(location)
    if isinstance(client, _Closed):
        raise client.failure.with_traceback(None)
    return client


class _Closed(NamedTuple):
    """Takes the place of a client that could not be opened: to try again may take long."""

    failure: Unreachable
    until: float  # when it may be tried again, by time.monotonic()


def _opened_or_closed(location: Location) -> Any:
    try:
        return in_time(OPENING, partial(_opened, location))
    except TinydigitsError:
        raise
    except Exception as error:
        failure = explained(error)
    return _Closed(failure, time.monotonic() + CLOSED if failure.passes else math.inf)


def _opened(location: Location) -> Any:
    scheme = location.scheme
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{scheme}://", "fsspec", "cloud") from error
    for library in ("aiobotocore", "asyncio", "botocore", "fsspec", "gcsfs", "google", "s3fs"):
        # Otherwise their logs would go to stderr, with whole addresses.
        logging.getLogger(library).addHandler(logging.NullHandler())
    try:
        if scheme not in PACKAGES:
            return fsspec.core.url_to_fs(location.secret_url)[0]
        client = fsspec.filesystem(scheme, **_options(scheme))
    except ImportError as error:
        if scheme in PACKAGES:
            raise MissingExtra(f"{scheme}://", PACKAGES[scheme], "cloud") from error
        raise Unreachable(scrubbed(str(error))) from error
    except ValueError as error:
        if scheme in fsspec.available_protocols():
            raise
        why = (
            f"no scheme {scheme}:// is known; s3://, gs://, https:// are read, and those of other "
            "fsspec packages that are installed"
        )
        raise Unreachable(why) from error
    client.retries = 1  # s3fs's own
    return client


def _options(scheme: str) -> dict[str, Any]:
    """Return options that limit a client's waits and let it try once."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=STALL)
    if scheme in WEB:
        # Proxies and ~/.netrc are taken from the environment.
        return {"client_kwargs": {"timeout": timeout, "trust_env": True}, "encoded": True}
    if scheme in GOOGLE:
        # Otherwise gcsfs asks by gRPC what kind of bucket it is. gRPC does not work everywhere, and
        # only zonal buckets need it.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        return {"requests_timeout": timeout, "use_listings_cache": False}
    config = {
        "connect_timeout": CONNECT,
        "read_timeout": STALL,
        "max_pool_connections": CONNECTIONS,
        "retries": {"mode": "standard", "total_max_attempts": 1},
    }
    return {"config_kwargs": config, "use_listings_cache": False}


def in_time(seconds: float, call: Callable[[], Answer]) -> Answer:
    """Return what `call` returns. Raises its errors, and TimeoutError where it takes longer; the
    call then goes on in its thread.
    """
    return begun(call).result(seconds)


def begun(call: Callable[[], Answer]) -> Future[Answer]:
    """Call it in a daemon thread, which keeps no process from ending. Return its future answer."""
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer
