"""An S3 server on the loopback that counts its requests."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tinydigits.errors import TinydigitsError


@contextmanager
def store(folder: Path) -> Iterator[Callable[[], Counter[str]]]:
    """Run an S3 server that commands started meanwhile use.

    Gives a function that counts the requests since its last call by verb; a GET that lists counts
    as LIST. Raises TinydigitsError.
    """
    log, before = folder / "requests.log", dict(os.environ)
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as file:
        server = subprocess.Popen(words, stdout=file, stderr=file)
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())):
            if server.poll() is not None:
                raise TinydigitsError(f"the S3 server of moto does not start: {log.read_text()}")
            time.sleep(0.1)
        os.environ |= {
            "AWS_ENDPOINT_URL": found[0],
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        seen = 0

        def counted() -> Counter[str]:
            nonlocal seen
            lines = log.read_text().splitlines()
            requests = re.findall(r'"([A-Z]+) (\S+) HTTP', "\n".join(lines[seen:]))
            seen = len(lines)
            return Counter("LIST" if "list-type" in path else verb for verb, path in requests)

        yield counted
    finally:
        os.environ.clear()
        os.environ.update(before)
        server.terminate()
        server.wait()
