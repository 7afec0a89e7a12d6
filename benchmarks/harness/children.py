"""Contestants in processes of their own, so that their threads and allocators do not disturb each
other. The processes stay alive and idle between their turns.

    python -m benchmarks.harness.children NETWORK FOLDER NAME THREADS IMAGES.npy

is such a process: for each line `BATCH SECONDS` on stdin it runs for about SECONDS and answers with
one line of JSON.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.plan import Plan
from benchmarks.harness.processes import ROOT, ContestantError
from tinydigits.bench.measure import without_gc

SAMPLE = 50e-6  # s: the least that is timed at once, so that reading the clock does not count
VARIETY = 50  # different inputs in turn, so that the cache does not hold one image only
QUIET = 0.01  # s between two turns: threads that wait in a loop have stopped by then
CHECKED = 30  # images that all contestants answer before they are measured
SAME = 0.9  # the least share of these answers that has to be alike


@dataclass(frozen=True, slots=True)
class Child:
    """A process that measures one contestant."""

    name: str
    settings: str
    classes: tuple[int, ...]  # its answers for the first CHECKED images
    process: "subprocess.Popen[str]"

    def seconds(self, batch: int, seconds: float) -> float:
        """Run for about `seconds` and return the median seconds of one call with `batch` images."""
        time.sleep(QUIET)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{batch} {seconds}\n")
        self.process.stdin.flush()
        median: float = _answer(self.process)["median"]
        return median


@contextmanager
def children(
    contestants: Mapping[str, tuple[str, int]], folder: Path, name: str, images: Path
) -> Iterator[dict[str, Child]]:
    """Start a process for each contestant, and end them all afterwards.

    contestants: name → network and threads. folder: a bundle of the model `name`. images: an .npy
    file of uint8 [N, 28, 28]. Raises ContestantError where one fails or where they do not agree.
    """
    program = [sys.executable, "-m", "benchmarks.harness.children"]
    processes: dict[str, subprocess.Popen[str]] = {}
    try:
        for called, (network, threads) in contestants.items():
            processes[called] = subprocess.Popen(
                [*program, network, str(folder), name, str(threads), str(images)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, cwd=ROOT,
                env=os.environ | ({"OPENBLAS_NUM_THREADS": str(threads)} if threads else {}),
            )  # fmt: skip
        started = {}
        for called, process in processes.items():  # they have been loading at the same time
            ready = _answer(process)
            started[called] = Child(called, ready["settings"], tuple(ready["classes"]), process)
        check_agreement(started)
        yield started
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def timed(
    plan: Plan, started: Mapping[str, Child], batch: int, seconds: float, usual: int, about: str
) -> dict[str, tuple[float, ...]]:
    """Return the seconds of one call of each child in each turn, which takes about `seconds`."""
    block = seconds / 5 if plan.short else seconds
    measures = {called: partial(child.seconds, batch, block) for called, child in started.items()}
    return plan.alternated(measures, usual, about)


def check_agreement(measured: Mapping[str, Child]) -> None:
    """Raise ContestantError where contestants disagree: then they do not do the same work."""
    first = next(iter(measured.values()))
    for child in measured.values():
        same = np.mean([a == b for a, b in zip(first.classes, child.classes, strict=True)])
        if same < SAME:
            raise ContestantError(
                f"{child.name} agrees with {first.name} on {same:.0%} of the images"
            )


def _answer(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise ContestantError(f"{process.args!r} ended: {process.stderr.read()[-2000:]}")
    return json.loads(line)


def main(words: list[str]) -> None:
    """Answer on stdout until stdin ends."""
    from benchmarks.rivals.networks import NETWORKS, decided

    name, folder, model, threads, path = words
    images = np.load(path)
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what libraries print is not an answer
        network = NETWORKS[name](Path(folder), model, int(threads))
        first = (network.answer(network.prepare(images[at : at + 1])) for at in range(CHECKED))
        classes = [best for answer in first for best in decided(answer)]
        print(json.dumps({"settings": network.settings, "classes": classes}), file=out, flush=True)
        ready: dict[int, list[Any]] = {}
        for line in sys.stdin:
            batch, seconds = int(line.split()[0]), float(line.split()[1])
            if batch not in ready:
                ready = {batch: _inputs(network.prepare, images, batch)}  # frees the last ones
            median = _median(network.answer, ready[batch], seconds)
            print(json.dumps({"median": median}), file=out, flush=True)


def _inputs(prepare: Any, images: NDArray[np.uint8], batch: int) -> list[Any]:
    count = max(1, min(VARIETY, len(images) // batch))
    whole = np.tile(images, (-(-batch // len(images)), 1, 1)) if batch > len(images) else images
    return [prepare(whole[at * batch : (at + 1) * batch].copy()) for at in range(count)]


def _median(answer: Any, inputs: list[Any], seconds: float) -> float:
    """Return the median seconds of a call."""
    clock = time.perf_counter
    began, calls = clock(), 0
    while not calls or clock() - began < seconds / 4:  # warms up, and shows how long a call takes
        answer(inputs[calls % len(inputs)])
        calls += 1
    together = max(1, round(SAMPLE * calls / (clock() - began)))
    source = itertools.cycle(inputs)
    samples: list[float] = []
    with without_gc():
        began = clock()
        while len(samples) < 2 or clock() - began < seconds:
            chosen = list(itertools.islice(source, together))
            start = clock()
            for each in chosen:
                answer(each)
            samples.append((clock() - start) / together)
    return float(np.median(samples))


if __name__ == "__main__":
    main(sys.argv[1:])
