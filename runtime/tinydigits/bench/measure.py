"""Measure how fast this machine reads digits, by stage.

Every figure is measured in each of several rounds, in turn with all others, so that a change during
the run, such as a CPU that grows warm, affects all of them alike. The number of samples of each is
planned from the time of a first call, so that all are done in the seconds that are allowed.
"""

import gc
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import NamedTuple

import numpy as np

from tinydigits.bench.machine import Machine, this_machine
from tinydigits.bench.pictures import DIGITS, Pictures, digits, drawn, own
from tinydigits.bench.stats import LEAST_BLOCKS, Figure, Metric, percentiles
from tinydigits.bench.tasks import BATCHES, Contestant, Task, contestants, tasks
from tinydigits.model import BackendName
from tinydigits.sinks.files import unfinished

ROUNDS = 10
SECONDS = 24.0  # s: the default for the whole run
# Calls of a short task: enough for p99.9, p99, p90 and p50, even if two rounds are missing.
LADDER = (12_500, 1_250, 125, 25)
SHORT = 0.2  # s: each task gets at least so long if there is time
STEADY = 0.2  # s: a figure of throughput is measured for so long
WARM_UP = 0.03  # s: for each task before the first round; before each block, 1 call in WARM_PART
WARM_PART = 20
PLANNED = 0.9  # share of the seconds that is planned: other programs need time as well
LATE = 0.25  # share of the time for all rounds: no round starts that would end later than this
PART = 0.6  # share of other tasks' time that whole processes get: their times vary less
LEAST = 0.01  # s: no task is planned shorter


class Bench(NamedTuple):
    """The result of a run: figures, machine, models and pictures."""

    machine: Machine
    models: list[Contestant]
    pictures: list[Pictures]
    unreadable: int  # how many of the user's pictures were left out
    metrics: list[Metric]
    rounds: int
    timer: float  # seconds that reading the clock twice takes: every sample includes them
    seconds: float  # the duration of the whole run


def measure(
    models: tuple[str, ...],
    images: str | None = None,
    seconds: float = SECONDS,
    say: Callable[[str], None] = lambda _: None,
    backend: BackendName | None = None,
) -> Bench:
    """Measure models, given by name or file, on drawn pictures or on those in the folder `images`.

    `say` gets the progress; `backend` is that of a Classifier. Raises ModelError, MissingExtra,
    SourceError.
    """
    began = perf_counter()
    say("opening the models and drawing pictures")
    opened = contestants(models, backend)
    with (
        tempfile.TemporaryDirectory(prefix="tinydigits-bench-") as scratch,
        unfinished(Path(scratch)),
    ):
        small, unreadable = digits(DIGITS), 0
        if images is None:
            kinds = drawn(Path(scratch), small)
        else:
            found, unreadable = own(images)
            kinds = [found]
        todo = tasks(opened, kinds, np.resize(small, (max(BATCHES), *small.shape[1:])))
        say("warming up")
        costs = warmed_up(todo)
        calls = plan(todo, costs, PLANNED * seconds - (perf_counter() - began))
        metrics, rounds = _rounds(todo, costs, calls, began + PLANNED * seconds, say)
    taken = perf_counter() - began
    return Bench(this_machine(), opened, kinds, unreadable, metrics, rounds, _timer(), taken)


def plan(todo: list[Task], costs: list[float], seconds: float) -> list[int]:
    """Return how often each task is done. `costs`: seconds of one call of each.

    All tasks have the same limit of time: the longest with which all are done in `seconds`.
    """
    longest = seconds
    while True:
        calls = [_calls(task, cost, longest) for task, cost in zip(todo, costs, strict=True)]
        needed = sum(_expected(todo, costs, calls, place) for place in range(ROUNDS))
        if needed <= seconds or longest < LEAST:
            return calls
        longest *= 0.9


def _calls(task: Task, cost: float, longest: float) -> int:
    """Return how often a task is done in at most `longest` seconds."""
    if task.like:
        return min(ROUNDS, max(1, int(PART * longest / cost)))
    if task.figures[0].unit == "images/s":
        return max(LEAST_BLOCKS, int(min(longest, max(STEADY, ROUNDS * cost)) / cost))
    wanted = next((step for step in LADDER if step * cost <= longest), LADDER[-1])
    return max(wanted, int(min(longest, SHORT) / cost))


def _expected(todo: list[Task], costs: list[float], calls: list[int], place: int) -> float:
    """Return the seconds that the round `place` takes."""
    counts = [share(each, place) for each in calls]
    return sum(
        cost * (count + _untimed(task, count))
        for task, cost, count in zip(todo, costs, counts, strict=True)
    )


def _untimed(task: Task, calls: int) -> int:
    """Return how many calls warm up a block of `calls`."""
    return 0 if task.like is not None or calls == 0 else 1 + calls // WARM_PART


def share(calls: int, place: int) -> int:
    """Return how many of the calls belong to the round `place`, from 0. The first round always has
    one, since there may be no time for the last.
    """
    return -(-(place + 1) * calls // ROUNDS) + (-place * calls // ROUNDS)


_Values = defaultdict[Figure, list[float]]


def _rounds(
    todo: list[Task], costs: list[float], calls: list[int], end: float, say: Callable[[str], None]
) -> tuple[list[Metric], int]:
    """Measure all rounds, or those likely to end soon after `end`, but enough for an interval.

    Return the metrics and the number of rounds. A round that ends early repeats long tasks.
    """
    expected = [_expected(todo, costs, calls, place) for place in range(ROUNDS)]
    samples, blocks = _Values(list), _Values(list)
    began, done = perf_counter(), 0
    late = end + LATE * (end - began)
    with without_gc():
        while done < ROUNDS:
            slower = (perf_counter() - began) / sum(expected[:done]) if done else 0
            if done >= LEAST_BLOCKS and perf_counter() + slower * expected[done] > late:
                break
            say(f"round {done + 1} of {ROUNDS}")
            for place in order(len(todo), done):
                if count := share(calls[place], done):
                    _block(todo[place], count, samples, blocks)
            done += 1
            for place in _missed(todo, calls, blocks, done):
                if perf_counter() + costs[place] < began + (end - began) * done / ROUNDS:
                    _block(todo[place], 1, samples, blocks)
            gc.collect()
    metrics = []
    for task in todo:
        for figure in task.figures:
            if figure in blocks:
                taken = samples[figure]
                spread = percentiles(taken) if figure.unit == "s" and task.like is None else ()
                metrics.append(Metric(figure, len(taken), tuple(blocks[figure]), spread))
    return metrics, done


def _missed(todo: list[Task], calls: list[int], blocks: _Values, done: int) -> list[int]:
    """Return the long tasks that the last round left out, those with the fewest blocks first."""
    missed = [
        place
        for place, task in enumerate(todo)
        if task.like is not None and share(calls[place], done - 1) == 0
    ]
    return sorted(missed, key=lambda place: len(blocks[todo[place].figures[0]]))


def order(count: int, place: int) -> Iterable[int]:
    """Return the order of a round: forwards, then backwards, so that neighbours change places."""
    return range(count) if place % 2 == 0 else reversed(range(count))


def warmed_up(todo: list[Task]) -> list[float]:
    """Return the seconds of one warm call of each task. Only one of several similar long tasks is
    tried; the very first is tried twice, since it finds the disk's cache cold.
    """
    costs: list[float] = []
    alike: dict[str, float] = {}
    for place, task in enumerate(todo):
        if task.like is None:
            costs.append(_cost(task, 3, WARM_UP))
            continue
        if task.like not in alike:
            alike[task.like] = _cost(task, 2 if place == 0 else 1, 0)
        costs.append(alike[task.like])
    return costs


def _cost(task: Task, calls: int, seconds: float) -> float:
    """Return the seconds of a later call: the median of the second half of at least `calls`."""
    taken: list[float] = []
    began = perf_counter()
    while len(taken) < calls or perf_counter() - began < seconds:
        before = perf_counter()
        task.once()
        taken.append(perf_counter() - before)
    return statistics.median(taken[len(taken) // 2 :])


def _block(task: Task, calls: int, samples: _Values, blocks: _Values) -> None:
    """Measure one block: a few calls that do not count, then those that do."""
    for _ in range(_untimed(task, calls)):
        task.once()
    rows = [task.once() for _ in range(calls)]
    for figure, column in zip(task.figures, zip(*rows, strict=True), strict=True):
        known = [value for value in column if value is not None]
        if not known:
            continue
        if figure.unit == "s":
            known = [value / 1e9 for value in known]
        per_second = figure.unit == "images/s"
        block = 1e9 / statistics.fmean(known) if per_second else statistics.median(known)
        samples[figure] += known
        blocks[figure].append(block)


@contextmanager
def without_gc() -> Iterator[None]:
    """Collect garbage before the block, and not while samples are taken in it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _timer() -> float:
    """Return the median seconds between two readings of the clock with nothing between them."""
    pairs = [(perf_counter_ns(), perf_counter_ns()) for _ in range(1001)]
    return statistics.median(after - before for before, after in pairs) / 1e9
