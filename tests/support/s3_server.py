"""An S3 server on loopback (moto's), and before it a server that spoils what it gives, as networks
and stores do.
"""

import io
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from threading import Lock
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

from tests.support.web_server import QuietHandler, serving

Fault = Literal["500", "slow down", "forbidden", "reset", "slow", "cut", "stall"]
Faults = Callable[[str, int], Fault | None]
"""What becomes of a path that is asked for the n-th time, from 0 on."""

ACCOUNT = "123456789012"  # moto's own
SLOW = 0.2  # s
STALLED = 60  # s: longer than any test waits
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIALOOPBACKTESTONLY",
    "AWS_SECRET_ACCESS_KEY": "loopback/secret+that/nobody/may/see",
    "AWS_SESSION_TOKEN": "loopback-token-that-nobody-may-see",
}


def environment_of(address: str) -> dict[str, str]:
    """Return what leads the usual credential chain to the store at an address."""
    return {
        **KEYS,
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class S3(NamedTuple):
    """A server that runs."""

    environment: dict[str, str]
    """That of `environment_of`."""

    asked: Counter[str]
    """How often each path was asked for, by the method and the path without its query."""

    put: Callable[[str, Mapping[str, bytes]], None]
    """Makes a bucket with objects in it."""


def some(seed: int, shares: Mapping[Fault, float]) -> Faults:
    """Faults of each kind for a share of the requests, the same ones in each run."""

    def chosen(path: str, time_: int) -> Fault | None:
        roll = Random(f"{seed} {path} {time_}").random()
        for kind, share in shares.items():
            roll -= share
            if roll < 0:
                return kind
        return None

    return chosen


@contextmanager
def s3_server(faults: Faults) -> Iterator[S3]:
    """Run a server with buckets of its own."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from moto.s3.models import s3_backends

    backend = s3_backends[ACCOUNT]["aws"]

    def put(bucket: str, objects: Mapping[str, bytes]) -> None:
        backend.create_bucket(bucket, "us-east-1")
        for key, data in objects.items():
            backend.put_object(bucket, key, data)

    try:
        with spoiled(create_backend_app("s3"), faults) as (address, asked):
            yield S3(environment_of(address), asked, put)
    finally:
        backend.reset()


@contextmanager
def spoiled(app: Any, faults: Faults) -> Iterator[tuple[str, Counter[str]]]:
    """Run a server that hands requests on to a WSGI application. Yield its address, and what it was
    asked.
    """
    from werkzeug.test import run_wsgi_app

    asked, lock = Counter[str](), Lock()

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            path = self.path.partition("?")[0]
            with lock:
                number = asked[f"{self.command} {path}"]
                asked[f"{self.command} {path}"] += 1
            fault = faults(self.path, number)
            time.sleep(SLOW if fault == "slow" else 0)
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if fault == "reset":
                # Without a farewell: what is under way is lost, as when a machine dies.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
            elif fault in ("500", "slow down", "forbidden"):
                self._refused(fault)
            else:
                self._handed_on(fault, sent)

        do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815

        def _refused(self, fault: Fault) -> None:
            status, code = {
                "500": (500, "InternalError"),
                "slow down": (503, "SlowDown"),
                "forbidden": (403, "AccessDenied"),
            }[fault]
            body = f"<Error><Code>{code}</Code><Message>{fault}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _handed_on(self, fault: Fault | None, sent: bytes) -> None:
            parts, status, headers = run_wsgi_app(app, self._environment(sent), buffered=True)
            body = b"".join(parts)
            self.send_response_only(int(status.split()[0]))
            for name, value in headers:
                if name.lower() != "content-length":
                    self.send_header(name, value)
            length = headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            if fault in ("cut", "stall"):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                time.sleep(STALLED if fault == "stall" else 0)
                self.close_connection = True
            elif self.command != "HEAD":
                self.wfile.write(body)

        def _environment(self, sent: bytes) -> dict[str, object]:
            path, _, query = self.path.partition("?")
            headers = {
                f"HTTP_{name.upper().replace('-', '_')}": value
                for name, value in self.headers.items()
            }
            return {
                **headers,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(sent)),
                "REQUEST_METHOD": self.command,
                "SCRIPT_NAME": "",
                "PATH_INFO": unquote(path, "latin-1"),
                "QUERY_STRING": query,
                "RAW_URI": self.path,
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": "80",
                "SERVER_PROTOCOL": self.request_version,
                "wsgi.input": io.BytesIO(sent),
                "wsgi.url_scheme": "http",
            }

    with serving(Handler) as address:
        yield address, asked
