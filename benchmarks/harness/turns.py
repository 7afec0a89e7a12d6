"""Contestants take turns, A B A B, and are compared turn by turn.

A disturbance that lasts for a while affects both sides of a pair, so that their ratio says more
than either time.
"""

from collections.abc import Callable, Mapping


def alternated(
    measures: Mapping[str, Callable[[], float]],
    turns: int,
    say: Callable[[str], None] = lambda _: None,
    warm: bool = True,
) -> dict[str, tuple[float, ...]]:
    """Return the figures of each of `measures`, one for each turn. warm: an extra turn at the
    start fills the caches and does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for turn in range(0 if warm else 1, turns + 1):
        for name, measure in measures.items():
            say(f"turn {turn} of {turns}: {name}" if turn else f"warming up: {name}")
            value = measure()
            if turn:
                taken[name].append(value)
    return {name: tuple(values) for name, values in taken.items()}
