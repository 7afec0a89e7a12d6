"""The gate needs no data, prints every ratio with its bound, and ends with 1 beyond one."""

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.measures import gate

GENEROUS = dict.fromkeys(gate.BOUNDS, 1000.0)
DOCTORED = "Classifier.scores ÷ onnxruntime, 1 image"


@pytest.mark.parametrize("doctored", [False, True])
def test_it_ends_with_1_beyond_a_bound_and_not_before(
    monkeypatch: pytest.MonkeyPatch, doctored: bool
) -> None:
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    monkeypatch.setattr(gate, "FILES", 100)
    monkeypatch.setattr(gate, "BOUNDS", GENEROUS | ({DOCTORED: 0.5} if doctored else {}))
    done = CliRunner().invoke(main, ["gate", "--turns", "2"])
    assert done.exit_code == int(doctored)
    lines = done.stdout.splitlines()
    assert [line.split("×")[0].strip() for line in lines[:2]] == list(gate.BOUNDS)[:2]
    assert len(lines) == len(gate.BOUNDS)
    for line in lines:
        beyond = doctored and line.startswith(DOCTORED)
        assert line.endswith("OUT OF BOUNDS" if beyond else "holds")


def test_bounds_are_of_ratios_and_generous() -> None:
    assert all("÷" in name for name in gate.BOUNDS)
    assert all(bound >= 1.3 for bound in gate.BOUNDS.values())
