"""The gate needs no data, prints every ratio with its bound, and ends with 1 beyond one."""

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.measures import gate
from tinydigits.bench.stats import Spread

DOCTORED = "Classifier.scores ÷ onnxruntime, 1 image"


def test_it_ends_with_1_beyond_a_bound_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    monkeypatch.setattr(gate, "FILES", 100)
    monkeypatch.setattr(gate, "BOUNDS", dict.fromkeys(gate.BOUNDS, 1000.0))
    measured: list[gate.Held] = []
    measure = gate.measure
    monkeypatch.setattr(gate, "measure", lambda plan: measured or measure(plan))

    def lines() -> tuple[int, list[str]]:
        done = CliRunner().invoke(main, ["gate", "--turns", "1", "--short"])
        return done.exit_code, done.stdout.splitlines()

    status, shown = lines()
    assert status == 0
    assert [line.split("×")[0].strip() for line in shown[:2]] == list(gate.BOUNDS)[:2]
    assert len(shown) == len(gate.BOUNDS)
    assert all(line.endswith("holds") for line in shown)
    # The same figures, one of them beyond its bound.
    ratio = Spread(1.0, 1.1, 1.2)
    measured[:] = [gate.Held(n, ratio, 0.5 if n == DOCTORED else b) for n, b in gate.BOUNDS.items()]
    status, shown = lines()
    assert status == 1
    for line in shown:
        assert line.endswith("OUT OF BOUNDS" if line.startswith(DOCTORED) else "holds")


def test_bounds_are_of_ratios_and_generous() -> None:
    assert all("÷" in name for name in gate.BOUNDS)
    assert all(bound >= 1.3 for bound in gate.BOUNDS.values())
