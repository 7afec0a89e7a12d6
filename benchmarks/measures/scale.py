"""Scale: what large jobs cost with the Ray engine, and what that makes of a billion pictures.

Files, and the same in zip and tar archives of 1,000; on local disk, and in an S3 server on the
loopback (`s3.py`), whose requests are counted. The server shares the CPUs with what it
serves.
"""

import io
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.pictures import KINDS, SHARD, encoded, write
from benchmarks.harness.plan import TINYDIGITS, MissingInput, Plan, data
from benchmarks.harness.results import Column, Finding, Table, Value
from tinydigits import Classifier
from tinydigits.classifier import BATCH_SIZE
from tinydigits.cluster.plan import MOST, entries_of, planned
from tinydigits.errors import TinydigitsError
from tinydigits.images import Limits
from tinydigits.items import Skipped, chunked
from tinydigits.sources import Opening, at_hand, open_inputs

SCANS = Path(__file__).parents[2] / "examples" / "scans"
ON_DISK, STORED = (1000, 10_000, 100_000), (1000, 10_000)
SHORT = (100, 200)
ALONE = 2000  # pictures: how many one process reads to find out what one takes
NAMES = 200_000
BILLION = 1_000_000_000
PAGE = 0.1  # s: that a store takes to list 1,000 names
VERBS = ("GET", "HEAD", "LIST", "PUT")
DOLLARS = {"GET": 0.4, "HEAD": 0.4, "LIST": 5.0, "PUT": 5.0}  # a million: S3 Standard, us-east-1


class Run(NamedTuple):
    """One command."""

    seconds: float
    images: int


class Job(NamedTuple):
    """How the commands are given."""

    pictures: list[bytes]
    """Encoded; again and again, if more are asked for."""

    folder: Path
    options: list[str]


class Stored(NamedTuple):
    """Pictures in a store."""

    runs: list[Run]
    requests: Counter[str]
    """Of the last run."""

    a_picture: dict[str, float]
    """Requests: the last run's, less those of the one before, by picture."""

    fetching: float
    """The seconds of CPU that a picture takes to come, and to be found in its archive."""


def measure(plan: Plan) -> Finding:
    sizes, stored, kinds = (SHORT, SHORT, KINDS[::2]) if plan.short else (ON_DISK, STORED, KINDS)
    model = plan.names[-1]
    pictures = encoded(data(plan).test.images)
    scans = [path.read_bytes() for path in sorted(SCANS.iterdir())]
    digit, scan = (1 / alone(each, model, plan) for each in (pictures, scans))
    with ray_and_store(plan) as (address, counted):
        job = Job(pictures, plan.scratch, ["-m", model, "--ray-address", address])
        workers = (2,) if plan.short else (1, 2)
        disk = list(on_disk(job, sizes, kinds, workers, plan.say))
        found = in_a_store(job, stored, kinds, counted, plan.say)
    names = in_the_driver()
    one = [("a digit: decode, network", digit), ("an example scan: also fit", scan)]
    one += [(f"to fetch one of {kind}", each.fetching) for kind, each in found.items()]
    return Finding(
        "scale",
        what="What reading pictures with `--engine ray` costs: one picture, in CPU time of one "
        "core; jobs, in the time of the whole command with a Ray that runs already; and from that, "
        "by arithmetic alone, a billion. `images/s` is of what the largest job has more than the "
        "one before it. `to fetch` is what whoever fetches takes, not the store.",
        on=f"MNIST digits as PNG files, and in zip and tar archives of {SHARD:,}, stored and not "
        f"compressed; `{model}`; the store is moto's S3 server on the loopback, of which only "
        "requests are meant, not its times, since it shares the CPUs",
        how="one command each",
        tables=(
            Table("scale one", "one picture", _ONE, tuple(_one(one))),
            Table("scale disk", "jobs on local disk; s", _on_disk(sizes), tuple(disk)),
            Table("scale store", f"{stored[-1]:,} in a store", _STORED, tuple(_stored(found))),
            Table("scale names", "names in the driver, packed into parts", _NAMES, tuple(names)),
            Table("scale billion", "a billion digits", _BILLION, tuple(_billion(digit, found))),
        ),
    )


def alone(pictures: list[bytes], model: str, plan: Plan) -> float:
    """Images a second of CPU, of one process that has them in memory."""
    classifier = Classifier(model)
    count = SHORT[0] if plan.short else ALONE
    source = [pictures[number % len(pictures)] for number in range(count)]
    list(classifier.classify(source[:256]))
    began = time.process_time()
    list(classifier.classify(source))
    return count / (time.process_time() - began)


def on_disk(
    job: Job,
    sizes: tuple[int, ...],
    kinds: tuple[str, ...],
    workers: tuple[int, ...],
    say: Callable[[str], None],
) -> Iterator[tuple[Value, ...]]:
    for number in workers:
        for kind in kinds:
            runs = []
            for count in sizes:
                say(f"{number} workers, {count:,} {kind} on disk")
                inputs = [str(path) for path in write(job.pictures, job.folder, kind, count)]
                output = job.folder / "out"
                runs.append(
                    classified(inputs, str(output), [*job.options, "--workers", str(number)])
                )
                shutil.rmtree(output)
            yield (number, kind, *(run.seconds for run in runs), _rate(runs))


def classified(inputs: list[str], output: str, options: list[str]) -> Run:
    """One command; many inputs are listed on stdin. Raises TinydigitsError where it fails."""
    words = [*inputs] if len(inputs) == 1 else ["-"]
    words = ["classify", *words, "-o", output, "--engine", "ray", *options]
    listed = "\n".join(inputs).encode()
    began = time.perf_counter()
    done = subprocess.run([*TINYDIGITS, *words], input=listed, capture_output=True, check=False)
    seconds = time.perf_counter() - began
    said = done.stderr.decode()
    found = re.search(r"([\d,]+) images?: [\d,]+ ok, [\d,]+ uncertain, 0 unreadable", said)
    if done.returncode or found is None:
        raise TinydigitsError(f"tinydigits {' '.join(words)} failed: {said.strip()}")
    return Run(seconds, int(found[1].replace(",", "")))


@contextmanager
def ray_and_store(plan: Plan) -> Iterator[tuple[str, Callable[[], Counter[str]]]]:
    """The address of a Ray on this machine, and a function that counts requests (see `store`). For
    commands that are started within. Raises MissingInput, MissingExtra.
    """
    try:
        import moto.server  # noqa: F401 - is it there?
        import s3fs  # noqa: F401
    except ImportError as error:
        raise MissingInput("needs the extra dev: pip install -e '.[dev]'") from error
    from benchmarks.harness.s3 import store
    from tinydigits.cluster.ray_cluster import connected

    with store(plan.scratch) as counted, connected("local", 2):
        import ray

        yield ray.get_runtime_context().gcs_address, counted


def in_a_store(
    job: Job,
    sizes: tuple[int, ...],
    kinds: tuple[str, ...],
    counted: Callable[[], Counter[str]],
    say: Callable[[str], None],
) -> dict[str, Stored]:
    """For each kind, what its pictures take."""
    import s3fs

    client = s3fs.S3FileSystem()
    client.mkdir("scale")
    found: dict[str, Stored] = {}
    for kind in kinds:
        runs, requests = [], []
        for count in sizes:
            say(f"{count:,} {kind} in a store")
            paths = write(job.pictures, job.folder, kind, count)
            base = f"scale/{kind}-{count}"
            client.put(f"{job.folder / f'{kind}-{count}'}/", f"{base}/", recursive=True)
            inputs = [f"s3://{base}/"]
            if kind != "files":
                inputs = [f"s3://{base}/{path.name}" for path in paths]
            counted()  # those of putting them there
            runs.append(classified(inputs, f"s3://scale/out-{kind}-{count}", job.options))
            requests.append(counted())
        more = runs[-1].images - runs[-2].images
        before, last = requests[-2:]
        a_picture = {verb: max(0, last[verb] - before[verb]) / more for verb in VERBS}
        found[kind] = Stored(runs, last, a_picture, fetching(inputs))
    # The parts of a large job are larger than these.
    found["files"].a_picture["PUT"] = 1 / (MOST * BATCH_SIZE)
    return found


def fetching(inputs: list[str]) -> float:
    """Seconds of CPU, for one picture."""
    limits = Limits()
    items = open_inputs(inputs, Opening(limits, Skipped(), partial(io.BytesIO, b"")))
    began = time.process_time()
    chunks = at_hand(chunked(items, BATCH_SIZE), limits.max_bytes)
    count = sum(len(chunk.names) for chunk in chunks)
    return (time.process_time() - began) / count


def in_the_driver() -> list[tuple[Value, ...]]:
    """What a name costs the driver: its shape, bytes, names a second."""
    rng = random.Random(0)
    shapes: dict[str, Callable[[int], str]] = {
        "scans/000123/000123456.png": lambda n: f"scans/{n // 1000:06}/{n:09}.png",
        "scans/(32 random digits).png": lambda _: f"scans/{rng.getrandbits(128):032x}.png",
    }
    rows: list[tuple[Value, ...]] = []
    for shape, name in shapes.items():
        names = "\n".join(name(number) for number in range(NAMES)).encode()
        opening = Opening(Limits(), Skipped(), partial(io.BytesIO, names))
        began = time.perf_counter()
        _, parts = planned(entries_of(("-",), opening), BATCH_SIZE, {})
        seconds = time.perf_counter() - began
        size = sum(len(part.work) for part in parts) / NAMES
        rows.append((shape, size, size * BILLION / 1e9, NAMES / seconds))
    return rows


def _rate(runs: list[Run]) -> float | None:
    """Images a second, of those that the last run had more than the one before."""
    before, last = runs[-2:]
    seconds = last.seconds - before.seconds
    return (last.images - before.images) / seconds if seconds > 0 else None


_ONE = (Column("one picture"), Column("µs", ",.0f"), Column("a core does, a second", ",.0f"))
_STORED = (
    Column("kind"),
    *(Column(verb, ",d") for verb in VERBS),
    Column("images/s", ",.0f"),
    Column("to fetch one, µs", ",.0f"),
)
_NAMES = (
    Column("name"),
    Column("bytes", ".1f"),
    Column("GB a billion", ".1f"),
    Column("names/s", ",.0f"),
)
_BILLION = (
    Column("kind"),
    Column("core hours", ",.0f"),
    Column("cores for a day", ",.1f"),
    *(Column(f"million {verb}", ",.1f") for verb in VERBS),
    Column("dollars", ",.1f"),
    Column("hours to list", ",.2f"),
)


def _on_disk(sizes: tuple[int, ...]) -> tuple[Column, ...]:
    counts = [Column(f"{count:,}", ".1f") for count in sizes]
    return (Column("workers", "d"), Column("kind"), *counts, Column("images/s", ",.0f"))


def _one(seconds: list[tuple[str, float]]) -> Iterator[tuple[Value, ...]]:
    for name, each in seconds:
        yield name, 1e6 * each, 1 / each


def _stored(found: dict[str, Stored]) -> Iterator[tuple[Value, ...]]:
    for kind, stored in found.items():
        counts = (stored.requests[verb] for verb in VERBS)
        yield (kind, *counts, _rate(stored.runs), 1e6 * stored.fetching)


def _billion(digit: float, found: dict[str, Stored]) -> Iterator[tuple[Value, ...]]:
    for kind, stored in found.items():
        hours = BILLION * (digit + stored.fetching) / 3600
        millions = {verb: each * BILLION / 1e6 for verb, each in stored.a_picture.items()}
        dollars = sum(millions[verb] * price for verb, price in DOLLARS.items())
        listing = millions["LIST"] * 1e6 * PAGE / 3600
        yield (kind, hours, hours / 24, *(millions[verb] for verb in VERBS), dollars, listing)
