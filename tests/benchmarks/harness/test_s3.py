"""The S3 server of the benchmarks counts what it is asked, and leaves the environment as it was."""

import os
from pathlib import Path
from urllib.request import urlopen

import pytest

from benchmarks.harness.s3 import store

pytestmark = pytest.mark.network


def test_requests_are_counted_once_and_what_lists_apart(tmp_path: Path) -> None:
    before = dict(os.environ)
    with store(tmp_path) as counted:
        url = os.environ["AWS_ENDPOINT_URL"]
        for path in ("/", "/", "/?list-type=2"):
            with urlopen(url + path):
                pass
        assert counted() == {"GET": 2, "LIST": 1}
        assert counted() == {}
    assert dict(os.environ) == before
