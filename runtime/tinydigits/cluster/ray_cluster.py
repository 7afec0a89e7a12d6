"""Ray: the connection to a cluster, and how an actor reads (extra `ray`)."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tinydigits.classifier import Classifier
from tinydigits.cpus import usable_cpus
from tinydigits.errors import MissingExtra, TinydigitsError
from tinydigits.items import Chunk
from tinydigits.judging import Answers
from tinydigits.pipeline import Workers
from tinydigits.quiet import quiet_native_code
from tinydigits.reading import NOTHING
from tinydigits.remote.client import in_time

KNOCK = 5.0  # s: by then something at an address has taken a connection
ANSWER = 20.0  # s: by then it has answered as a Ray cluster does
STORE_BYTES = 256 << 20  # of a Ray that starts here: only names and counts go through its store


def import_ray() -> Any:
    """Return the package `ray`. Raises MissingExtra."""
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise MissingExtra("the Ray engine", "Ray Data", "ray") from error
    return ray


def actors(workers: Workers) -> int:
    """Return how many actors share a job: by default one for each CPU that the cluster has now.
    Raises TinydigitsError where it has none, since Ray would wait for one without end.
    """
    if workers != "auto":
        return workers
    cpus = int(import_ray().cluster_resources().get("CPU", 0))
    if not cpus:
        raise TinydigitsError(
            "the Ray cluster has no CPU now: start a node that has one, or, where nodes start on "
            "demand, say how many actors are wanted with --workers"
        )
    return cpus


def answers(classifier: Classifier, chunks: Iterable[Chunk]) -> Iterator[Answers]:
    """Yield what `Classifier.answers` does, in an actor. Ray restarts an actor that is killed, with
    the same work, without end: if a picture kills it, that picture has to be found. For this reason
    a restarted actor reads in a process apart, which `tinydigits.workers` watches.
    """
    import ray

    if not ray.get_runtime_context().was_current_actor_reconstructed:
        yield from classifier.answers(chunks)
        return
    from tinydigits.workers import shared

    for chunk, reading in shared(classifier.reader, iter(chunks), 1, NOTHING):
        yield Answers(chunk, reading, classifier.judged(chunk, reading))


@contextmanager
def connected(address: str, workers: Workers) -> Iterator[None]:
    """Connect to the Ray cluster at `address` (`local`: start one on this machine) for the time of
    the block, unless this process is connected already. Leave the environment and signal handlers
    as they were. Raises TinydigitsError, MissingExtra.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    try:
        with quiet_native_code(shows_on_failure=False):  # an error says what matters
            if address == "local":
                count = usable_cpus() if workers == "auto" else workers
                own = {"num_cpus": count, "object_store_memory": STORE_BYTES}
                _start(ray, "local", include_dashboard=False, **own)
            else:
                _reach(ray, address)
        try:
            if threading.current_thread() is threading.main_thread():  # no other sets handlers
                signal.signal(signal.SIGTERM, handler)
            yield
        finally:
            ray.shutdown()
    finally:  # until then, commands that are started within need the token that Ray puts there
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _start(ray: Any, address: str, **options: Any) -> None:
    # By default, Ray sends usage statistics to its makers and its log to stderr.
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
    """Connect to a cluster within ANSWER; where nobody answers, Ray itself waits for minutes."""
    if "://" in address:
        raise TinydigitsError(
            f"{address}: Ray Data does not work through Ray Client; name the HOST:PORT of a "
            "cluster that this machine is part of, or submit the command with `ray job submit`"
        )
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise TinydigitsError(f"{address}: not the address of a Ray cluster: HOST:PORT, or auto")

    def reach() -> None:
        if address != "auto":
            socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()
        _start(ray, address)

    try:
        in_time(ANSWER, reach)
    except OSError as error:
        why = error.strerror or str(error) or f"no answer within {ANSWER:.0f} s"
        raise TinydigitsError(f"no Ray cluster at {address}: {why}") from error
