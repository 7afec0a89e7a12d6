"""A web server on loopback that does what web servers do, for better and for worse."""

import datetime
import gzip
import ipaddress
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

ENDLESS = 1 << 40  # bytes


class Web(NamedTuple):
    """A server that runs."""

    address: str
    """http://127.0.0.1:PORT or https://localhost:PORT"""

    asked: list[str]
    """The path of each request and, with a blank before it, the range that was asked for."""


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that keeps connections open and prints nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which would delay every body by 40 ms

    def log_message(self, *words: Any) -> None:
        pass

    def answered(self, status: int, body: bytes, **headers: str) -> None:
        """Send an answer; an underscore in the name of a header stands for a hyphen."""
        self.send_response_only(status)
        for name, value in {**headers, "Content_Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def ranged(self, data: bytes) -> None:
        """Send the part of `data` that is asked for, or all of it."""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted is None:
            self.answered(200, data)
        elif (start := int(wanted[1])) >= len(data):
            self.answered(416, b"")
        else:
            end = min(int(wanted[2]) + 1, len(data))
            said = f"bytes {start}-{end - 1}/{len(data)}"
            self.answered(206, data[start:end], Content_Range=said)


class QuietServer(ThreadingHTTPServer):
    """A server that does not care for clients that have gone."""

    daemon_threads, block_on_close, request_queue_size = True, False, 128

    def handle_error(self, *request: Any) -> None:
        pass


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], certificate: Path | None = None
) -> Iterator[str]:
    """Run a server on loopback that answers by `handler`. Yield its address."""
    with QuietServer(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            address = f"https://localhost:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def web_server(files: Mapping[str, bytes], certificate: Path | None = None) -> Iterator[Web]:
    """Serve `files`: below /ranges/ in the parts that are asked for, below /whole/ as a whole,
    below /gzip/ compressed, and below /locked/ for `me` with the password `sesame`. /to?ADDRESS
    redirects, /endless promises ENDLESS bytes, /unending promises nothing.
    """
    asked: list[str] = []

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            asked.append(f"{self.path} {wanted}".rstrip())
            path, _, query = self.path.partition("?")
            kind, _, name = path[1:].partition("/")
            data = files.get(name)
            me = f"Basic {b64encode(b'me:sesame').decode()}"
            if kind == "to":
                self.answered(302, b"", Location=query)
            elif kind in ("endless", "unending"):
                self._unending(ENDLESS if kind == "endless" else None)
            elif data is None:
                self.answered(404, b"no such thing")
            elif kind == "locked" and self.headers.get("Authorization") != me:
                self.answered(401, b"who are you?")
            elif kind == "gzip":
                self.answered(200, gzip.compress(data), Content_Encoding="gzip")
            elif kind == "ranges":
                self.ranged(data)
            else:
                self.answered(200, data)

        def _unending(self, promised: int | None) -> None:
            self.close_connection = True
            self.send_response_only(200)
            if promised:
                self.send_header("Content-Length", str(promised))
            self.end_headers()
            while True:  # until the client has gone
                self.wfile.write(bytes(1 << 16))

    with serving(Handler, certificate) as address:
        yield Web(address, asked)


def write_certificate(path: Path) -> None:
    """Write a certificate of localhost, signed by itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
