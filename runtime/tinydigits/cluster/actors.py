"""Engine: the parts of a large job, read and written by the actors of Ray Data.

An actor holds one Classifier. It is given a part's entries, reads them, and writes the part under
its own name: what goes through Ray are names and counts. A part that is there is not read again,
whether another run has written it or an actor that was killed before it could say so.
"""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from tinydigits import errors
from tinydigits.classifier import Classifier
from tinydigits.cluster.output import store_at
from tinydigits.cluster.plan import Part, Plan, opened
from tinydigits.cluster.ray_cluster import actors, answers, import_ray
from tinydigits.errors import TinydigitsError
from tinydigits.images import use_opencv
from tinydigits.items import Item, Skipped, chunked
from tinydigits.pipeline import Workers
from tinydigits.reading import Settings
from tinydigits.remote.failures import Failure, explained, scrubbed
from tinydigits.remote.location import Location, Place, place_of
from tinydigits.sinks.parquet import parquet_sink
from tinydigits.sinks.rows import Shown
from tinydigits.sources import at_hand
from tinydigits.version import __version__

if TYPE_CHECKING:
    import pyarrow

MOST_TASKS = 10_000  # of Ray's: of more parts, a task is several in a row
FOOTER = 1 << 16  # bytes: the end of a part that is looked at; few have longer footers
KEY = "tinydigits"  # in the metadata of a part: what it is, and its counts
Counts = dict[str, int]
"""Rows by their status, and what was passed over as `hidden` and `other`."""


class Job(NamedTuple):
    """What an actor is told."""

    settings: Settings
    shown: Shown
    batch_size: int
    output: str
    plan: Plan
    folder: str
    """That names are relative to: the driver's own; empty where no file is read or written."""

    inputs: tuple[Place, ...]
    """What the driver can read, and so has every node to; see `needed`."""


def done(job: Job, parts: Sequence[Part], workers: Workers) -> Iterator[Counts]:
    """What is in each part, as they get done, in any order; Ray is connected to. Raises
    TinydigitsError where a part, or all of them, cannot be done; those that are written stay.
    """
    ray = import_ray()
    _quiet(ray)
    tasks = min(len(parts), MOST_TASKS)
    dataset = ray.data.from_items([part._asdict() for part in parts], override_num_blocks=tasks)
    size = min(actors(workers), tasks)
    said = dataset.map_batches(
        PartReader,
        fn_constructor_args=(job,),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )
    try:
        for row in said.iter_rows():
            counts = json.loads(row["counts"])
            if "failed" in counts:
                kind = errors.SinkError if counts["kind"] == "SinkError" else TinydigitsError
                raise kind(counts["failed"])
            yield counts
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TinydigitsError(f"Ray gives up: {scrubbed(lines[-1])}") from error


def _quiet(ray: Any) -> None:
    import logging

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False


class PartReader:
    """What an actor does. It raises nothing that it can say, since Ray would tell the tale of each
    actor that it has passed through.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._failure: TinydigitsError | None = None
        try:
            self._classifier = _classifier(job)
            self._store = store_at(job.output)
        except TinydigitsError as error:
            self._failure = error

    def __call__(self, batch: "pyarrow.Table") -> dict[str, list[str]]:
        return {"counts": [json.dumps(self._said(Part(**row))) for row in batch.to_pylist()]}

    def _said(self, part: Part) -> dict[str, object]:
        try:
            if self._failure is not None:
                raise self._failure
            return {**(self._found(part.number) or self._written(part))}
        except TinydigitsError as error:
            said = str(error)
            said = said if said.startswith(_node()) else f"{_node()}: {said}"
            return {"failed": said, "kind": type(error).__name__}

    def _found(self, number: int) -> Counts | None:
        name = self._job.plan.name(number)
        end = self._store.tail(name, FOOTER)
        if end is None:
            return None
        footer = int.from_bytes(end[-8:-4], "little") + 8  # bytes, with what Parquet ends with
        if footer > len(end):
            end = self._store.tail(name, footer) or b""
        return _counts(BytesIO(end), self._job.plan.digest(), number)

    def _written(self, part: Part) -> Counts:
        job, skipped = self._job, Skipped()
        counts = dict.fromkeys(("ok", "uncertain", "error", "hidden", "other"), 0)

        def notes() -> dict[str, str]:
            counts.update(hidden=skipped.hidden, other=skipped.other)
            said = {"plan": job.plan.digest(), "part": part.number, "counts": counts}
            return {KEY: json.dumps(said)}

        with (
            closing(opened(part.entries(), job.settings.limits, skipped)) as items,
            self._store.written(job.plan.name(part.number)) as file,
            parquet_sink(file, job.shown, notes) as write,
        ):
            chunks = at_hand(chunked(items, job.batch_size), job.settings.limits.max_bytes)
            for each in answers(self._classifier, chunks):
                write(each)
                for prediction in each.predictions:
                    counts[prediction.status] += 1
        return counts


def _classifier(job: Job) -> Classifier:
    """The driver's, here. Raises TinydigitsError where this node is not as the driver is."""
    node, settings = _node(), job.plan.settings
    if settings["tinydigits"] != __version__:
        raise TinydigitsError(
            f"{node} has tinydigits {__version__}, and the driver {settings['tinydigits']}: "
            "install one version on all"
        )
    try:
        if job.folder:
            os.chdir(job.folder)
        for place in map(place_of, job.inputs):
            if isinstance(place, str):
                os.stat(place)  # noqa: PTH116 - as the name is
    except OSError as error:
        raise TinydigitsError(
            f"{node}: {error.filename}: {error.strerror}: name inputs in a file system that all "
            "nodes share, or in object storage"
        ) from error
    for place in map(place_of, job.inputs):
        if not isinstance(place, Location):
            continue
        if (failure := _failure(place)) and failure.status == 403:
            raise TinydigitsError(
                f"{node}: {place}: {failure.why}, and the driver may read it: give all "
                "nodes its credentials"
            )
    classifier = Classifier.of(job.settings)
    if classifier.model_sha256 != settings["model_sha256"]:
        raise TinydigitsError(f"{node}: {job.settings.model}: another model than the driver's")
    use_opencv()
    return classifier


def _node() -> str:
    return f"node {socket.gethostname()}"


def needed(inputs: Sequence[str], first: Part) -> Iterator[Place]:
    """What every node has to see, since the driver does: the inputs that are files, and of the
    first picture or archive the folder, or the address. Of that alone, since what is gone by the
    time that it is read is a row, and ends nothing.
    """
    yield from filter(os.path.exists, inputs)
    entry = first.entries()[0]
    name = entry.image if isinstance(entry, Item) else entry
    if isinstance(name, Location):
        if _failure(name) is None:
            yield name
    elif isinstance(name, str) and os.path.isdir(folder := os.path.dirname(name) or "."):  # noqa: PTH112, PTH120
        yield folder


def _failure(location: Location) -> Failure | None:
    """Why nothing is read at an address; None where it is."""
    from tinydigits.remote.client import Unreachable
    from tinydigits.remote.file import read_range

    try:
        read_range(location, 0, 1)
    except Unreachable as error:
        return error.failure
    except TinydigitsError:
        raise
    except Exception as error:  # of whatever a store's package raises
        return explained(error)
    return None


def _counts(part: BinaryIO, plan: str, number: int) -> Counts | None:
    """Of a part that is whole, and of this plan."""
    import pyarrow
    from pyarrow import parquet

    try:
        said = json.loads((parquet.read_metadata(part).metadata or {})[KEY.encode()])
        found: Counts = said["counts"]
        return found if (said["plan"], said["part"]) == (plan, number) else None
    except (pyarrow.ArrowException, OSError, KeyError, TypeError, ValueError):
        return None
