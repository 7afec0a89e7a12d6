"""What the Ray engine cannot do is said before anything is written, and within 30 seconds."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.conftest import SCANS
from tests.support.location import reaching
from tests.support.rays import classify
from tests.support.s3_server import KEYS, s3_server
from tinydigits.cluster import actors as engine
from tinydigits.cluster import plan as parts
from tinydigits.cluster import ray_cluster as tinydigits_ray

RAY = ("--engine", "ray")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "name it with -o FOLDER"),
        (("-o", "-"), "name it with -o FOLDER"),
        (("-o", "rows.csv"), "not into a file: rows.csv"),
        (("-o", "parts", "--format", "jsonl"), "writes Parquet, not jsonl"),
        (("-o", "parts", "--report", "page.html"), "--report works only with --engine local"),
        (("-o", "parts", "--watch"), "--watch works only with --engine local"),
        (("-o", "parts", "--sort-into", "sorted"), "--sort-into works only with --engine local"),
        (("-o", "parts", "--sort-by", "move"), "--sort-by works only with --engine local"),
        (("-o", "parts", "--save-fit", "fits"), "--save-fit works only with --engine local"),
        (("-o", "parts", "--dry-run"), "--dry-run works only with --engine local"),
        (("-o", SCANS), "is an input: name another folder"),
        (("-o", "ftp://me:sesame@host/rows.csv"), "not into a file: ftp://me@host/rows.csv"),
        (("ftp://me:sesame@host/", "-o", "ftp://me:sesame@host/"), "ftp://me@host/ is an input"),
    ],
)
def test_what_does_not_go_together(
    options: tuple[object, ...], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = classify(SCANS, *RAY, *options)
    assert done.exit_code == 2
    assert why in done.stderr
    assert "sesame" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_address_is_rays_alone(tmp_path: Path) -> None:
    done = classify(SCANS, "--ray-address", "head:6379", "-o", tmp_path / "rows.csv")
    assert done.exit_code == 2
    assert "--ray-address needs --engine ray" in done.stderr


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = classify(SCANS, *RAY, "-o", tmp_path / "parts")
    assert done.exit_code == 2
    assert 'pip install "tinydigits[ray]"' in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("inputs", "options", "why"),
    [
        (("empty",), (), "no image found in empty · skipped: 1 hidden"),
        ((SCANS, "flatt"), (), "flatt: No such file"),
        ((SCANS,), ("-m", "nothing"), "no such model"),
        ((SCANS,), ("--min-score", "2"), "--min-score"),
        ((SCANS,), ("-o", "file"), "file: not a folder"),
        ((SCANS,), ("-o", "empty"), "holds files"),
        ((SCANS,), ("-o", "empty", "--resume"), "no _plan.json: name the folder of an earlier run"),
        ((SCANS,), ("--ray-address", "nonsense"), "HOST:PORT, or auto"),
        ((SCANS,), ("--ray-address", "ray://head:10001"), "`ray job submit`"),
        ((SCANS,), ("--ray-address", "127.0.0.1:1"), "no Ray cluster at 127.0.0.1:1: Connection"),
        ((SCANS,), ("--ray-address", "host.invalid:6379"), "no Ray cluster at host.invalid:6379"),
    ],
)
def test_bad_input_writes_nothing(
    inputs: tuple[object, ...],
    options: tuple[str, ...],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray", reason="the Ray engine needs the extra ray")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden").touch()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    done = classify(*inputs, "-o", "parts", *RAY, *options)
    assert done.exit_code == 2
    assert why in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.cluster
def test_a_cluster_is_asked_before_inputs_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="the Ray engine needs the extra ray")
    monkeypatch.setattr(parts, "entries_of", None)
    for words in (("--ray-address", "127.0.0.1:1"), ()):
        done = classify(SCANS, "-o", tmp_path / "parts", *RAY, *words)
        assert done.exit_code == 2
        assert "no Ray cluster at 127.0.0.1:1" in done.stderr
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")


@pytest.mark.cluster
@pytest.mark.parametrize("step", ["entries_of", "begin", "finish"])
def test_a_signal_ends_it_in_order_at_every_step(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="the Ray engine needs the extra ray")

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(tinydigits_ray, "connected", lambda *_: nullcontext())
    monkeypatch.setattr(engine, "done", lambda *_: iter([{"ok": 28}]))
    monkeypatch.setattr(parts, step, stop)
    done = classify(SCANS, "-o", tmp_path / "parts", *RAY)
    assert done.exit_code == 130
    assert f"--resume goes on with {tmp_path}/parts" in done.stderr


@pytest.mark.cluster
@pytest.mark.network
@pytest.mark.parametrize(
    ("source", "output", "why"),
    [
        ("s3://locked/a/", "s3://open/rows", "s3://locked/a/: no permission (AccessDenied)"),
        ("s3://open/", "s3://locked/rows", "s3://locked/rows: no permission (AccessDenied)"),
    ],
)
def test_without_permission_nothing_begins(source: str, output: str, why: str) -> None:
    pytest.importorskip("ray", reason="the Ray engine needs the extra ray")
    with (
        s3_server(lambda path, _: "forbidden" if path[:7] == "/locked" else None) as server,
        reaching(server.environment),
    ):
        server.put("open", {"a.png": b""})
        done = classify(source, "-o", output, *RAY)
        assert not any(asked.startswith("PUT") for asked in server.asked)
    assert done.exit_code == 2
    assert why in done.stderr
    assert not any(secret in done.stderr for secret in KEYS.values())


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.cluster
def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the Ray engine needs the extra ray")
    patient = (
        "import sys; from tinydigits.cluster import ray_cluster; assert ray_cluster.ANSWER <= 20\n"
        "ray_cluster.ANSWER = 3; from tinydigits.cli.main import run; run()"
    )
    with silent_server() as address:
        words = ["classify", str(SCANS), "-o", str(tmp_path / "parts"), *RAY]
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", patient, *words, "--ray-address", address],
            capture_output=True,
            check=False,
        )
    assert done.returncode == 2
    assert f"no Ray cluster at {address}: no answer within 3 s" in done.stderr.decode()
    assert time.monotonic() - began < 30
    assert not list(tmp_path.iterdir())
