"""The tasks of `tinydigits bench`: each does one thing once, and says how long it took.

Times are ns of time.perf_counter_ns, of one call or, where many images go through at once, of each
image.
"""

import multiprocessing
import os
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import cycle, islice
from time import perf_counter_ns as now
from time import process_time_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.bench.pictures import Pictures
from tinydigits.bench.stats import Figure
from tinydigits.classifier import BATCH_SIZE, Classifier
from tinydigits.errors import TinydigitsError
from tinydigits.fitting import Fit, fit
from tinydigits.images import decode
from tinydigits.items import Skipped, chunked
from tinydigits.sinks.output import stream_sink
from tinydigits.sinks.rows import Shown
from tinydigits.sources.folders import walked
from tinydigits.text import printable

BATCHES = (1, 32, 256, 1024)  # images in one call of the network
LIBRARIES = {"onnxruntime": "onnxruntime", "LiteRT": "ai_edge_litert.interpreter"}
THREADS = 1  # of any network, but for large arrays: see `tinydigits.sharing`
SORTED = 100_000  # numbers that the control sorts: in 20 ms, so that other programs meet it
STAGES = ("import", "session", "first picture", "memory", "threads")  # of a fresh process
_BATCH = (("batch", "images/s"), ("CPUs", "CPUs"))
_CHILD = (
    "from time import perf_counter_ns as now; began = now(); import sys; "
    "from tinydigits.bench.child import measure; print(*measure(began, *sys.argv[1:]))"
)
_COMMAND = "from tinydigits.cli.main import run; run()"


class Task(NamedTuple):
    """Something to be timed, again and again."""

    figures: tuple[Figure, ...]
    once: Callable[[], tuple[float | None, ...]]
    """Does it once → a value for each figure, ns of times; None where there is none."""

    like: str | None = None
    """Of long tasks, which begin anew each time and have neither warm-up nor percentiles: those
    that are alike in this take about as long. None for the others."""


class Contestant(NamedTuple):
    """A model that is measured."""

    name: str
    """What figures call it: that of a bundled model or of the file."""

    given: str
    """As it is opened."""

    backend: str
    classifier: Classifier


def contestants(models: tuple[str, ...]) -> list[Contestant]:
    """Opens the models. Raises what Classifier does."""
    given = list(dict.fromkeys(models))
    short = [os.path.basename(each) for each in given]  # noqa: PTH119 - of any text
    return [
        Contestant(
            name=printable(name if short.count(name) == 1 else each),
            given=each,
            backend="LiteRT" if each.endswith(".tflite") else "onnxruntime",
            classifier=Classifier(each),
        )
        for name, each in zip(short, given, strict=True)
    ]


def tasks(models: list[Contestant], kinds: list[Pictures], images: NDArray[np.uint8]) -> list[Task]:
    """All of them, in turn. `images`: uint8 [1024, 28, 28] for the networks alone."""
    first = kinds[0].paths[0]
    hows = dict.fromkeys(model.classifier.reader.fit for model in models)
    return [
        *(make(model, first) for model in models for make in (_fresh, _command)),
        _python(),
        _control(),
        *(_decode_and_fit(pictures, how, len(hows) == 1) for pictures in kinds for how in hows),
        *(_infer(model, images) for model in models),
        *(_batch(model, images[:size]) for size in BATCHES for model in models),
        *(_end_to_end(model, pictures) for pictures in kinds for model in models),
        *(_folder(model, each) for each in kinds if each.files for model in models),
    ]


def _fresh(model: Contestant, picture: str) -> Task:
    """A process that imports, opens the model and reads a picture; it measures itself."""
    units = ("s", "s", "s", "bytes", "threads")
    figures = tuple(Figure(s, model.name, unit=u) for s, u in zip(STAGES, units, strict=True))
    words = (LIBRARIES[model.backend], model.given, picture)

    def once() -> tuple[float | None, ...]:
        told = _run("-c", _CHILD, *words).split()
        return tuple(None if word == "None" else float(word) for word in told)

    return Task(figures, once, like=model.backend)


def _command(model: Contestant, picture: str) -> Task:
    """`tinydigits classify PICTURE -m MODEL`, from its start to its end."""
    words = ("-c", _COMMAND, "classify", "-m", model.given, "--", picture)
    return Task((Figure("command", model.name),), _timed(lambda: _run(*words)), model.backend)


def _python() -> Task:
    """The interpreter, which begins and ends: a part of every process, and none of tinydigits."""
    return Task((Figure("python"),), _timed(lambda: _run("-c", "pass")), "python")


def _control() -> Task:
    """Work that tinydigits has no part in: it shows whether the machine itself has changed."""
    numbers = random.Random(0).sample(range(SORTED), SORTED)
    return Task((Figure("control"),), _timed(lambda: sorted(numbers)), "control")


def _decode_and_fit(pictures: Pictures, how: Fit, alone: bool) -> Task:
    """One picture after the other. Stages are called for the fit where models differ in it."""
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
    """The network alone, on one image after the other."""
    each = cycle(images[:, np.newaxis])
    scores = model.classifier.scores

    def once() -> tuple[float, ...]:
        one = next(each)
        began = now()
        scores(one)
        return (now() - began,)

    return Task((Figure("infer", model.name),), once)


def _batch(model: Contestant, images: NDArray[np.uint8]) -> Task:
    """The network alone, on many images in one call, and how many CPUs that keeps busy."""
    scores, size = model.classifier.scores, len(images)

    def once() -> tuple[float, ...]:
        busy = process_time_ns()
        began = now()
        scores(images)
        taken = now() - began
        return taken / size, (process_time_ns() - busy) / taken

    figures = (Figure(stage, model.name, batch=size, unit=unit) for stage, unit in _BATCH)
    return Task(tuple(figures), once)


def _end_to_end(model: Contestant, pictures: Pictures) -> Task:
    """From the name of a file to a Prediction."""
    paths, classifier = cycle(pictures.paths), model.classifier

    def once() -> tuple[float, ...]:
        path = next(paths)
        began = now()
        classifier(path)
        return (now() - began,)

    return Task((Figure("end to end", model.name, pictures.name),), once)


def _folder(model: Contestant, pictures: Pictures) -> Task:
    """A folder as `classify` reads it: from files to rows, with as many workers as it takes."""
    classifier = model.classifier
    shown = Shown(classifier.info.labels)

    def once() -> tuple[float, ...]:
        rows, processes = 0, 1
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no file
            write = stream_sink(nowhere, "csv", shown)
            began = now()
            items = islice(walked(pictures.folder, Skipped()), pictures.files)
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


def _timed(work: Callable[[], object]) -> Callable[[], tuple[float, ...]]:
    def once() -> tuple[float, ...]:
        began = now()
        work()
        return (now() - began,)

    return once


def _run(*words: str) -> str:
    """stdout of a Python that runs to its end; -P: what lies in the current folder is no module.

    Raises TinydigitsError where it fails.
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
