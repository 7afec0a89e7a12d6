"""Ray: many machines read pictures (extra `ray`).

`classify_dataset` is for those who have a Ray Dataset of pictures; `tinydigits classify --engine
ray` goes by `tinydigits.cluster.actors`.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tinydigits.classifier import BATCH_SIZE, Classifier
from tinydigits.cluster.dataframes import ADDED, check_columns, chunks_of, columns_of
from tinydigits.cpus import usable_cpus
from tinydigits.errors import MissingExtra, TinydigitsError
from tinydigits.images import use_opencv
from tinydigits.items import Chunk
from tinydigits.judging import Answers
from tinydigits.pipeline import Workers
from tinydigits.quiet import quiet_native_code
from tinydigits.reading import NOTHING

if TYPE_CHECKING:
    import pyarrow
    from ray.data import Dataset

KNOCK = 5.0  # s: until something at an address has taken a connection
ANSWER = 20.0  # s: until it has answered as a Ray cluster does
STORE_BYTES = 256 << 20  # of a Ray that is started here: names and counts alone go through it


def classify_dataset(
    ds: "Dataset",
    column: str = "bytes",
    classifier: Classifier | None = None,
    *,
    workers: Workers = "auto",
) -> "Dataset":
    """A Ray Dataset with `label` and `reason` (string), `score` (float64 in [0, 1]), `status`
    (string) and `inverted` (bool) in place of `column`, which holds encoded pictures (binary); null
    where there is no value. Lazily, as Ray Data does all.

    A picture that cannot be read, and a null, is a row with status `error`. `workers` actors, by
    default one for each CPU of the cluster, hold a copy of `classifier` each, by default
    `Classifier()`; a model's file has to be on every node.

    Raises ModelError, MissingExtra; and when it runs, TinydigitsError where there is no such
    column, or one of the new ones already.
    """
    data = import_ray().data
    classifier = classifier or Classifier()
    return ds.map_batches(
        _Reader,
        fn_constructor_args=(classifier, column),  # sent as its settings
        batch_size=BATCH_SIZE,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(min_size=1, max_size=actors(workers)),
        num_cpus=1,
    )


class _Reader:
    """What an actor does with a batch."""

    def __init__(self, classifier: Classifier, column: str) -> None:
        self._classifier, self._column = classifier, column
        use_opencv()

    def __call__(self, batch: "pyarrow.Table") -> "pyarrow.Table":
        import pyarrow

        check_columns(batch.column_names, self._column)
        chunks = chunks_of(batch.column(self._column).to_pylist())
        answered = answers(self._classifier, chunks)
        added = columns_of(row for each in answered for row in each.predictions)
        types = {"score": pyarrow.float64(), "inverted": pyarrow.bool_()}
        batch = batch.drop_columns([self._column])
        for name in ADDED:
            values = pyarrow.array(added[name], types.get(name, pyarrow.string()))
            batch = batch.append_column(name, values)
        return batch


def answers(classifier: Classifier, chunks: Iterable[Chunk]) -> Iterator[Answers]:
    """As Classifier.answers, for an actor. Ray starts one that was killed again, with the work that
    it had, and does so without end: if it was a picture that killed it, that has to be found. So
    from then on pictures are read in a process apart, of which `tinydigits.workers` takes care.
    """
    import ray

    if not ray.get_runtime_context().was_current_actor_reconstructed:
        yield from classifier.answers(chunks)
        return
    from tinydigits.workers import shared

    for chunk, reading in shared(classifier.reader, iter(chunks), 1, NOTHING):
        yield Answers(chunk, reading, classifier.judged(chunk, reading))


def import_ray() -> Any:
    """The package. Raises MissingExtra."""
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise MissingExtra("the Ray engine", "Ray Data", "ray") from error
    return ray


def actors(workers: Workers) -> int:
    """How many share a job: one for each CPU that the cluster has now, if nobody says. Raises
    TinydigitsError where it has none, for which Ray would wait without end.
    """
    if workers != "auto":
        return workers
    cpus = int(import_ray().cluster_resources().get("CPU", 0))
    if not cpus:
        raise TinydigitsError(
            "the Ray cluster has no CPU now: start a node that has, or name how many with "
            "--workers where nodes are started as they are asked for"
        )
    return cpus


@contextmanager
def connected(address: str | None, workers: Workers) -> Iterator[None]:
    """A Ray that is ready: one that this process has already, the cluster at `address`, or a new
    one on this machine, for as long. Raises TinydigitsError, MissingExtra.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    with quiet_native_code(shows_on_failure=False):  # what matters of it is raised
        if address == "local":
            count = usable_cpus() if workers == "auto" else workers
            own = {"num_cpus": count, "object_store_memory": STORE_BYTES}
            _start(ray, "local", include_dashboard=False, **own)
        else:
            _reach(ray, address)
    try:
        yield
    finally:
        ray.shutdown()


def _start(ray: Any, address: str, **options: Any) -> None:
    # What it calls usage statistics goes to its makers, and its log to stderr, if nobody says.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    # Its exceptions are ConnectionError, RuntimeError, ValueError, OSError and more.
    except Exception as error:
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        where = "Ray does not start here" if address == "local" else f"no Ray cluster at {address}"
        raise TinydigitsError(f"{where}: {why}") from error


def _reach(ray: Any, address: str) -> None:
    """In a time that Ray itself, which waits for minutes where nobody answers, does not keep."""
    if "://" in address:
        raise TinydigitsError(
            f"{address}: Ray Data does not go through Ray Client; name the HOST:PORT of a cluster "
            "that this machine is part of, or hand the command in with `ray job submit`"
        )
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise TinydigitsError(f"{address}: not the address of a Ray cluster: HOST:PORT, or auto")
    failed: list[TinydigitsError] = []

    def reach() -> None:
        try:
            if address != "auto":
                socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()
            _start(ray, address)
        except OSError as error:
            failed.append(
                TinydigitsError(f"no Ray cluster at {address}: {error.strerror or error}")
            )
        except TinydigitsError as error:
            failed.append(error)

    thread = threading.Thread(target=reach, daemon=True)
    thread.start()
    thread.join(ANSWER)
    if thread.is_alive():
        raise TinydigitsError(f"no Ray cluster at {address}: no answer within {ANSWER:.0f} s")
    if failed:
        raise failed[0]
