"""A result's file holds every block and pair, and what is shown is computed from those alone."""

import json

import pytest

from benchmarks.harness.results import (
    Check,
    Column,
    Contestant,
    Finding,
    Race,
    Ratio,
    Result,
    Table,
    Target,
    best,
    from_json,
    machine,
    to_json,
    versions,
)
from tinydigits.bench.stats import Spread

OURS, THEIRS = Contestant("ours", "as it is", (2.0, 4.0, 3.0)), Contestant("theirs", "", (1, 1, 1))
RACE = Race("a race", "title", "s", (OURS, THEIRS), (Ratio("ours", "theirs", Target(2.5)),), "10")
TABLE = Table("a table", "title", (Column("name"), Column("share", ".1%")), (("x", None),))
CHECK = Check("a check", 3.0, Target(at_least=3))
FINDING = Finding("fit", "what", "on", "how", (RACE,), (TABLE,), (CHECK,))
RESULT = Result(FINDING, "python -m benchmarks fit", "2025-01-01", {"cpu": "x"}, {"numpy": "2"})


def test_a_result_comes_back_from_its_file() -> None:
    assert from_json(to_json(RESULT)) == RESULT


def test_the_file_says_what_follows_from_the_blocks() -> None:
    finding = json.loads(to_json(RESULT))["finding"]
    (race,) = finding["races"]
    assert race["contestants"][0]["blocks"] == [2, 4, 3]
    assert race["contestants"][0]["median"] == 3
    assert race["contestants"][0]["quartiles"] == [2.5, 3.5]
    (ratio,) = race["comparisons"]
    assert (ratio["pairs"], ratio["median"], ratio["reached"]) == ([2, 4, 3], 3, False)
    assert finding["checks"][0]["reached"] is True


def test_computed_figures_in_a_file_are_not_believed() -> None:
    content = json.loads(to_json(RESULT))
    race = content["finding"]["races"][0]
    race["contestants"][0]["median"] = 0.1
    race["comparisons"][0] |= {"median": 0.1, "reached": True, "pairs": [0.1]}
    content["finding"]["checks"][0]["reached"] = False
    assert from_json(json.dumps(content)) == RESULT


def test_a_file_of_another_schema_is_refused() -> None:
    content = json.loads(to_json(RESULT)) | {"schema": 0}
    with pytest.raises(ValueError, match="schema 0, where 1"):
        from_json(json.dumps(content))


def test_numbers_keep_six_digits_and_lists_of_them_a_line() -> None:
    long = Contestant("ours", "", (1.23456789, 1e-7 / 3))
    text = to_json(
        Result(Finding("fit", "", "", "", (Race("r", "", "s", (long,)),)), "", "", {}, {})
    )
    assert '"blocks": [ 1.23457, 3.33333e-08 ]' in text


@pytest.mark.parametrize(
    ("target", "below", "at", "above"),
    [(Target(at_most=2), True, True, False), (Target(at_least=2), False, True, True)],
)
def test_a_target_is_inclusive(target: Target, below: bool, at: bool, above: bool) -> None:
    assert [target.holds(value) for value in (1.99, 2.0, 2.01)] == [below, at, above]


def test_the_best_is_the_fastest_or_the_most() -> None:
    assert best((OURS, THEIRS), ("ours", "theirs")) == "theirs"
    assert best((OURS, THEIRS), ("ours", "theirs"), most=True) == "ours"
    assert OURS.spread == Spread(2.5, 3, 3.5)


def test_machine_and_versions_are_said_and_no_host_is_named() -> None:
    import platform
    from importlib.util import find_spec

    said = " ".join(machine().values())
    assert machine()["cores"].endswith("CPUs")
    assert platform.python_version() in said
    assert platform.node() not in said
    named = ("tinydigits", "numpy", "onnxruntime", "tensorflow")
    assert {name for name in named if find_spec(name)} <= versions().keys()
