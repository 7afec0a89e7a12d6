"""Contestants alternate, A B A B, and the turn that warms up does not count."""

from pathlib import Path

import pytest

from benchmarks.harness.plan import Plan


@pytest.mark.parametrize("warm", [True, False])
def test_contestants_alternate_and_what_warms_up_does_not_count(warm: bool, tmp_path: Path) -> None:
    order: list[str] = []
    said: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    measures = {"a": lambda: measure("a"), "b": lambda: measure("b")}
    plan = Plan(tmp_path, asked_turns=3, short=not warm, say=said.append)
    taken = plan.alternated(measures, 9)
    assert order == ["a", "b"] * (4 if warm else 3)
    first = 3 if warm else 1
    assert taken == {"a": (first, first + 2, first + 4), "b": (first + 1, first + 3, first + 5)}
    assert len(said) == len(order)
    assert said[-1] == "turn 3 of 3: b"
