"""The engine: actors of Ray Data read the parts of a large job and write them.

An actor holds one Classifier. It is sent the names in a part, reads the pictures, and writes the
part's file: only names and counts go through Ray. A part that is there is not read again, whether
another run has written it or an actor that was killed before it could report it.
"""

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from io import BytesIO
from typing import Any, NamedTuple

from tinydigits.classifier import Classifier
from tinydigits.cluster.output import store_at
from tinydigits.cluster.plan import Part, Plan, place_in
from tinydigits.cluster.ray_cluster import actors, answers, import_ray
from tinydigits.errors import SinkError, TinydigitsError
from tinydigits.items import Skipped, chunked
from tinydigits.names import LATER_FRAMES
from tinydigits.pipeline import Workers
from tinydigits.quiet import own_process
from tinydigits.reading import Settings
from tinydigits.remote.failures import Unreachable, scrubbed
from tinydigits.remote.file import read_range
from tinydigits.remote.location import Location, Place
from tinydigits.sinks.parquet import parquet_sink
from tinydigits.sinks.rows import Shown
from tinydigits.sources import Opening, at_hand, opened
from tinydigits.version import __version__

MOST_TASKS = 10_000  # of Ray's; where there are more parts, a task holds several
FOOTER = 1 << 16  # 64 KiB at the end of a part, which nearly all footers fit into
KEY = "tinydigits"  # in the metadata of a part: which one it is, and its counts
Counts = dict[str, int]  # rows by status, and what was skipped by its kind


class Job(NamedTuple):
    """The job that an actor is sent."""

    settings: Settings
    shown: Shown
    batch_size: int
    output: str
    plan: Plan
    folder: str  # the driver's folder, from which names start; empty if no file is read or written
    inputs: tuple[Place, ...]  # what every node has to see; see `needed`


def done(job: Job, parts: Sequence[Part], workers: Workers) -> Iterator[Counts]:
    """Yield the counts of each part as soon as it is there, in any order, by the Ray that this
    process is connected to. Raises TinydigitsError where a part cannot be read or written; the
    others stay.
    """
    ray = import_ray()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    tasks = min(len(parts), MOST_TASKS)
    dataset = ray.data.from_items([part._asdict() for part in parts], override_num_blocks=tasks)
    size = min(actors(workers), tasks)
    answered = dataset.map(
        PartReader,
        fn_constructor_args=(job,),
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )
    try:
        for row in answered.iter_rows():
            counts = json.loads(row["counts"])
            if "failed" in counts:
                kind = SinkError if counts["kind"] == "SinkError" else TinydigitsError
                raise kind(counts["failed"])
            yield counts
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TinydigitsError(f"Ray gives up: {scrubbed(lines[-1])}") from error


class PartReader:
    """An actor. It returns errors: Ray adds a stack to an exception in each actor on its way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.failure: Mapping[str, object] | None = None
        try:
            self._classifier, self._store = _classifier(job), store_at(job.output)
        except TinydigitsError as error:
            self.failure = _failed(error)

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        part = Part(**row)
        try:
            counts = self.failure or self._found(part.number) or self._written(part)
        except TinydigitsError as error:
            counts = _failed(error)
        return {"counts": json.dumps(counts)}

    def _found(self, number: int) -> Counts | None:
        """Return a part's counts; None if it is missing, damaged, or of another job."""
        import pyarrow
        from pyarrow import parquet

        name, plan = self._job.plan.name(number), self._job.plan.digest()
        if not (end := self._store.tail(name, FOOTER)):
            return None
        footer = int.from_bytes(end[-8:-4], "little") + 8  # bytes, with the 8 that end the file
        if footer > len(end):
            end = self._store.tail(name, footer) or b""
        try:
            mark = json.loads((parquet.read_metadata(BytesIO(end)).metadata or {})[KEY.encode()])
            found: Counts = mark["counts"]
            return found if (mark["plan"], mark["part"]) == (plan, number) else None
        except (pyarrow.ArrowException, OSError, KeyError, TypeError, ValueError):
            return None

    def _written(self, part: Part) -> Counts:
        job, skipped = self._job, Skipped()
        counts = dict.fromkeys(("ok", "uncertain", "error"), 0)

        def notes() -> dict[str, str]:
            counts.update(skipped)
            mark = {"plan": job.plan.digest(), "part": part.number, "counts": counts}
            return {KEY: json.dumps(mark)}

        limits = job.settings.limits
        with (
            closing(opened(part.entries(), Opening(limits, skipped))) as items,
            self._store.written(job.plan.name(part.number)) as file,
            parquet_sink(file, job.shown, notes) as write,
        ):
            chunks = at_hand(chunked(items, job.batch_size), limits.max_bytes)
            for each in answers(self._classifier, chunks):
                write(each)
                skipped[LATER_FRAMES] += each.reading.in_part
                for prediction in each.predictions:
                    counts[prediction.status] += 1
        return counts


def _failed(error: TinydigitsError) -> dict[str, object]:
    return {"failed": f"node {socket.gethostname()}: {error}", "kind": type(error).__name__}


def _classifier(job: Job) -> Classifier:
    """Return the driver's Classifier. Raises TinydigitsError where this node differs."""
    settings = job.plan.settings
    if settings["tinydigits"] != __version__:
        raise TinydigitsError(
            f"tinydigits {__version__} is installed here, and the driver has "
            f"{settings['tinydigits']}: install one version on all nodes"
        )
    try:
        if job.folder:
            os.chdir(job.folder)
        for place in job.inputs:
            if isinstance(place, str):
                os.stat(place)  # noqa: PTH116 - pathlib would rewrite the name
            elif (failure := _failure(place)) and failure.status == 403:
                raise TinydigitsError(
                    f"{place}: {failure}, and the driver may read it: give all nodes its "
                    "credentials"
                )
    except OSError as error:
        raise TinydigitsError(
            f"{error.filename}: {error.strerror}: name inputs in a file system that all nodes "
            "share, or in object storage"
        ) from error
    classifier = Classifier.of(job.settings)
    if classifier.model_sha256 != settings["model_sha256"]:
        raise TinydigitsError(f"{job.settings.model}: another model than the driver's")
    if classifier.backend != settings["backend"]:
        raise TinydigitsError(
            f"{classifier.backend} runs the network here, and {settings['backend']} on the driver: "
            "name one with --backend"
        )
    own_process()
    return classifier


def needed(inputs: Sequence[str], first: Part) -> Iterator[Place]:
    """Yield what every node has to see because the driver does: inputs that are files, and the
    folder or address of the first picture or archive. The others are not asked for: one that is
    gone when it is read becomes a row.
    """
    yield from filter(os.path.exists, inputs)
    place = place_in(first.entries()[0])
    if isinstance(place, Location):
        if _failure(place) is None:
            yield place
    elif isinstance(place, str) and os.path.isdir(folder := os.path.dirname(place) or "."):  # noqa: PTH112, PTH120
        yield folder


def _failure(location: Location) -> Unreachable | None:
    """Return why nothing can be read at an address; None if something can."""
    try:
        read_range(location, 0, 1)
    except Unreachable as error:
        return error
    return None
