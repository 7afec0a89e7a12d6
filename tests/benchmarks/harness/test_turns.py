"""Medians, quartiles and ratios are those of the textbook; contestants alternate, A B A B."""

import pytest

from benchmarks.harness.turns import Spread, alternated, ratios, spread


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], Spread(7, 7, 7)),
        ([1.0, 3.0], Spread(1.5, 2, 2.5)),
        ([5.0, 1.0, 4.0, 2.0, 3.0], Spread(2, 3, 4)),
        ([1.0, 2.0, 3.0, 4.0], Spread(1.75, 2.5, 3.25)),
        ([1.0] * 8 + [1000.0], Spread(1, 1, 1)),  # one disturbed turn of nine moves nothing
    ],
)
def test_a_spread_is_the_median_and_the_quartiles(values: list[float], expected: Spread) -> None:
    assert spread(values) == expected


def test_ratios_are_taken_pair_by_pair() -> None:
    # The machine is half as fast in the second turn: the ratio does not move, the medians do.
    ours, theirs = (10.0, 20.0, 10.0), (5.0, 10.0, 5.0)
    assert ratios(ours, theirs) == (2, 2, 2)
    with pytest.raises(ValueError, match="shorter"):
        ratios((1.0, 2.0), (1.0,))


@pytest.mark.parametrize("warm", [True, False])
def test_contestants_alternate_and_what_warms_up_does_not_count(warm: bool) -> None:
    order: list[str] = []
    said: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    measures = {"a": lambda: measure("a"), "b": lambda: measure("b")}
    taken = alternated(measures, 3, said.append, warm)
    assert order == ["a", "b"] * (4 if warm else 3)
    first = 3 if warm else 1
    assert taken == {"a": (first, first + 2, first + 4), "b": (first + 1, first + 3, first + 5)}
    assert len(said) == len(order)
    assert said[-1] == "turn 3 of 3: b"
