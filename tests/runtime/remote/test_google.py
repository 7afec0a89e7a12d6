"""gs:// is read through the interface that Google Cloud Storage documents (JSON API, v1)."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.conftest import ROOT
from tests.support.commands import COMMAND
from tests.support.location import fetched, listed, reaching
from tests.support.web_server import QuietHandler, serving
from tinydigits.cluster.output import store_at
from tinydigits.errors import ImageError, SourceError
from tinydigits.items import Skipped

pytestmark = pytest.mark.network

ONE = (ROOT / "examples" / "scans" / "1-small.png").read_bytes()
OBJECTS = {
    **{f"scans/{name}": ONE for name in ("10.png", "9.png", "sub/ü.png", ".hidden.png")},
    "scans/": b"",
    "scans/empty.png": b"",
    "scans/note.txt": b"",
    "plain": ONE,
}


class _Handler(QuietHandler):
    """The bucket `scans`; another, `locked`, is not to be read."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        url = urlsplit(self.path)
        found = re.fullmatch(r"(/download)?/storage/v1/b/([^/]+)(?:/o(?:/(.+))?)?/?", url.path)
        assert found is not None, self.path
        download, bucket, key = found[1], found[2], unquote(found[3] or "")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if bucket == "locked":
            self._said(403, {"error": {"code": 403, "message": "no storage.objects.list access"}})
        elif bucket != "scans" or (key and key not in OBJECTS):
            self._said(404, {"error": {"code": 404, "message": "Not Found"}})
        elif download:
            self.ranged(OBJECTS[key])
        elif key:
            self._said(200, _about(key))
        elif url.path.rstrip("/").endswith("/o"):
            self._said(200, _listing(query.get("prefix", ""), query.get("delimiter", "")))
        else:
            self._said(200, {"kind": "storage#bucket", "name": bucket})

    def _said(self, status: int, fields: dict[str, Any]) -> None:
        self.answered(status, json.dumps(fields).encode())


def _about(key: str) -> dict[str, Any]:
    size = str(len(OBJECTS[key]))
    return {"name": key, "bucket": "scans", "size": size, "updated": "2026-01-01T00:00:00.000Z"}


def _listing(prefix: str, delimiter: str) -> dict[str, Any]:
    below = [key for key in OBJECTS if key.startswith(prefix)]
    deeper = [key for key in below if delimiter and delimiter in key[len(prefix) :]]
    heads = {prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter for key in deeper}
    return {
        "prefixes": sorted(heads),
        "items": [_about(key) for key in below if key not in deeper],
    }


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with serving(_Handler) as address:
        yield {"STORAGE_EMULATOR_HOST": address, "FSSPEC_GS_TOKEN": "anon"}


def test_a_prefix_is_walked_and_its_objects_are_fetched(environment: dict[str, str]) -> None:
    skipped = Skipped()
    with reaching(environment):
        found = listed("gs://scans/scans", skipped)
        assert found == [
            f"gs://scans/scans/{name}" for name in ("9.png", "10.png", "empty.png", "sub/ü.png")
        ]
        assert (skipped["hidden"], skipped["other file"]) == (1, 1)
        assert [len(fetched(url, 10**6)) for url in found] == [len(ONE), len(ONE), 0, len(ONE)]
        assert listed("gcs://scans/plain") == ["gcs://scans/plain"]
        assert len(listed("gs://scans")) == 4


def test_a_folder_that_the_console_made_is_empty(environment: dict[str, str]) -> None:
    with reaching(environment):
        assert "scans" not in store_at("gs://scans/scans/").names()
        assert "9.png" in store_at("gs://scans/scans/").names()


def test_what_is_wrong_is_said(environment: dict[str, str]) -> None:
    with reaching(environment):
        for url, why in (
            ("gs://none/scans", "not found; check the name"),
            ("gs://scans/none", "not found; check the name"),
            ("gs://locked/scans", "no permission; log in with `gcloud auth"),
            ("gs://", "names no bucket"),
        ):
            with pytest.raises(SourceError, match=why):
                listed(url)
        with pytest.raises(ImageError, match=r"^not found$"):
            fetched("gs://scans/none.png", 9)
        with pytest.raises(ImageError, match="more than the limit of 9 bytes"):
            fetched("gs://scans/plain", 9)


def test_the_command_reads_a_bucket(environment: dict[str, str]) -> None:
    words = [COMMAND, "classify", "gs://scans/scans/", "gs://scans/none.png"]
    for inputs, status in ((words[:3], 1), (words, 2)):
        done = subprocess.run(inputs, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
    assert done.stderr == "error: gs://scans/none.png: not found; check the name\n"
