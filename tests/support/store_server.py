"""A store on loopback that answers as a test has it, whatever stores do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from tests.support.s3_server import environment_of
from tests.support.web_server import QuietHandler, serving

Answering = Callable[[str, dict[str, str]], bytes]
"""Returns the body of an answer for a path and its query."""


@contextmanager
def store_server(answering: Answering) -> Iterator[dict[str, str]]:
    """Run a server. Yield the environment that leads s3:// and gs:// to it."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            self.answered(200, answering(url.path, query))

    with serving(Handler) as address:
        google = {"STORAGE_EMULATOR_HOST": address, "FSSPEC_GS_TOKEN": "anon"}
        yield environment_of(address) | google
