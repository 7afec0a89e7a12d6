"""A store on loopback that answers as a test has it, whatever stores do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from tests.support.s3_server import KEYS
from tests.support.web_server import QuietHandler

Answering = Callable[[str, dict[str, str]], bytes]
"""Returns the body of an answer for a path and its query."""


@contextmanager
def store_server(answering: Answering) -> Iterator[dict[str, str]]:
    """The environment that leads s3:// and gs:// to the server."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            self.answered(200, answering(url.path, query))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        yield {
            **KEYS,
            "AWS_ENDPOINT_URL": address,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "STORAGE_EMULATOR_HOST": address,
            "FSSPEC_GS_TOKEN": "anon",
        }
        server.shutdown()
        thread.join()
