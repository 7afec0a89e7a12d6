"""Contestants in processes of their own, so that their threads and allocators leave each other
alone, and which stay alive and quiet between their turns, so that A B A B alternates.

    python -m benchmarks.harness.children NETWORK FOLDER NAME THREADS IMAGES.npy

is such a process: for each line `BATCH SECONDS` on stdin it runs for about SECONDS and answers with
one line of JSON.
"""

import gc
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.plan import ROOT
from tinydigits.errors import TinydigitsError

SAMPLE = 50e-6  # s: the least that is timed at once, so that reading the clock weighs nothing
VARIETY = 50  # different inputs, in turn: what the cache has seen is not only one image
QUIET = 0.01  # s between two turns: threads that wait in a loop have stopped by then
CHECKED = 30  # images on which contestants are to agree


class ContestantError(TinydigitsError):
    """A contestant cannot be measured; the message is its own."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Child:
    """A process that measures one contestant."""

    name: str
    settings: str
    classes: tuple[int, ...]
    """What it reads in the first CHECKED images."""

    process: "subprocess.Popen[str]"

    def seconds(self, batch: int, seconds: float) -> float:
        """s for one call with `batch` images: the median of what was run for about `seconds`."""
        time.sleep(QUIET)
        median: float = _asked(self.process, f"{batch} {seconds}")["median"]
        return median


@contextmanager
def children(
    contestants: Mapping[str, tuple[str, int]], folder: Path, name: str, images: Path
) -> Iterator[dict[str, Child]]:
    """One for each entry: what it is called → network and threads. folder: a bundle of `name`.
    images: an .npy file of uint8 [N, 28, 28].
    """
    started: dict[str, Child] = {}
    try:
        for called, (network, threads) in contestants.items():
            command = [
                sys.executable,
                "-m",
                "benchmarks.harness.children",
                network,
                str(folder),
                name,
            ]
            process = subprocess.Popen(
                [*command, str(threads), str(images)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, cwd=ROOT,
            )  # fmt: skip
            try:
                ready = _told(process)
            except BaseException:
                process.kill()
                process.communicate()
                raise
            started[called] = Child(called, ready["settings"], tuple(ready["classes"]), process)
        yield started
    finally:
        for child in started.values():
            child.process.kill()
            child.process.communicate()


def check_agreement(measured: Mapping[str, Child], least: float = 0.9) -> None:
    """Raises ContestantError where contestants do not read alike: then their work differs."""
    first = next(iter(measured.values()))
    for child in measured.values():
        same = np.mean([a == b for a, b in zip(first.classes, child.classes, strict=True)])
        if same < least:
            raise ContestantError(
                f"{child.name} agrees with {first.name} on {same:.0%} of the images"
            )


def _asked(process: "subprocess.Popen[str]", line: str) -> Any:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return _told(process)


def _told(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise ContestantError(f"{process.args!r} ended: {process.stderr.read()[-2000:]}")
    return json.loads(line)


def main(words: list[str]) -> None:
    network, folder, name, threads, images_path = words
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # whatever libraries print is no answer
        _serve(network, Path(folder), name, int(threads), np.load(images_path), out)


def _serve(
    name: str, folder: Path, model: str, threads: int, images: NDArray[np.uint8], out: Any
) -> None:
    from benchmarks.rivals.networks import NETWORKS, decided

    network = NETWORKS[name](folder, model, threads)
    one_by_one = (images[place : place + 1] for place in range(CHECKED))
    answers = (network.answer(network.prepare(image)) for image in one_by_one)
    classes = [best for answer in answers for best in decided(answer)]
    print(json.dumps({"settings": network.settings, "classes": classes}), file=out, flush=True)
    ready: dict[int, list[Any]] = {}
    for line in sys.stdin:
        batch, seconds = int(line.split()[0]), float(line.split()[1])
        if batch not in ready:
            ready = {batch: _inputs(network.prepare, images, batch)}  # the last ones are let go
        median, calls = _timed(network.answer, ready[batch], seconds)
        print(json.dumps({"median": median, "calls": calls}), file=out, flush=True)


def _inputs(prepare: Any, images: NDArray[np.uint8], batch: int) -> list[Any]:
    count = max(1, min(VARIETY, len(images) // batch))
    whole = np.tile(images, (-(-batch // len(images)), 1, 1)) if batch > len(images) else images
    return [prepare(whole[at * batch : (at + 1) * batch].copy()) for at in range(count)]


def _timed(answer: Any, inputs: list[Any], seconds: float) -> tuple[float, int]:
    """The median time of a call, and how many there were."""
    clock = time.perf_counter
    began, calls = clock(), 0
    while not calls or clock() - began < seconds / 4:  # warms up, and tells how long a call takes
        answer(inputs[calls % len(inputs)])
        calls += 1
    together = max(1, round(SAMPLE * calls / (clock() - began)))
    source = itertools.cycle(inputs)
    samples: list[float] = []
    gc.collect()
    gc.disable()
    try:
        began = clock()
        while len(samples) < 2 or clock() - began < seconds:
            chosen = list(itertools.islice(source, together))
            start = clock()
            for each in chosen:
                answer(each)
            samples.append((clock() - start) / together)
    finally:
        gc.enable()
    return float(np.median(samples)), together * len(samples)


if __name__ == "__main__":
    main(sys.argv[1:])
