"""What the tests of the Ray engine share: a local Ray, pictures, and how its actors are killed."""

import gzip
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.harness.s3 import store
from tests.support.files import png, tarred, zipped
from tests.support.location import reaching
from tests.support.waiting import soon
from tinydigits.cli.main import main
from tinydigits.cluster.ray_cluster import connected
from tinydigits_train.labelled_folder import Digits

# Every Python below the local Ray loads this: a process that opens such a picture is killed, as by
# a hostile picture that breaks a decoder.
POISON = "poison.png"
ENOUGH_TICKS = 3  # of 10 ms: more than an idle actor takes
POISONED = f"""
import os, signal
unpatched = os.open
def opened(path, *rest, **more):
    if str(path).endswith("{POISON}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return unpatched(path, *rest, **more)
os.open = opened
"""


@contextmanager
def store_server(folder: Path) -> Iterator[None]:
    """Run an S3 server on loopback, which everything that starts within uses."""
    pytest.importorskip("moto.server", reason="the S3 server is moto's")
    with store(folder), reaching():
        yield


def process_state() -> tuple[object, ...]:
    """Return what Ray may change in a process: SIGTERM and file descriptor 2."""
    stderr = os.fstat(2)
    return signal.getsignal(signal.SIGTERM), stderr.st_dev, stderr.st_ino


@contextmanager
def local_ray(folder: Path) -> Iterator[tuple[object, object]]:
    """Run Ray on two CPUs, with POISON. Yield the state of this process before and within."""
    pytest.importorskip("ray", reason="the Ray engine needs the extra ray")
    (folder / "sitecustomize.py").write_text(POISONED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        patch.delenv("RAY_ADDRESS", raising=False)
        before, environment = process_state(), dict(os.environ)
        with connected("local", 2):
            yield before, process_state()
        assert dict(os.environ) == environment


def write_digits(folder: Path, digits: Digits, count: int) -> Path:
    """Write so many PNG files into two folders."""
    for name, data in _encoded(digits, count):
        path = folder / str(int(name[:-4]) % 2) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_archive(path: Path, digits: Digits, count: int) -> None:
    """Write a zip, a tar or a tar.gz of so many PNG files."""
    pack = zipped if path.suffix == ".zip" else tarred
    data = pack(*_encoded(digits, count))
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def _encoded(digits: Digits, count: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield f"{number}.png", png(digits.images[number % len(digits.images)])


def classify(*words: object, input: str | None = None) -> Result:
    said = ["classify", *map(str, words)]
    return CliRunner().invoke(main, said, input, catch_exceptions=False)


def table(path: object, **options: Any) -> Any:
    """The rows of a Parquet file or of a folder of parts."""
    from pyarrow import parquet

    return parquet.read_table(str(path), **options)


def parts_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def actors() -> list[int]:
    """Return the processes that read parts, of the Ray that this process has started."""
    parents, found = {}, []
    for entry in Path("/proc").iterdir():
        try:
            number = int(entry.name)
            parents[number] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if (entry / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                found.append(number)
        except (ValueError, OSError):
            continue

    def is_ours(number: int) -> bool:
        while number > 1 and number != os.getpid():
            number = parents.get(number, 0)
        return number == os.getpid()

    return [number for number in found if is_ours(number)]


def at_work() -> int:
    """Return the actor that computes."""
    before: dict[int, int] = {}
    until = time.monotonic() + 300  # a busy machine starts actors slowly
    while time.monotonic() < until:
        for number in actors():
            with suppress(OSError):
                said = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
                if int(said[11]) - before.setdefault(number, int(said[11])) >= ENOUGH_TICKS:
                    return number
        time.sleep(0.01)
    raise AssertionError("no actor computes")


@contextmanager
def one_killed(parts: Callable[[], int], of: int) -> Iterator[None]:
    """Kill an actor at work when the first part is there, and not yet all are."""
    found: list[int] = []

    def kill() -> None:
        soon(parts, 300, 0.05)  # a busy machine starts actors slowly; a store takes 5 ms to answer
        os.kill(at_work(), signal.SIGKILL)
        found.append(parts())

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert len(found) == 1
    assert 0 < found[0] < of
