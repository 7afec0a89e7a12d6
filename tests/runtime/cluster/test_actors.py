"""A node that cannot read what the driver can ends a job; a picture that is gone does not."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.location import located, reaching
from tests.support.s3_server import KEYS, S3, Fault, s3_server
from tinydigits import Classifier, ImageError, TinydigitsError, __version__
from tinydigits.cluster import ray_cluster as ray
from tinydigits.cluster.actors import Job, PartReader, needed
from tinydigits.cluster.plan import Part, planned
from tinydigits.items import Item
from tinydigits.reading import Settings
from tinydigits.remote.location import place_of
from tinydigits.sinks.rows import Shown

DENSE = Classifier("dense")
SETTINGS = {
    "tinydigits": __version__,
    "model_sha256": DENSE.model_sha256,
    "backend": DENSE.backend,
}


def faults(path: str, time_: int) -> Fault | None:
    del time_
    return "forbidden" if path.startswith("/locked") else None


@pytest.fixture
def store() -> Iterator[S3]:
    """The bucket `open` has a picture; the bucket `locked` is not to be read."""
    with s3_server(faults) as server, reaching(server.environment):
        server.put("open", {"a.png": b"a"})
        yield server


def part(name: str) -> Part:
    """Of that picture alone."""
    return planned([Item(name, place_of(name))], 1, SETTINGS)[1][0]


def failure(output: Path, settings: dict[str, Any] = SETTINGS, **told: Any) -> str | None:
    """Return what an actor says of its node."""
    plan, _ = planned([Item("a.png", "a.png")], 1, settings)
    asked: dict[str, Any] = {"folder": "", "inputs": (), **told}
    job = Job(Settings("dense"), Shown(), 1, str(output), plan, **asked)
    found = PartReader(job).failure
    return None if found is None else str(found["failed"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"folder": "/nowhere"}, "/nowhere: No such file or directory: name inputs in a file"),
        ({"inputs": ("nowhere",)}, "nowhere: No such file or directory: name inputs in a file"),
        ({"tinydigits": "0.0.9"}, "and the driver has 0.0.9: install one version"),
        ({"model_sha256": "abc"}, "another model than the driver's"),
        ({"backend": "numpy"}, "onnxruntime runs the network here, and numpy on the driver: name"),
    ],
)
def test_a_node_has_to_be_as_the_driver_is(
    change: dict[str, Any], why: str, tmp_path: Path
) -> None:
    told = {key: value for key, value in change.items() if key not in SETTINGS}
    kept = {key: value for key, value in change.items() if key in SETTINGS}
    assert why in str(failure(tmp_path, SETTINGS | kept, **told))
    assert not list(tmp_path.iterdir())


def test_nodes_have_to_see_what_the_driver_sees(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    here, gone = f"{tmp_path}/a.png", f"{tmp_path}/gone/a.png"
    assert list(needed(["-", here, gone], part(here))) == [here, str(tmp_path)]
    assert list(needed(["-"], part(gone))) == []
    refused = Part(0, planned([Item(here, ImageError("refused"))], 1, SETTINGS)[1][0].work)
    assert list(needed([], refused)) == []


@pytest.mark.network
def test_the_first_address_is_needed_where_the_driver_reads_it(store: S3) -> None:
    del store
    assert list(map(str, needed([], part("s3://open/a.png")))) == ["s3://open/a.png"]
    for url in ("s3://open/none.png", "s3://locked/a.png", "s3://nowhere/a.png"):
        assert list(needed([], part(url))) == []


@pytest.mark.network
def test_a_node_that_may_not_read_what_the_driver_may_ends_the_job(
    store: S3, tmp_path: Path
) -> None:
    del store
    said = str(failure(tmp_path, inputs=(located("s3://locked/a.png"),)))
    assert said.startswith(f"node {socket.gethostname()}: s3://locked/a.png: no permission")
    assert said.endswith("give all nodes its credentials")
    nowhere = dict.fromkeys(("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"), "/nonexistent")
    with reaching(nowhere), pytest.MonkeyPatch.context() as patch:
        for name in KEYS:
            patch.delenv(name)
        said = str(failure(tmp_path, inputs=(located("s3://open/a.png"),)))
    assert "no credentials were found that hold" in said


@pytest.mark.network
def test_a_picture_that_is_gone_by_then_ends_nothing(store: S3, tmp_path: Path) -> None:
    del store
    assert failure(tmp_path, inputs=(located("s3://open/none.png"), str(tmp_path))) is None
    assert "No such file" in str(failure(tmp_path, inputs=(f"{tmp_path}/gone",)))


def test_a_cluster_without_a_cpu_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = SimpleNamespace(cluster_resources=lambda: {"memory": 1.0})
    monkeypatch.setattr(ray, "import_ray", lambda: cluster)
    assert ray.actors(3) == 3
    with pytest.raises(TinydigitsError, match="the Ray cluster has no CPU now"):
        ray.actors("auto")
