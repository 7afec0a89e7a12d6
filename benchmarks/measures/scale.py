"""The cost of large jobs with the Ray engine, and from it the cost of a billion pictures.

The pictures are files, or members of zip and tar archives of 1,000. They are on local disk, or in
an S3 server on the loopback (`s3.py`) that counts requests and shares the CPUs with its clients.
"""

import io
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from benchmarks.harness.pictures import KINDS, SHARD, encoded, write_shards
from benchmarks.harness.plan import MissingInput, Plan, data
from benchmarks.harness.processes import ROOT, TINYDIGITS, ContestantError, run
from benchmarks.harness.results import Finding, Table, Value, columns
from tinydigits import Classifier
from tinydigits.bounds import Limits
from tinydigits.classifier import BATCH_SIZE
from tinydigits.cluster.plan import MOST, entries_of, planned
from tinydigits.items import Skipped, chunked
from tinydigits.sources import Opening, at_hand, open_inputs

SCANS = ROOT / "examples" / "scans"
ON_DISK, STORED = (1000, 10_000, 100_000), (1000, 10_000)
SHORT = (100, 200)
ALONE = 2000  # pictures that one process reads to measure the time for one
NAMES = 200_000
BILLION = 1_000_000_000
PAGE = 0.1  # s: a store takes so long to list 1,000 names
DOLLARS = {"GET": 0.4, "HEAD": 0.4, "LIST": 5.0, "PUT": 5.0}  # per million: S3 Standard, us-east-1
VERBS = tuple(DOLLARS)


class Run(NamedTuple):
    """The time of one command, and the number of pictures that it read."""

    seconds: float
    images: int


class Job(NamedTuple):
    """The parts that all commands share."""

    plan: Plan
    pictures: list[bytes]  # encoded pictures, which are repeated if a command needs more
    options: list[str]


class Stored(NamedTuple):
    """Figures for pictures in a store."""

    runs: list[Run]
    requests: Counter[str]  # the requests of the last run
    # The requests for each picture that the last run read more than the one before.
    a_picture: dict[str, float]
    fetching: float  # the seconds of CPU to fetch a picture and to find it in its archive


def measure(plan: Plan) -> Finding:
    sizes, stored = (SHORT, SHORT) if plan.short else (ON_DISK, STORED)
    model = plan.names[-1]
    pictures = encoded(data(plan).test.images)
    scans = [path.read_bytes() for path in sorted(SCANS.iterdir())]
    digit, scan = (1 / alone(each, model, plan) for each in (pictures, scans))
    with ray_and_store(plan) as (address, counted):
        job = Job(plan, pictures, ["-m", model, "--ray-address", address])
        disk = list(on_disk(job, sizes))
        found = in_a_store(job, stored, counted)
    names = in_the_driver()
    cpu = {"a digit: decode, network": digit, "an example scan: also fit": scan}
    cpu |= {f"to fetch one of {kind}": each.fetching for kind, each in found.items()}
    heads = columns("workers:d; kind", *(f"{count:,}:.1f" for count in sizes), "images/s:,.0f")
    one = tuple((name, 1e6 * seconds, 1 / seconds) for name, seconds in cpu.items())
    return Finding(
        "scale",
        what="The cost of reading pictures with `--engine ray`: for one picture the CPU time of a "
        "core, for a job the time of the whole command on a Ray cluster that already runs, and for "
        "a billion pictures what follows by arithmetic. `images/s` is measured over the pictures "
        "that the largest job has more than the one before it. `to fetch` is the CPU time of the "
        "client, not of the store.",
        on=f"MNIST digits as PNG files, and in zip and tar archives of {SHARD:,}, stored without "
        f"compression; `{model}`; the store is moto's S3 server on the loopback: its requests "
        "count, its times do not, since it shares the CPUs",
        how="one command each",
        tables=(
            Table("scale one", "one picture", _ONE, one),
            Table("scale disk", "jobs on local disk; s", heads, tuple(disk)),
            Table("scale store", f"{stored[-1]:,} in a store", _STORED, tuple(_stored(found))),
            Table("scale names", "names in the driver, packed into parts", _NAMES, tuple(names)),
            Table("scale billion", "a billion digits", _BILLION, tuple(_billion(digit, found))),
        ),
    )


def alone(pictures: list[bytes], model: str, plan: Plan) -> float:
    """Return the images that one process reads from memory in a second of CPU time."""
    classifier = Classifier(model)
    count = SHORT[0] if plan.short else ALONE
    source = [pictures[number % len(pictures)] for number in range(count)]
    list(classifier.classify(source[:256]))
    began = time.process_time()
    list(classifier.classify(source))
    return count / (time.process_time() - began)


def on_disk(job: Job, sizes: tuple[int, ...]) -> Iterator[tuple[Value, ...]]:
    kinds, workers = (KINDS[2:], (2,)) if job.plan.short else (KINDS, (1, 2))
    for number in workers:
        for kind in kinds:
            runs = []
            for count in sizes:
                job.plan.say(f"{number} workers, {count:,} {kind} on disk")
                inputs = [*map(str, write_shards(job.pictures, job.plan.scratch, kind, count))]
                output = job.plan.scratch / "out"
                runs.append(classify(job, inputs, str(output), "--workers", str(number)))
                shutil.rmtree(output)
            yield (number, kind, *(run.seconds for run in runs), _rate(runs))


def classify(job: Job, inputs: list[str], output: str, *more: str) -> Run:
    """Run one command; several inputs are listed on stdin. Raises ContestantError if it fails."""
    words = ["classify", inputs[0] if len(inputs) == 1 else "-", "-o", output, "--engine", "ray"]
    listed = job.plan.scratch / "list"
    listed.write_text("\n".join(inputs))
    ended = run([*TINYDIGITS, *words, *job.options, *more], listed)
    summary = r"([\d,]+) images?: [\d,]+ ok, [\d,]+ uncertain, 0 unreadable"
    if (found := re.search(summary, ended.errors)) is None:
        raise ContestantError(f"{' '.join(words)} failed: {ended.errors.strip()}")
    return Run(ended.seconds, int(found[1].replace(",", "")))


@contextmanager
def ray_and_store(plan: Plan) -> Iterator[tuple[str, Callable[[], Counter[str]]]]:
    """Run a Ray cluster and a store for commands that are started meanwhile.

    Gives the address of the cluster and a function that counts requests (see `store`). Raises
    MissingInput, MissingExtra.
    """
    try:
        import moto.server  # noqa: F401 - only to see that it is installed
        import s3fs  # noqa: F401
    except ImportError as error:
        raise MissingInput("needs the extra dev: pip install -e '.[dev]'") from error
    from benchmarks.harness.s3 import store
    from tinydigits.cluster.ray_cluster import connected

    with store(plan.scratch) as counted, connected("local", 2):
        import ray

        yield ray.get_runtime_context().gcs_address, counted


def in_a_store(
    job: Job, sizes: tuple[int, ...], counted: Callable[[], Counter[str]]
) -> dict[str, Stored]:
    """Measure pictures of each kind in the store."""
    import s3fs

    client = s3fs.S3FileSystem()
    client.mkdir("scale")
    found: dict[str, Stored] = {}
    for kind in KINDS[::2] if job.plan.short else KINDS:
        runs, requests = [], []
        for count in sizes:
            job.plan.say(f"{count:,} {kind} in a store")
            paths = write_shards(job.pictures, job.plan.scratch, kind, count)
            base = f"scale/{kind}-{count}"
            client.put(f"{job.plan.scratch / f'{kind}-{count}'}/", f"{base}/", recursive=True)
            inputs = [f"s3://{base}/"]
            if kind != "files":
                inputs = [f"s3://{base}/{path.name}" for path in paths]
            counted()  # forget the requests of the upload
            runs.append(classify(job, inputs, f"s3://scale/out-{kind}-{count}"))
            requests.append(counted())
        more = runs[-1].images - runs[-2].images
        before, last = requests[-2:]
        a_picture = {verb: max(0, last[verb] - before[verb]) / more for verb in VERBS}
        found[kind] = Stored(runs, last, a_picture, fetching(inputs))
    # The parts of a large job are larger than these.
    found["files"].a_picture["PUT"] = 1 / (MOST * BATCH_SIZE)
    return found


def fetching(inputs: list[str]) -> float:
    """Return the seconds of CPU to fetch one picture."""
    limits = Limits()
    items = open_inputs(inputs, Opening(limits, Skipped(), partial(io.BytesIO, b"")))
    began = time.process_time()
    chunks = at_hand(chunked(items, BATCH_SIZE), limits.max_bytes)
    count = sum(len(chunk.names) for chunk in chunks)
    return (time.process_time() - began) / count


def in_the_driver() -> list[tuple[Value, ...]]:
    """Return for each shape of names: the shape, bytes a name, GB a billion, names a second."""
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
    """Return the images a second, for those that the last run had more than the one before."""
    before, last = runs[-2:]
    seconds = last.seconds - before.seconds
    return (last.images - before.images) / seconds if seconds > 0 else None


_ONE = columns("one picture", "µs:,.0f", "a core does, a second:,.0f")
_STORED = columns("kind", *(f"{verb}:,d" for verb in VERBS), "images/s:,.0f; to fetch one, µs:,.0f")
_NAMES = columns("name; bytes:.1f; GB a billion:.1f; names/s:,.0f")
_BILLION = columns(
    "kind; core hours:,.0f; cores for a day:,.1f",
    *(f"million {verb}:,.1f" for verb in VERBS),
    "dollars:,.1f; hours to list:,.2f",
)


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
