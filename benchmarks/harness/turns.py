"""Measuring: contestants take turns, A B A B, and are compared turn by turn.

What disturbs a machine for a while disturbs both of a pair, so that their ratio says more than
either time.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """A median and the quartiles around it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """values: at least one."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def ratios(over: Sequence[float], under: Sequence[float]) -> tuple[float, ...]:
    """Pair by pair. Both must have taken the same turns."""
    return tuple(a / b for a, b in zip(over, under, strict=True))


def alternated(
    measures: Mapping[str, Callable[[], float]],
    turns: int,
    say: Callable[[str], None] = lambda _: None,
    warm: bool = True,
) -> dict[str, tuple[float, ...]]:
    """What each of `measures` gives in each turn. warm: a turn before the first warms the caches
    and does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for turn in range(0 if warm else 1, turns + 1):
        for name, measure in measures.items():
            say(f"turn {turn} of {turns}: {name}" if turn else f"warming up: {name}")
            value = measure()
            if turn:
                taken[name].append(value)
    return {name: tuple(values) for name, values in taken.items()}
