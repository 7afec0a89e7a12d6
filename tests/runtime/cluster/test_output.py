"""In a store a file appears whole or not at all, wherever the store is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.location import reaching
from tests.support.rays import store_server
from tests.support.s3_server import Fault, s3_server
from tinydigits import SinkError
from tinydigits.cluster.output import Store, store_at
from tinydigits.remote import client as remote_clients
from tinydigits.remote import listing as remote


@pytest.fixture(
    params=["folder", *(pytest.param(kind, marks=pytest.mark.network) for kind in ("memory", "s3"))]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty one of each kind."""
    if request.param == "folder":
        return store_at(str(tmp_path / "new" / "rows"))
    pytest.importorskip("s3fs", reason="object storage needs the extra cloud")
    if request.param == "memory":  # as any other that fsspec knows
        return store_at(f"memory://{tmp_path.name}/rows")
    bucket = request.getfixturevalue("bucket")
    return store_at(f"{bucket}/{tmp_path.name}/rows")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import s3fs

    with store_server(tmp_path_factory.mktemp("s3")):
        s3fs.S3FileSystem().mkdir("stores")
        yield "s3://stores"


def put(store: Store, name: str, data: bytes) -> None:
    with store.written(name) as file:
        file.write(data)


def test_what_is_written_is_there(store: Store) -> None:
    assert store.names() == []
    assert store.tail("a", 10) is None
    put(store, "a", b"0123456789")
    put(store, "b", b"")
    assert sorted(store.names()) == ["a", "b"]
    assert store.tail("a", 3) == b"789"
    assert store.tail("a", 30) == b"0123456789"
    assert store.tail("b", 3) == b""
    put(store, "a", b"another")
    assert store.tail("a", 30) == b"another"


def test_what_fails_leaves_what_was_there(store: Store) -> None:
    def fail(name: str) -> None:
        with store.written(name) as file:
            file.write(b"torn")
            raise KeyError

    put(store, "a", b"whole")
    for name in ("a", "b"):
        with pytest.raises(KeyError):
            fail(name)
    assert store.names() == ["a"]
    assert store.tail("a", 30) == b"whole"


def test_what_is_removed_is_gone(store: Store) -> None:
    put(store, "a", b"")
    store.remove("a")
    store.remove("a")
    assert store.names() == []


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"file/rows/a: cannot be written: Not a directory"):
        put(store_at(str(tmp_path / "file" / "rows")), "a", b"")


@pytest.mark.network
def test_of_a_bucket_the_folder_alone_is_listed(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*words: Any, **options: Any) -> Any:
        prefixes.append(options["Prefix"])
        return remote_clients.ask(*words, **options)

    prefixes: list[str] = []
    put(store_at(f"{bucket}/beside"), "a", b"")
    put(store_at(f"{bucket}/full"), "sub/a", b"")
    monkeypatch.setattr(remote, "ask", ask)
    assert store_at(f"{bucket}/new/").names() == []
    assert store_at(bucket.replace("s3", "S3") + "/full").names() == ["sub"]
    assert prefixes == ["new/", "full/"]


def faults(path: str, time_: int) -> Fault | None:
    if path.startswith("/locked"):
        return "forbidden"
    return ("500", "reset", "slow down")[time_] if time_ < 3 else None


@pytest.mark.network
def test_a_store_that_stumbles_gets_what_is_written_as_a_whole() -> None:
    with s3_server(faults) as server, reaching(server.environment):
        server.put("bad", {})
        data = bytes(range(256)) * 1000
        store = store_at("s3://bad/rows")
        put(store, "a", data)
        assert server.asked["PUT /bad/rows/a"] >= 4
        assert store.tail("a", len(data)) == data
        store.remove("a")
        assert store.names() == []
        with pytest.raises(SinkError, match=r"s3://locked/rows: no permission \(AccessDenied\)"):
            put(store_at("s3://locked/rows"), "a", data)


@pytest.mark.network
@pytest.mark.parametrize(("url", "why"), [("nix://a/b", "no scheme nix://"), ("abfs://a", "adlfs")])
def test_a_store_that_cannot_be_opened_is_refused(url: str, why: str) -> None:
    pytest.importorskip("fsspec", reason="object storage needs the extra cloud")
    with pytest.raises(SinkError, match=why) as caught:
        store_at(url)
    assert caught.value.exit_code == 2


def test_nothing_is_written_to_a_web_address() -> None:
    with pytest.raises(SinkError, match="nothing can be written to a web address") as caught:
        store_at("https://user:word@there/rows?signature=1")
    assert caught.value.exit_code == 2
    assert "word" not in str(caught.value)
    assert "signature" not in str(caught.value)
