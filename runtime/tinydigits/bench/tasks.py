"""The tasks of `tinydigits bench`: each does one thing once and returns how long it took.

Times are in ns of time.perf_counter_ns: for one call or, where many images go through at once, for
each image.
"""

import multiprocessing
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, islice, repeat
from time import perf_counter_ns as now
from time import process_time_ns
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.bench.pictures import Pictures
from tinydigits.bench.stats import Figure
from tinydigits.classifier import BATCH_SIZE, Classifier
from tinydigits.errors import TinydigitsError
from tinydigits.fitting import Fit, fit
from tinydigits.images import decode
from tinydigits.items import Skipped, chunked
from tinydigits.model import BackendName
from tinydigits.sinks.output import stream_sink
from tinydigits.sinks.rows import Shown
from tinydigits.sources import Opening, open_inputs
from tinydigits.text import printable

BATCHES = (1, 32, 256, 1024)  # images in one call of the network
# The module that each backend needs.
LIBRARIES = {
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
    "litert": "ai_edge_litert.interpreter",
}
THREADS = 1  # for a network; large arrays are shared by more: see `tinydigits.reading`
SORTED = 100_000  # numbers that the control sorts: it takes 20 ms, so that other programs slow it
STAGES = ("import", "session", "first picture", "memory", "threads")  # in a fresh process
_CHILD = (
    "from time import perf_counter_ns as now; began = now(); import sys; "
    "from tinydigits.bench.child import measure; print(*measure(began, *sys.argv[1:]))"
)
COMMAND = "from tinydigits.cli.main import run; run()"  # the code that `tinydigits` runs


class Task(NamedTuple):
    """Work that is timed again and again."""

    figures: tuple[Figure, ...]
    # Does it once and returns a value for each figure, times in ns; None where there is none.
    once: Callable[[], tuple[float | None, ...]]
    # For long tasks, which begin anew each time and have neither warm-up nor percentiles: tasks
    # with the same text take about as long. None for short tasks.
    like: str | None = None


class Contestant(NamedTuple):
    """A model that is measured."""

    name: str  # its name in figures: that of a bundled model or of the file
    given: str  # the name or path that it is opened by
    classifier: Classifier

    @property
    def backend(self) -> str:
        return self.classifier.backend


def contestants(models: tuple[str, ...], backend: BackendName | None = None) -> list[Contestant]:
    """Open the models. Raises the errors of Classifier."""
    given = list(dict.fromkeys(models))
    short = [os.path.basename(each) for each in given]  # noqa: PTH119 - a name may be any text
    return [
        Contestant(
            name=printable(name if short.count(name) == 1 else each),
            given=each,
            classifier=Classifier(each, backend=backend),
        )
        for name, each in zip(short, given, strict=True)
    ]


def tasks(models: list[Contestant], kinds: list[Pictures], images: NDArray[np.uint8]) -> list[Task]:
    """Return all tasks, in order. `images`: uint8 [1024, 28, 28] for the networks alone."""
    first = kinds[0].paths[0]
    hows = dict.fromkeys(model.classifier.reader.fit for model in models)
    numbers = random.Random(0).sample(range(SORTED), SORTED)
    return [
        *(make(model, first) for model in models for make in (_fresh, _command)),
        # The interpreter, which starts and ends: part of every process, but not of tinydigits.
        Task((Figure("python"),), _timed(lambda _: _run("-c", "pass")), "python"),
        # Work without tinydigits: it shows whether the machine itself has changed.
        Task((Figure("control"),), _timed(lambda _: sorted(numbers)), "control"),
        *(_decode_and_fit(pictures, how, len(hows) == 1) for pictures in kinds for how in hows),
        *(_infer(model, images) for model in models),
        *(_batch(model, images[:size]) for size in BATCHES for model in models),
        *(_end_to_end(model, pictures) for pictures in kinds for model in models),
        *(_folder(model, each) for each in kinds if each.files for model in models),
    ]


def _fresh(model: Contestant, picture: str) -> Task:
    """Start a process that imports, opens the model and reads a picture; it measures itself."""
    units = ("s", "s", "s", "bytes", "threads")
    figures = tuple(Figure(s, model.name, unit=u) for s, u in zip(STAGES, units, strict=True))
    words = (LIBRARIES[model.backend], model.backend, model.given, picture)

    def once() -> tuple[float | None, ...]:
        values = _run("-c", _CHILD, *words).split()
        return tuple(None if value == "None" else float(value) for value in values)

    return Task(figures, once, like=model.backend)


def _command(model: Contestant, picture: str) -> Task:
    """Run `tinydigits classify PICTURE -m MODEL`, from its start to its end."""
    words = ("classify", "-m", model.given, "--backend", model.backend, "--", picture)
    work = _timed(lambda _: _run("-c", COMMAND, *words))
    return Task((Figure("command", model.name),), work, model.backend)


def _decode_and_fit(pictures: Pictures, how: Fit, alone: bool) -> Task:
    """Prepare one picture after the other. If models differ in the fit, stages name it."""
    paths = cycle(pictures.paths)

    def once() -> tuple[float, ...]:
        path = next(paths)
        began = now()
        picture = decode(path)
        decoded = now()
        fit(picture, how)
        return decoded - began, now() - decoded

    stages = ("decode", "fit") if alone else (f"decode for fit={how}", f"fit={how}")
    return Task(tuple(Figure(stage, pictures=pictures.name) for stage in stages), once)


def _infer(model: Contestant, images: NDArray[np.uint8]) -> Task:
    """Run the network alone, on one image after the other."""
    once = _timed(model.classifier.scores, cycle(images[:, np.newaxis]))
    return Task((Figure("infer", model.name),), once)


def _batch(model: Contestant, images: NDArray[np.uint8]) -> Task:
    """Run the network alone, on many images in one call, and measure how many CPUs are busy."""
    scores, size = model.classifier.scores, len(images)

    def once() -> tuple[float, ...]:
        busy = process_time_ns()
        began = now()
        scores(images)
        taken = now() - began
        return taken / size, (process_time_ns() - busy) / taken

    rate = Figure("batch", model.name, batch=size, unit="images/s")
    return Task((rate, Figure("CPUs", model.name, batch=size, unit="CPUs")), once)


def _end_to_end(model: Contestant, pictures: Pictures) -> Task:
    """Go from the name of a file to a Prediction."""
    once = _timed(model.classifier.__call__, cycle(pictures.paths))
    return Task((Figure("end to end", model.name, pictures.name),), once)


def _folder(model: Contestant, pictures: Pictures) -> Task:
    """Read a folder as `classify` does: from files to rows, with its own number of workers."""
    classifier = model.classifier
    shown = Shown(classifier.info.labels)
    opening = Opening(classifier.settings.limits, Skipped())

    def once() -> tuple[float, ...]:
        rows, processes = 0, 1
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no file
            write = stream_sink(nowhere, "csv", shown)
            began = now()
            items = islice(open_inputs((pictures.folder,), opening), pictures.files)
            for answers in classifier.answers(chunked(items, BATCH_SIZE), "auto"):
                write(answers)
                rows += len(answers.predictions)
                processes = max(processes, len(multiprocessing.active_children()))
            taken = now() - began
        return taken / rows, processes

    return Task(
        (
            Figure("folder", model.name, pictures.name, unit="images/s"),
            Figure("processes", model.name, pictures.name, unit="processes"),
        ),
        once,
        like="folder",
    )


def _timed(
    work: Callable[[Any], object], inputs: Iterator[Any] | None = None
) -> Callable[[], tuple[float, ...]]:
    """Time one call of `work` with the next of `inputs`, which is None where there are none."""
    source = inputs or repeat(None)

    def once() -> tuple[float, ...]:
        given = next(source)
        began = now()
        work(given)
        return (now() - began,)

    return once


def _run(*words: str) -> str:
    """Run Python to its end and return its stdout. Raises TinydigitsError where it fails.

    -P keeps files in the current folder from being imported.
    """
    environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-P", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise TinydigitsError(f"a fresh process of {sys.executable} fails: {said[-1]}")
    return done.stdout
