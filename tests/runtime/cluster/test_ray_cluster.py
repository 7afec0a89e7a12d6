"""The Ray engine gives the rows of the local one, each exactly once, whatever is killed."""

import json
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.support.files import tarred, zipped
from tests.support.rays import (
    POISON,
    classify,
    local_ray,
    one_killed,
    parts_in,
    store_server,
    table,
    write_archive,
    write_digits,
)
from tests.support.web_server import web_server
from tinydigits import Classifier, TinydigitsError, classify_dataset
from tinydigits.cluster.actors import Job, done
from tinydigits.cluster.plan import PLAN, SUCCESS, planned
from tinydigits.items import Item
from tinydigits.model import MODELS
from tinydigits.reading import Settings
from tinydigits.remote.location import place_of
from tinydigits.sinks.rows import Shown
from tinydigits.workers import GIVEN_UP
from tinydigits_train.labelled_folder import Digits

pytestmark = [
    pytest.mark.linux,
    pytest.mark.cluster,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]  # its own, of itself


@pytest.fixture(scope="module")
def ray_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[object, object]]:
    site = tmp_path_factory.mktemp("site")
    with store_server(tmp_path_factory.mktemp("s3")), local_ray(site) as states:
        yield states


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory, mnist_test: Digits) -> Path:
    """A folder with INPUTS: 5,000 pictures, of which some cannot be read."""
    base = tmp_path_factory.mktemp("digits")
    folder = write_digits(base / "files", mnist_test, 996)
    (folder / "0" / "0-empty.png").touch()
    (folder / "0" / "7-text.png").write_text("none")
    Image.new("L", (300, 200), 255).save(folder / "1" / "blank.png")
    Image.new("L", (3000, 3000)).save(folder / "1" / "huge.png")
    for name in INPUTS[1:]:
        write_archive(base / name, mnist_test, 1000)
    return base


@pytest.fixture(scope="module")
def local_rows(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the local engine says of them."""
    path = tmp_path_factory.mktemp("local") / "rows.parquet"
    assert classify(*inputs(digits), *SLOW, "-o", path).exit_code == 1
    return path


ONE = (ROOT / "examples" / "scans" / "1-small.png").read_bytes()
INPUTS = ("files/", "a.zip", "b.tar", "c.tar.gz", "d.zip")
PARTS = 8  # four of files, and one of each archive
SLOW = ("-m", "dense", "--fit", "mnist", "--batch-size", "64")
RAY = ("--engine", "ray", "--workers", "2")


def inputs(base: object) -> list[str]:
    return [f"{base}/{name}" for name in INPUTS]


def archives(folder: Path) -> list[Path]:
    """A zip, a damaged tar and an array."""
    names = ("1.png", "notes.txt", "../out.png", "2.png")
    (folder / "a.zip").write_bytes(zipped(*((name, ONE) for name in names)))
    (folder / "b.tar").write_bytes(tarred(("1.png", ONE), ("2.png", ONE))[:2000])
    np.save(folder / "c.npy", np.zeros((300, 28, 28), np.uint8))
    return [folder / name for name in ("a.zip", "b.tar", "c.npy")]


def test_the_process_that_starts_ray_stays_as_it_was(ray_here: tuple[object, object]) -> None:
    before, within = ray_here
    assert within == before


@pytest.mark.usefixtures("ray_here")
def test_rows_are_those_of_the_local_engine(tmp_path: Path) -> None:
    given = [ROOT / "examples" / "scans", *archives(tmp_path), ROOT / "examples" / "broken"]
    (tmp_path / "missing.png").symlink_to("nothing")
    given += [tmp_path / "missing.png", ROOT / "examples" / "scans" / "1-small.png"]
    options = ("--scores", "--top-k", "3", "--max-pixels", "90000", "--min-score", "0.9")
    local = classify(*given, *options, "-o", tmp_path / "rows.parquet")
    apart = classify(*given, *options, "-o", tmp_path / "parts", *RAY)
    assert (local.exit_code, apart.exit_code) == (1, 1)
    assert local.stderr.partition(" · ")[0] == apart.stderr.partition(" · ")[0]
    assert "skipped: 1 other file" in apart.stderr
    assert apart.stdout == ""
    rows = table(tmp_path / "parts")
    assert rows.equals(table(tmp_path / "rows.parquet"))
    assert set(rows["status"].to_pylist()) == {"ok", "uncertain", "error"}
    reasons = " ".join(filter(None, rows["reason"].to_pylist()))
    for expected in ("over the limit of 90,000", "climbs out", "truncated", "No such file"):
        assert expected in reasons
    said = json.loads((tmp_path / "parts" / SUCCESS).read_text())
    assert said["model_sha256"] == Classifier().model_sha256
    assert sum(said["rows"][status] for status in ("ok", "uncertain", "error")) == len(rows)


@pytest.mark.usefixtures("ray_here")
def test_of_5000_pictures_in_a_store_none_is_lost_with_an_actor(
    digits: Path, local_rows: Path
) -> None:
    import s3fs

    client = s3fs.S3FileSystem(use_listings_cache=False)
    client.mkdir("test")
    client.put(f"{digits}/", "test/", recursive=True)

    def parts() -> int:
        return len(client.glob("test/rows/part-*"))

    with one_killed(parts, of=PARTS):
        done = classify(*inputs("s3://test"), *SLOW, "-o", "s3://test/rows", *RAY)
    assert done.exit_code == 1, done.stderr
    assert done.stdout == ""
    assert parts() == PARTS
    assert client.exists(f"test/rows/{SUCCESS}")
    columns = ["label", "score", "status", "inverted"]
    rows, expected = table("test/rows", filesystem=client), table(local_rows)
    assert rows.select(columns).equals(expected.select(columns))
    shown = [path.replace(str(digits), "s3://test") for path in expected["path"].to_pylist()]
    assert rows["path"].to_pylist() == shown


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize(
    ("source", "output", "why"),
    [
        ("s3://nowhere/a/", "s3://test-2/rows", "s3://nowhere/a/: no such bucket"),
        ("s3://test-2/empty/", "s3://test-2/rows", "s3://test-2/empty/: nothing is there"),
        ("s3://test-2/a.png", "s3://nowhere/rows", "s3://nowhere/rows: no such bucket"),
    ],
)
def test_a_store_that_lacks_something_is_said(source: str, output: str, why: str) -> None:
    import s3fs

    client = s3fs.S3FileSystem(use_listings_cache=False)
    client.mkdirs("test-2", exist_ok=True)
    client.pipe("test-2/a.png", b"")
    done = classify(source, "-o", output, *RAY)
    assert done.exit_code == 2
    assert why in done.stderr
    assert not client.exists("test-2/rows")


def stopped(words: list[str], parts: Path, number: int) -> tuple[int, str]:
    """Status and stderr of a command that gets a signal when two more parts are there."""
    command = [
        sys.executable,
        "-c",
        "from tinydigits.cli.main import run; run()",
        "classify",
        *words,
    ]
    driver = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until, enough = time.monotonic() + 300, len(parts_in(parts)) + 2
    while len(parts_in(parts)) < enough and time.monotonic() < until and driver.poll() is None:
        time.sleep(0.02)
    if driver.poll() is None:  # else what it said is in the failure
        driver.send_signal(number)
    said = driver.communicate(timeout=60)[1]
    return driver.returncode, said


@pytest.mark.usefixtures("ray_here")
def test_a_stopped_driver_says_so_and_is_gone_on_with(
    digits: Path, local_rows: Path, tmp_path: Path
) -> None:
    import ray

    parts = tmp_path / "parts"
    words = [*inputs(digits), *SLOW, "-o", str(parts), *RAY, "--resume"]
    cluster = ["--ray-address", ray.get_runtime_context().gcs_address]
    for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        status, said = stopped([*words, *cluster], parts, number)
        assert status == expected, said
        assert said.startswith("stopped: ")
        assert said.endswith(f"--resume goes on with {parts}\n")
        assert not (parts / SUCCESS).exists()
    assert classify(*words).exit_code == 1
    assert table(parts).equals(table(local_rows))


@pytest.mark.usefixtures("ray_here")
def test_a_killed_driver_is_gone_on_with(digits: Path, local_rows: Path, tmp_path: Path) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    parts = tmp_path / "parts"
    words = [*inputs(digits), *SLOW, "-o", str(parts), *RAY, "--ray-address", address]
    status, said = stopped(words, parts, signal.SIGKILL)
    assert (status, said) == (-signal.SIGKILL, "")
    before = {path.name: path.stat().st_mtime_ns for path in parts_in(parts)}
    assert 2 <= len(before) < PARTS
    assert not (parts / SUCCESS).exists()
    (parts / "part-00001.parquet").write_bytes(b"PAR1 torn PAR1")

    refused = classify(*inputs(digits), *SLOW, "-o", parts, *RAY)
    assert refused.exit_code == 2
    assert "resume it with --resume" in refused.stderr
    done = classify(*inputs(digits), *SLOW, "-o", parts, *RAY, "--resume")
    assert done.exit_code == 1, done.stderr
    assert "5,000 images" in done.stderr
    assert table(parts).equals(table(local_rows))
    names = {path.name for path in parts.iterdir()}
    assert names == {PLAN, SUCCESS, *(path.name for path in parts_in(parts))}
    for name, changed in before.items():
        assert (parts / name).stat().st_mtime_ns == changed or name == "part-00001.parquet"

    again = classify(*inputs(digits), *SLOW, "-o", parts, *RAY, "--resume")
    assert again.exit_code == 1
    assert again.stderr.partition(" · ")[0] == done.stderr.partition(" · ")[0]
    other = classify(*inputs(digits), "-o", parts, *RAY, "--resume")
    assert other.exit_code == 2
    assert "batch_size was 64 and is 256" in other.stderr


@pytest.mark.usefixtures("ray_here")
def test_a_picture_that_kills_its_reader_is_an_error_row(
    mnist_test: Digits, tmp_path: Path
) -> None:
    folder = write_digits(tmp_path / "d", mnist_test, 200)
    poison = (folder / "0" / "50.png").rename(folder / "0" / f"50-{POISON}")
    poison.write_bytes(poison.read_bytes() + b"\0")  # which C leaves to Python, as most files
    options = ("-m", "dense", "--batch-size", "16")
    done = classify(folder, *options, "-o", tmp_path / "parts", *RAY)
    assert done.exit_code == 1, done.stderr
    rows = table(tmp_path / "parts").to_pylist()
    assert len({row["path"] for row in rows}) == len(rows) == 200
    lost = [row for row in rows if row["status"] == "error"]
    assert [row["reason"] for row in lost] == [GIVEN_UP] * 16
    assert str(poison) in [row["path"] for row in lost]


@pytest.mark.usefixtures("ray_here")
def test_what_holds_no_picture_leaves_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("notes.txt", "none")
    done = classify(tmp_path / "a.zip", "-o", tmp_path / "parts", *RAY)
    assert done.exit_code == 2
    assert "no image found" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.usefixtures("ray_here")
def test_a_model_of_your_own_is_found_where_all_else_is_in_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    s3fs.S3FileSystem(use_listings_cache=False).mkdir("test-3")
    s3fs.S3FileSystem(use_listings_cache=False).pipe("test-3/a.png", ONE)
    for path in MODELS.glob("dense.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    done = classify("s3://test-3/a.png", "-m", "dense.onnx", "-o", "s3://test-3/rows", *RAY)
    assert done.exit_code == 0, done.stderr


@pytest.mark.usefixtures("ray_here")
def test_odd_addresses_are_rows_and_no_secret_is_kept(tmp_path: Path) -> None:
    names = ["https://[bad/a.png", "nix://me:sesame@a]b/c"]
    with web_server({"1.png": ONE}) as web:
        for name in ("1.png", "none.png"):
            names.append(f"{web.address}/ranges/{name}?sig=SIGNATURE".replace("//", "//me:sesame@"))
        done = classify("-", "-o", tmp_path / "parts", *RAY, input="\n".join(names))
    assert done.exit_code == 1, done.stderr
    rows = table(tmp_path / "parts").to_pylist()
    assert [row["path"] for row in rows] == [str(place_of(name)) for name in names]
    assert [row["status"] for row in rows] == ["error", "error", "ok", "error"]
    kept = [path.read_bytes() for path in (tmp_path / "parts").iterdir()]
    for text in (done.stderr.encode(), *kept, str(rows).encode()):
        assert b"sesame" not in text
        assert b"SIGNATURE" not in text
    assert len(kept) == 3


@pytest.mark.usefixtures("ray_here")
def test_a_node_that_is_not_as_the_driver_is_ends_the_job(tmp_path: Path) -> None:
    """`test_actors.py` holds each thing that a node compares."""
    plan, parts = planned([Item("a.png", "a.png")], 1, {"tinydigits": "0.0.9"})
    job = Job(Settings("dense"), Shown(), 1, str(tmp_path), plan, folder="", inputs=())
    with pytest.raises(TinydigitsError, match=r"the driver has 0\.0\.9: install one version"):
        list(done(job, parts, 1))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("ray_here")
def test_a_dataset_keeps_its_rows_and_gains_what_was_read() -> None:
    import ray

    scans = [str(ROOT / "examples" / name) for name in ("scans", "broken")]
    pictures = ray.data.read_binary_files(scans, include_paths=True)
    found = classify_dataset(pictures, classifier=Classifier("dense")).take_all()
    assert list(found[0]) == ["path", "label", "score", "status", "reason", "inverted"]
    expected = {row.path: row for row in Classifier("dense").classify(map(Path, _paths(found)))}
    assert len(expected) == len(found) == 31
    for row in found:
        prediction = expected[row["path"]]
        assert row["score"] == (prediction.score and round(prediction.score, 6))
        for name in ("label", "status", "reason", "inverted"):
            assert row[name] == getattr(prediction, name), row


def _paths(rows: list[dict[str, Any]]) -> list[str]:
    return [row["path"] for row in rows]
