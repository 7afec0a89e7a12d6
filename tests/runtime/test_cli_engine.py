"""What the Ray engine cannot do is said before anything is written, and within 30 seconds."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runtime.rays import classify

SCANS = ROOT / "examples" / "scans"
RAY = ("--engine", "ray")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "name it with -o FOLDER"),
        (("-o", "-"), "name it with -o FOLDER"),
        (("-o", "rows.csv"), "and not a file: rows.csv"),
        (("-o", "parts", "--format", "jsonl"), "writes Parquet, not jsonl"),
        (("-o", "parts", "--report", "page.html"), "--report goes with --engine local"),
        (("-o", "parts", "--watch"), "--watch goes with --engine local"),
        (("-o", "parts", "--sort-into", "sorted"), "--sort-into goes with --engine local"),
        (("-o", "parts", "--save-fit", "fits"), "--save-fit goes with --engine local"),
        (("-o", "parts", "--dry-run"), "--dry-run goes with --engine local"),
        (("-o", SCANS), "read and written into"),
    ],
)
def test_what_does_not_go_together(
    options: tuple[object, ...], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = classify(SCANS, *RAY, *options)
    assert done.exit_code == 2
    assert why in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_address_is_rays_alone(tmp_path: Path) -> None:
    done = classify(SCANS, "--ray-address", "head:6379", "-o", tmp_path / "rows.csv")
    assert done.exit_code == 2
    assert "--ray-address goes with --engine ray" in done.stderr


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = classify(SCANS, *RAY, "-o", tmp_path / "parts")
    assert done.exit_code == 2
    assert 'pip install "tinydigits[ray]"' in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("inputs", "options", "why"),
    [
        (("empty",), (), "no image found in empty · passed over: 1 hidden"),
        ((SCANS,), ("-m", "nothing"), "no such model"),
        ((SCANS,), ("--min-score", "2"), "--min-score"),
        ((SCANS,), ("-o", "file"), "file: not a folder"),
        ((SCANS,), ("-o", "empty"), "holds other files"),
        ((SCANS,), ("-o", "empty", "--resume"), "_plan.json: name the folder of an earlier run"),
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


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the Ray engine needs the extra ray")
    patient = (
        "import sys; import tinydigits.ray; assert tinydigits.ray.ANSWER <= 25\n"
        "tinydigits.ray.ANSWER = 3; from tinydigits.cli import run; run()"
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
