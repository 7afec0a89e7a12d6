"""Web addresses are read within limits, whatever their servers send."""

import gzip
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SCANS
from tests.support.commands import COMMAND
from tests.support.files import encoded, saved, tarred, zipped
from tests.support.location import fetched, listed, located
from tests.support.web_server import Web, web_server, write_certificate
from tinydigits import Classifier, Limits
from tinydigits.errors import ImageError, SourceError
from tinydigits.items import Skipped, Stack
from tinydigits.remote import client as remote_clients
from tinydigits.remote import file as remote_file
from tinydigits.remote.location import Location
from tinydigits.sources.archives import members
from tinydigits.sources.arrays import stacks

pytestmark = pytest.mark.network

ONE = (SCANS / "1-small.png").read_bytes()


def document(pages: int) -> bytes:
    first, *others = (Image.open(SCANS / "1-small.png").convert("L") for _ in range(pages))
    return encoded(first, "TIFF", save_all=True, append_images=others)


PNGS = [(path.name, path.read_bytes()) for path in sorted(SCANS.glob("*.png"))]
ZIP = zipped(*PNGS, method=zipfile.ZIP_STORED)
FILES = {
    "1.png": ONE,
    "ü &.png": ONE,
    "%C3%BC%20&.png": ONE,
    "a.zip": ZIP,
    "a.tar.gz": gzip.compress(tarred(*PNGS)),
    "a.npy": saved(np.zeros((5000, 28, 28), np.uint8)),
    "cut.zip": ZIP[:-100],
    "empty.tar": b"",
    "three.tif": document(3),
    "one.tif": document(1),
    "cut.tif": document(3)[:100],
}


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with web_server(FILES) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote_clients, "FIRST_PAUSE", 0.01)
        patch.setattr(remote_clients, "STALL", 1)
        patch.setattr(remote_clients, "_clients", {})
        patch.setattr(remote_file, "AHEAD", 10_000)
        yield server


@pytest.fixture(autouse=True)
def _nothing_asked_yet(web: Web) -> None:
    web.asked.clear()


@pytest.mark.parametrize(
    "path",
    ["ranges/1.png", "whole/1.png", "gzip/1.png", "ranges/1.png?sig=%2F+a", "ranges/ü &.png"],
)
def test_a_picture_is_fetched_by_one_request(web: Web, path: str) -> None:
    assert fetched(f"{web.address}/{path}", len(ONE)) == ONE
    assert len(web.asked) == 1


def test_a_signature_arrives_as_it_was_given(web: Web) -> None:
    path = "/ranges/1.png?X-Amz-Signature=a%2Fb%3D+c%20d&e=f,g"
    assert fetched(web.address + path, 10**6) == ONE
    assert web.asked == [path]


def test_user_and_password_open_what_is_locked(web: Web) -> None:
    address = web.address.replace("//", "//me:sesame@")
    assert fetched(f"{address}/locked/1.png", 10**6) == ONE
    with pytest.raises(ImageError, match=r"^no permission$"):
        fetched(f"{web.address}/locked/1.png", 10**6)


@pytest.mark.parametrize("path", ["endless", "unending", "ranges/1.png", "gzip/1.png"])
def test_no_more_is_taken_than_is_allowed(web: Web, path: str) -> None:
    began = time.monotonic()
    with pytest.raises(ImageError, match="more than the limit of 100 bytes"):
        fetched(f"{web.address}/{path}", 100)
    assert time.monotonic() - began < 5


def test_redirects_are_followed_to_web_addresses_a_few_times(web: Web) -> None:
    to, one = f"{web.address}/to?", f"{web.address}/whole/1.png"
    assert fetched(4 * to + one, 10**6) == ONE
    for address, why in (
        (10 * to + one, "leads on without end"),
        (to + "file:///etc/passwd", "file:///etc/passwd"),
        (to + "ftp://127.0.0.1/a.png", "ftp://127"),
    ):
        with pytest.raises(ImageError, match=why):
            fetched(address, 10**6)


def test_whether_a_server_answers_is_asked_once(web: Web) -> None:
    for name in ("1.png", "none.png", "a.png"):
        address = f"{web.address}/ranges/{name}"
        assert listed(address) == [address]
    assert len(web.asked) <= 1
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(SourceError, match=r"/a\.png: the connection failed: Connection refused"):
        listed(f"http://me:pw@127.0.0.1:{port}/a.png?sig=1")


@pytest.mark.parametrize("kind", ["ranges", "whole"])
@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_archives_are_streamed(web: Web, kind: str, name: str) -> None:
    address = f"{web.address}/{kind}/{name}"
    found = {
        item.name: item.image for item in members(located(f"{address}?sig=1"), Limits(), Skipped())
    }
    assert found == {f"{address}/{path.name}": path.read_bytes() for path in SCANS.glob("*.png")}
    parts = -(-len(FILES[name]) // 10_000)
    if kind == "ranges":  # and the end more than once, since a zip's table is there
        assert parts < len(web.asked) <= parts + 10


def test_the_pages_of_documents_are_pictures(web: Web) -> None:
    names = [f"{web.address}/ranges/{name}.tif" for name in ("three", "one", "cut", "none")]
    rows = list(Classifier("conv").classify(names))
    assert [row.path for row in rows] == [*(f"{names[0]}#{page}" for page in (1, 2, 3)), *names[1:]]
    assert [row.label for row in rows] == ["1"] * 4 + [None] * 2
    assert "a damaged TIFF" in str(rows[4].reason)
    assert "not found" in str(rows[5].reason)


def test_arrays_are_streamed(web: Web) -> None:
    address = f"{web.address}/ranges/a.npy"
    found = list(stacks(located(address), Skipped()))
    assert [len(stack.images) for stack in found if isinstance(stack, Stack)] == [4096, 904]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("ranges/none.zip", "not found"),
        ("ranges/cut.zip", "not a zip"),
        ("ranges/empty.tar", "empty"),
        ("whole/empty.tar", "empty"),
    ],
)
def test_an_archive_that_cannot_be_read_is_a_row(web: Web, path: str, why: str) -> None:
    address = f"{web.address}/{path}"
    (item,) = members(located(f"{address}?sig=1"), Limits(), Skipped())
    assert item.name == address
    assert why in str(item.image)


def test_what_a_server_gives_in_no_parts_must_be_small(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_file, "WHOLE", 1000)
    (item,) = members(located(f"{web.address}/whole/a.zip"), Limits(), Skipped())
    assert str(item.image) == (
        "more than the limit of 1,000 bytes, and its server gives no parts of it: download it"
    )


def test_once_a_part_does_not_come_nothing_more_is_asked_for(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read_range(location: Location, start: int, end: int) -> bytes:
        asked.append(start)
        assert location.secret_url == f"{web.address}/ranges/a.zip"
        if 30_000 < start < 100_000:
            raise ImageError("gone")
        return FILES["a.zip"][start:end]

    monkeypatch.setattr(remote_file, "read_range", read_range)
    *_, last = members(located(f"{web.address}/ranges/a.zip"), Limits(), Skipped())
    assert str(last.image) == "gone"
    assert sum(start > 30_000 for start in asked[asked.index(0) :]) <= 2


def test_certificates_are_checked(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    write_certificate(certificate)
    with web_server(FILES, certificate) as tls, web_server(FILES) as plain:
        address = f"{tls.address}/whole/1.png?sig=hidden"
        words = [COMMAND, "classify", address, f"{tls.address}/to?{plain.address}/whole/1.png"]

        def run(**environment: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                words, env=environment, capture_output=True, text=True, check=False
            )

        trusted, distrusted = run(SSL_CERT_FILE=str(certificate)), run()
    shown = address.partition("?")[0]
    assert trusted.stderr.startswith("2 images: 1 ok")
    assert trusted.stdout.splitlines() == [
        f"{shown}: 1  1.00",
        f"{tls.address}/to: error: the server leads on to an address without TLS",
    ]
    assert distrusted.returncode == 2
    assert distrusted.stderr == f"error: {shown}: the server's certificate is not trusted\n"
