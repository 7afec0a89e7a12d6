"""`classify` and `evaluate` read a bucket as they read a folder, and print no credential."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import SCANS
from tests.support.commands import COMMAND, run_apart
from tests.support.commands import run as run_here
from tests.support.files import png, zipped
from tests.support.location import reaching
from tests.support.s3_server import KEYS, S3, Fault, s3_server, some
from tests.support.waiting import soon
from tinydigits_train.labelled_folder import Digits

pytestmark = pytest.mark.network

BLOBS = {path.name: path.read_bytes() for path in SCANS.iterdir()}
MANY = 5000
SHARES: dict[Fault, float] = {
    "500": 0.03,
    "slow down": 0.02,
    "reset": 0.03,
    "slow": 0.02,
    "cut": 0.03,
}
SECRETS = (*KEYS.values(), "SIGNATURE", "sesame")


class Done(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


def faults(path: str, time_: int) -> Fault | None:
    """Nothing in the bucket `locked` is to be read; the bucket `bad` is a bad network away."""
    if path.startswith("/locked"):
        return "forbidden"
    if path.startswith("/slow/"):
        return "slow"
    return some(1, SHARES)(path, time_) if path.startswith("/bad/") else None


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server(faults) as server:
        server.put("scans", {f"scans/{name}": data for name, data in BLOBS.items()})
        more = {"a.zip": zipped(*BLOBS.items()), "notes/a.txt": b""}
        server.put("more", {**more, "1/a.png": BLOBS["1-small.png"]})
        server.put("locked", {"1.png": b""})
        server.put("slow", {f"{number}.png": BLOBS["1-small.png"] for number in range(2000)})
        yield server


@pytest.fixture(scope="module", autouse=True)
def silenced(s3: S3) -> "Iterator[list[Future[tuple[int, bytes, float]]]]":
    """Status, stderr and duration of runs to whom nobody answers, beside the tests that follow."""

    def waiting(url: str) -> tuple[int, bytes, float]:
        environment = {**os.environ, **s3.environment, "AWS_ENDPOINT_URL": f"http://{host}"}
        began = time.monotonic()
        done = subprocess.run(
            [COMMAND, "classify", url], env=environment, stderr=subprocess.PIPE, check=False
        )
        return done.returncode, done.stderr, time.monotonic() - began

    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as pool:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        urls = "s3://scans/", f"http://{host}/1.png", f"https://{host}/1.png"
        yield [pool.submit(waiting, url) for url in urls]


@pytest.fixture
def run(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, in a folder of its own and with the keys of the server. None is in what it
    prints or writes. It runs in this process, or `apart` in one of its own.
    """
    monkeypatch.chdir(tmp_path)

    def runs(*words: str, stdin: str = "", apart: bool = False) -> Done:
        with reaching(s3.environment):
            done = Done(
                *(run_apart if apart else run_here)(*words, stdin=stdin.encode(), cwd=tmp_path)
            )
        written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        for text in (done.stdout.encode(), done.stderr.encode(), *written):
            assert not any(secret.encode() in text for secret in SECRETS)
        return done

    return runs


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_five_thousand_pictures_behind_a_bad_network_are_read_as_if_they_were_here(
    s3: S3, run: Run, tmp_path_factory: pytest.TempPathFactory, mnist_test: Digits
) -> None:
    folder = tmp_path_factory.mktemp("here")
    for number in range(7):
        (folder / f"{number}").mkdir()
    pictures = {}
    for number in range(MANY):
        name = f"{number % 7}/{number}.png"
        pictures[name] = png(mnist_test.images[number % len(mnist_test.images)])
        (folder / name).write_bytes(pictures[name])
    s3.put("bad", pictures)
    s3.asked.clear()
    there = run("classify", "s3://bad/", "--format", "csv", apart=True)
    assert there.returncode == 0, there.stderr
    requests = sum(times for path, times in s3.asked.items() if "/bad/" in path)
    assert requests > 1.05 * MANY, "the network was not bad"
    here = run("classify", str(folder), "--format", "csv")
    assert there.stdout.replace("s3://bad/", f"{folder}/") == here.stdout
    assert len(rows_of(here.stdout)) == MANY


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("s3://no-such-bucket/a",), "s3://no-such-bucket/a: no such bucket; check the name"),
        (("s3://scans/none/",), "s3://scans/none/: nothing is there; check the name"),
        (("s3://more/none.zip",), "s3://more/none.zip: nothing is there; check the name"),
        (("s3://more/notes/",), "no image found in s3://more/notes/ · skipped: 1 other file"),
        (("s3://locked/",), "s3://locked/: no permission (AccessDenied); set AWS_PROFILE"),
        (("1.png", "s3://locked/"), "s3://locked/: no permission"),
        (("--batch-size", "1", "s3://more/", "s3://locked/"), "s3://locked/: no permission"),
        (
            ("https://me:sesame@127.0.0.1:1/b.png?c=SIGNATURE",),
            "https://127.0.0.1:1/b.png: the connection failed: Connection refused; check the",
        ),
    ],
)
def test_bad_input_is_said_before_anything_is_written(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run("classify", *words, "-o", "rows.csv", "--resume")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "s3://scans/rows.csv"), "results are written to files on this machine"),
        (("--report", "https://a/b.html?SIGNATURE"), "https://a/b.html: results are written to"),
        (("--watch",), "--watch watches folders and files, not addresses"),
        (("--sort-into", "sorted", "--sort-by", "move"), "at addresses can only be copied"),
    ],
)
def test_options_that_do_not_go_with_addresses_say_so(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run("classify", "s3://scans/scans/", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_says_nothing_is_given_up_within_30_seconds(
    silenced: "list[Future[tuple[int, bytes, float]]]",
) -> None:
    for each in silenced:
        status, said, seconds = each.result()
        assert status == 2
        assert b"no answer in time; check the address and the network" in said
        assert seconds < 30


def test_lists_and_inputs_of_all_kinds_are_rows_in_order(run: Run) -> None:
    one, seven = SCANS / "1-small.png", SCANS / "7-red-pen.png"
    odd = ("https://[bad/a.png", "s3://[x/a.png", "nix://a]b/c")
    listed = f"s3://more/1/a.png\n{seven}\ns3://more/none.png\ns3://no-such/1.png\n"
    listed += "".join(f"{url}\n" for url in odd)
    done = run(
        "classify", "s3://more/a.zip", "-", "s3://scans/scans/1-small.png", str(one),
        "--format", "csv", "--workers", "2",
        stdin=f"{listed}s3://more/a.zip\nnix://me:sesame@a/b\n",
        apart=True,
    )  # fmt: skip
    assert done.returncode == 1
    rows = rows_of(done.stdout)
    archive = [f"s3://more/a.zip/{name}" for name in BLOBS]
    assert [row["path"] for row in rows] == [
        *archive, *listed.splitlines(), *archive, "nix://me@a/b", "s3://scans/scans/1-small.png",
        str(one),
    ]  # fmt: skip
    wrong = {row["path"]: row["reason"] for row in rows if row["status"] == "error"}
    assert wrong.pop("nix://me@a/b").startswith("no scheme nix:// is known")
    assert all(wrong.pop(url) for url in odd)
    assert wrong == {"s3://more/none.png": "not found", "s3://no-such/1.png": "no such bucket"}


def test_a_run_goes_on_and_fetches_what_is_missing_alone(s3: S3, run: Run, tmp_path: Path) -> None:
    words = ("classify", "s3://scans/scans", "-o", "rows.csv", "--resume", "--batch-size", "4")
    assert run(*words).returncode == 0
    rows = tmp_path / "rows.csv"
    whole = rows.read_bytes()
    head = b"".join(whole.splitlines(keepends=True)[:19])
    rows.write_bytes(head[:-5])  # 17 rows, and one that is torn
    s3.asked.clear()
    done = run(*words)
    assert rows.read_bytes() == whole
    assert f"{len(BLOBS)} images: " in done.stderr
    fetched = [path for path in s3.asked if "/scans/scans/" in path]
    # Only the document itself tells how many pages, and so rows, it has.
    again = [path for path in fetched if path.endswith("5-black-pen.tiff")]
    assert len(again) == 2
    assert len(fetched) - len(again) == len(BLOBS) - 16


def test_pictures_are_sorted_reported_and_saved(run: Run, tmp_path: Path) -> None:
    done = run(
        "classify", "s3://scans/scans/", "s3://more/1", "--sort-into", "sorted",
        "--report", "page.html", "--save-fit", "fit", "-o", "rows.jsonl",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sorted_ = tmp_path / "sorted"
    assert (sorted_ / "1/scans/1-small.png").read_bytes() == BLOBS["1-small.png"]
    assert (sorted_ / "1/1/a.png").read_bytes() == BLOBS["1-small.png"]
    steps = map(json.loads, (sorted_ / "sort-log.jsonl").read_text().splitlines())
    assert "s3://more/1/a.png" in {step["from"] for step in steps}
    assert "s3://more/1/a.png" in (tmp_path / "page.html").read_text()
    assert len(list((tmp_path / "fit").iterdir())) == len(BLOBS) + 1
    undone = run("unsort", "sorted")
    assert "sorted by copy: the originals are still in place" in undone.stderr


def test_a_bucket_is_evaluated_by_its_prefixes(run: Run) -> None:
    done = run("evaluate", "s3://more/", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["correct"] == json.loads(done.stdout)["images"] == 1
    flat = run("evaluate", "s3://scans/scans/")
    assert flat.returncode == 2
    assert "has no truth" in flat.stderr


def test_ctrl_c_ends_a_run_at_once_and_leaves_nothing(s3: S3, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [COMMAND, "classify", "s3://slow/", "-o", "rows.csv"],
        env={**os.environ, **s3.environment}, cwd=tmp_path, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert soon(lambda: s3.asked["GET /slow/100.png"], 60)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert said.startswith(b"stopped: ")
    assert said.endswith("· rows.csv is not written\n".encode())
    assert list(tmp_path.iterdir()) == []
