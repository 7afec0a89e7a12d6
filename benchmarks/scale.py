"""What large jobs cost with the Ray engine, and what that makes of a billion pictures:

    python -m benchmarks.scale --mnist DIR [--sizes 1000,10000,100000] [--stored 1000,10000]

MNIST digits as PNG files, and the same in zip and tar archives of 1,000; on local disk, and in an
S3 server on the loopback (moto's), whose requests are counted. Times are those of whole commands,
with a Ray that runs already; the server shares the CPUs with what it serves.
"""

import argparse
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tinydigits import Classifier
from tinydigits.classifier import BATCH_SIZE
from tinydigits.idx import read_images
from tinydigits.images import Limits
from tinydigits.parts import MOST, entries_of, planned
from tinydigits.ray import connected
from tinydigits.sources import Opening, Skipped, at_hand, chunked, open_inputs

SCANS = Path(__file__).parents[1] / "examples" / "scans"
SHARD = 1000  # pictures in an archive
KINDS = ("files", "zip", "tar")
ALONE = 2000  # pictures: how many one process reads to find out what one takes
NAMES = 200_000
BILLION = 1_000_000_000
COMMAND = [sys.executable, "-c", "from tinydigits.cli import run; run()", "classify"]
DOLLARS = {"GET": 0.4, "HEAD": 0.4, "LIST": 5.0, "PUT": 5.0}  # a million: S3 Standard, us-east-1

Counting = Callable[[], Counter[str]]


class Run(NamedTuple):
    """One command."""

    seconds: float
    images: int
    requests: Counter[str]


class Needed(NamedTuple):
    """What one picture in a store takes."""

    requests: dict[str, float]
    seconds: float
    """Of CPU, to come."""


def encoded(mnist: Path) -> list[bytes]:
    """Digits as PNG files."""
    result = []
    for image in read_images(next(mnist.glob("t*-images*"))):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        result.append(file.getvalue())
    return result


def write(pictures: list[bytes], folder: Path, kind: str, count: int) -> list[Path]:
    """As many pictures, as inputs of a command. What is there is taken as it is."""
    target = folder / f"{kind}-{count}"
    inputs = [target]
    if kind != "files":
        inputs = [target / f"{first // SHARD:06}.{kind}" for first in range(0, count, SHARD)]
    if target.exists():
        return inputs
    for first in range(0, count, SHARD):
        numbers = range(first, min(first + SHARD, count))
        members = ((f"{number:09}.png", pictures[number % len(pictures)]) for number in numbers)
        target.mkdir(exist_ok=True)
        if kind == "files":
            below = target / f"{first // SHARD:06}"
            below.mkdir()
            for name, data in members:
                (below / name).write_bytes(data)
        elif kind == "zip":
            with zipfile.ZipFile(target / f"{first // SHARD:06}.zip", "w") as packed:
                for name, data in members:
                    packed.writestr(name, data)
        else:
            with tarfile.open(target / f"{first // SHARD:06}.tar", "w") as tar:
                for name, data in members:
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return inputs


def classified(inputs: list[str], output: str, options: list[str], counted: Counting) -> Run:
    """One command; many inputs are listed on stdin."""
    words = [*inputs] if len(inputs) == 1 else ["-"]
    words += ["-o", output, "--engine", "ray", *options]
    listed = "\n".join(inputs).encode()
    counted()
    began = time.perf_counter()
    done = subprocess.run([*COMMAND, *words], input=listed, capture_output=True, check=False)
    seconds = time.perf_counter() - began
    said = done.stderr.decode()
    found = re.search(r"([\d,]+) images?: [\d,]+ ok, [\d,]+ uncertain, 0 unreadable", said)
    if done.returncode or found is None:
        sys.exit(f"the command failed:\n{said}")
    return Run(seconds, int(found[1].replace(",", "")), counted())


def alone(pictures: list[bytes], model: str) -> float:
    """Images a second of one process that has them in memory: what a core does."""
    classifier = Classifier(model)
    source = [pictures[number % len(pictures)] for number in range(ALONE)]
    list(classifier.classify(source[:256]))
    began = time.perf_counter()
    list(classifier.classify(source))
    return ALONE / (time.perf_counter() - began)


def on_disk(
    pictures: list[bytes], sizes: list[int], folder: Path, options: list[str], counted: Counting
) -> None:
    """Prints a table of seconds, and what comes between the last two sizes."""
    print("\non local disk, seconds")
    print("workers kind   " + "".join(f"{count:>9,}" for count in sizes) + "   images/s")
    for workers in ("1", "2"):
        for kind in KINDS:
            runs = []
            for count in sizes:
                inputs = [str(path) for path in write(pictures, folder, kind, count)]
                words = [*options, "--workers", workers]
                runs.append(classified(inputs, str(folder / "out"), words, counted))
                shutil.rmtree(folder / "out")
            print(f"{workers:<7} {kind:<7}{_seconds(runs)} {_rate(runs):>10,.0f}", flush=True)


def _seconds(runs: list[Run]) -> str:
    return "".join(f"{run.seconds:>9.1f}" for run in runs)


def _rate(runs: list[Run]) -> float:
    """Images a second, of those that the last run had more than the one before."""
    before, last = runs[-2:]
    return (last.images - before.images) / max(last.seconds - before.seconds, 1e-9)


@contextmanager
def store(folder: Path) -> Iterator[Counting]:
    """An S3 server, for commands started within; gives a function that counts the requests since
    it was last called.
    """
    log = folder / "requests.log"
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as file:
        server = subprocess.Popen(words, stdout=file, stderr=file)
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())):
            if server.poll() is not None:
                sys.exit(f"moto's server does not start:\n{log.read_text()}")
            time.sleep(0.1)
        os.environ |= {
            "AWS_ENDPOINT_URL": found[0],
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        seen = 0

        def counted() -> Counter[str]:
            nonlocal seen
            lines = log.read_text().splitlines()
            requests = re.findall(r'"([A-Z]+) (\S+) HTTP', "\n".join(lines[seen:]))
            seen = len(lines)
            return Counter("LIST" if "list-type" in path else verb for verb, path in requests)

        yield counted
    finally:
        server.terminate()
        server.wait()


def in_a_store(
    pictures: list[bytes], sizes: list[int], folder: Path, options: list[str], counted: Counting
) -> dict[str, Needed]:
    """Prints a table."""
    import s3fs

    client = s3fs.S3FileSystem()
    client.mkdir("scale")
    print(
        "\nin an S3 server on this machine, 2 workers, seconds; and what one picture costs the CPU"
    )
    print("of whoever fetches it; and the requests of the last")
    print("kind   " + "".join(f"{count:>9,}" for count in sizes) + "   images/s  to fetch one")
    needed: dict[str, Needed] = {}
    for kind in KINDS:
        runs = []
        for count in sizes:
            paths = write(pictures, folder, kind, count)
            base = f"scale/{kind}-{count}"
            client.put(f"{folder / f'{kind}-{count}'}/", f"{base}/", recursive=True)
            inputs = [f"s3://{base}/"]
            if kind != "files":
                inputs = [f"s3://{base}/{path.name}" for path in paths]
            runs.append(classified(inputs, f"s3://scale/out-{kind}-{count}", options, counted))
        before, last = runs[-2:]
        images = last.images - before.images
        requests = {
            verb: max(0, last.requests[verb] - before.requests[verb]) / images for verb in DOLLARS
        }
        needed[kind] = Needed(requests, fetching(inputs))
        shown = ", ".join(f"{number:,} {verb}" for verb, number in last.requests.items())
        fetch = f"{needed[kind].seconds * 1e6:,.0f} µs"
        print(f"{kind:<7}{_seconds(runs)} {_rate(runs):>10,.0f} {fetch:>13}  {shown}", flush=True)
    # The parts of a large job are larger than these.
    needed["files"].requests["PUT"] = 1 / (MOST * BATCH_SIZE)
    return needed


def fetching(inputs: list[str]) -> float:
    """The seconds of CPU that a picture takes to come, and to be found in its archive."""
    limits = Limits()
    items = open_inputs(inputs, Opening(partial(io.BytesIO, b""), limits, Skipped()))
    began = time.process_time()
    chunks = at_hand(chunked(items, BATCH_SIZE), limits.max_bytes)
    count = sum(len(chunk.names) for chunk in chunks)
    return (time.process_time() - began) / count


def in_the_driver() -> None:
    """Prints what a name costs the driver."""
    rng = random.Random(0)
    shapes: dict[str, Callable[[int], str]] = {
        "scans/000123/000123456.png": lambda n: f"scans/{n // 1000:06}/{n:09}.png",
        "scans/(32 random digits).png": lambda _: f"scans/{rng.getrandbits(128):032x}.png",
    }
    print("\nnames in the driver, packed into parts")
    for shape, name in shapes.items():
        names = "\n".join(name(number) for number in range(NAMES)).encode()
        opening = Opening(partial(io.BytesIO, names), Limits(), Skipped())
        began = time.perf_counter()
        _, parts = planned(entries_of(("-",), opening), BATCH_SIZE, {})
        rate = NAMES / (time.perf_counter() - began)
        size = sum(len(part.work) for part in parts) / NAMES
        gigabytes = size * BILLION / 1e9
        print(f"{shape:<29} {size:>4.1f} bytes a name, {gigabytes:.0f} GB a billion, {rate:,.0f}/s")


def reckoned(core: float, needed: dict[str, Needed]) -> None:
    """Prints what a billion digits take, from what was measured."""
    print("\na billion digits")
    for kind, (requests, seconds) in needed.items():
        hours = BILLION * (1 / core + seconds) / 3600
        millions = {verb: number * BILLION / 1e6 for verb, number in requests.items()}
        dollars = sum(millions[verb] * price for verb, price in DOLLARS.items())
        listed = ", ".join(f"{value:,.1f} {verb}" for verb, value in millions.items())
        print(f"{kind:<6} {hours:,.0f} core hours; {listed} (millions): {dollars:,.0f} dollars")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mnist", type=Path, required=True, help="a folder with its IDX files")
    parser.add_argument("--sizes", default="1000,10000,100000", help="on local disk")
    parser.add_argument("--stored", default="1000,10000", help="in the S3 server")
    parser.add_argument("--model", default="conv")
    given = parser.parse_args()
    sizes = [int(each) for each in given.sizes.split(",")]
    stored = [int(each) for each in given.stored.split(",")]
    pictures = encoded(given.mnist)
    scans = [path.read_bytes() for path in sorted(SCANS.iterdir())]
    core = alone(pictures, given.model)
    print(f"one process, in memory: {core:,.0f} digits/s, {alone(scans, given.model):,.0f} scans/s")
    with tempfile.TemporaryDirectory() as name, store(Path(name)) as counted:
        began = time.perf_counter()
        with connected("local", 2):
            print(f"a Ray of one's own starts in {time.perf_counter() - began:.1f} s")
            import ray

            options = ["-m", given.model]
            options += ["--ray-address", ray.get_runtime_context().gcs_address]
            on_disk(pictures, sizes, Path(name), options, counted)
            needed = in_a_store(pictures, stored, Path(name), options, counted)
    in_the_driver()
    reckoned(core, needed)


if __name__ == "__main__":
    main()
