"""A run is compared with an earlier one by the figures that both have; doubts are reported, and any
other file is refused.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tinydigits import SourceError
from tinydigits.bench.file import Run, doubts, read_run, run_of
from tinydigits.bench.stats import Change, Figure, compared
from tinydigits.bench.table import comparison, time

STEADY = [1.0, 1.01, 0.99, 1.02, 0.98]
FIGURES = [
    Figure("infer", "conv"),
    Figure("batch", "conv", batch=32, unit="images/s"),
    Figure("memory", "conv", unit="bytes"),
    Figure("python"),
    Figure("control"),
    Figure("threads", "conv", unit="threads"),
]


def fields_of(scale: float = 1.0, **changed: float) -> dict[str, Any]:
    """A run's JSON. Each stage takes `scale` times as long, or as long as `changed` says."""
    metrics = []
    for figure in FIGURES:
        factor = changed.get(figure.stage, scale)
        factor = 1 / factor if figure.unit == "images/s" else factor
        blocks = [factor * value for value in STEADY]
        spread = dict.fromkeys(("p50", "p90", "p99", "p99.9"))
        metrics.append(
            {"name": figure.name, **figure._asdict(), "samples": 5, "value": factor}
            | spread
            | {"blocks": blocks}
        )
    return {
        "schema": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "machine": {"cpu": "A", "cores": 2, "numpy": "2.0"},
        "models": [{"name": "conv", "sha256": "a" * 64}],
        "pictures": [{"name": "scans", "bytes": 1000}],
        "metrics": metrics,
    }


def run(scale: float = 1.0, **changed: float) -> Run:
    return run_of(fields_of(scale, **changed), "a test")


def changes(before: Run, now: Run) -> list[Change]:
    return compared(before.metrics, now.metrics)


def failed(now: Run, allowed: float) -> list[str]:
    return [row.now.figure.stage for row in changes(run(), now) if row.is_slower_than(allowed)]


def test_ratios_are_of_times_and_memory_and_above_1_is_worse() -> None:
    rows = {row.now.figure.stage: row.ratio.value for row in changes(run(), run(1.5))}
    assert set(rows) == {"infer", "batch", "memory", "python", "control"}
    assert list(rows.values()) == pytest.approx([1.5] * 5)


def test_it_fails_only_where_the_whole_interval_is_beyond() -> None:
    assert failed(run(1.5), 0.1) == ["infer", "batch"]
    assert failed(run(1.5), 0.6) == []
    assert failed(run(1.11), 0.1) == []  # the interval begins below 1.10
    assert failed(run(0.5), 0.0) == []
    assert failed(run(infer=1.5), 0.1) == ["infer"]


def test_memory_and_what_is_not_tinydigits_never_fail() -> None:
    assert failed(run(memory=3, python=3, control=3), 0.1) == []


def test_what_has_no_interval_never_fails() -> None:
    fields = fields_of(3.0)
    for metric in fields["metrics"]:
        metric["blocks"] = metric["blocks"][:2]
        metric["value"] = (metric["blocks"][0] + metric["blocks"][1]) / 2
    now = run_of(fields, "a test")
    rows = changes(run(), now)
    (told,) = doubts(run(), now, rows, "x.json")
    assert told.endswith("3 rounds: infer conv, batch 32 conv (give both runs more --seconds)")
    assert [row.ratio.low for row in rows] == [None] * 5
    assert not any(row.is_slower_than(0.1) for row in rows)
    assert "–" in comparison(rows, 0.1, "before.json")


def test_two_runs_alike_leave_no_doubts() -> None:
    assert doubts(run(), run(1.3, python=1, control=1), changes(run(), run()), "x.json") == []


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("machine", "cpu"), "B", "x.json is from ANOTHER MACHINE: cpu A → B"),
        (("machine", "numpy"), "2.1", "changed since x.json: numpy 2.0 → 2.1"),
        (("models", 0, "sha256"), "b" * 64, "conv is ANOTHER MODEL than in x.json: SHA-256 aaaa"),
        (("models", 0, "name"), "dense", ""),
        (("pictures", 0, "bytes"), 999, "scans: these are OTHER PICTURES than in x.json"),
    ],
)
def test_what_differs_is_said(where: tuple[Any, ...], value: object, said: str) -> None:
    fields = fields_of()
    *way, last = where
    part: Any = fields
    for step in way:
        part = part[step]
    part[last] = value
    now = run_of(fields, "a test")
    found = doubts(run(), now, changes(run(), now), "x.json")
    assert len(found) == bool(said)
    assert "".join(found).startswith(said)


def test_figures_of_one_run_alone_are_named() -> None:
    fields = fields_of()
    fields["metrics"][0]["model"] = "dense"
    now = run_of(fields, "a test")
    found = doubts(run(), now, changes(run(), now), "x.json")
    assert found == ["only in x.json: infer conv", "not in x.json: infer dense"]


def test_a_machine_that_has_slowed_down_is_told_of() -> None:
    now = run(control=1.3)
    (told,) = doubts(run(), now, changes(run(), now), "x.json")
    assert told.startswith("the MACHINE ITSELF has changed: control")
    assert "×1.30" in told


def test_the_table_shows_before_now_ratio_and_verdict() -> None:
    lines = comparison(changes(run(), run(1.5, memory=1)), 0.1, "x.json").splitlines()
    assert " ".join(lines[0].split()) == "now against x.json before now ratio 95 % interval"
    assert lines[1].split()[:6] == ["infer", "conv", "1.00", "s", "1.50", "s"]
    assert lines[1].endswith("TOO SLOW")
    assert " ×1.50 " in lines[1]
    assert not lines[3].endswith("TOO SLOW")
    without = comparison(changes(run(), run(1.5, memory=1)), None, "x.json").splitlines()
    assert without[1].endswith("slower")
    faster = comparison(changes(run(), run(0.5)), None, "x.json").splitlines()
    assert faster[1].endswith("faster")
    assert faster[3].endswith("less")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (4e-8, "40.0 ns"),
        (8.978e-6, "8.98 µs"),
        (0.00023, "230 µs"),
        (0.0009996, "1.00 ms"),
        (0.0123, "12.3 ms"),
        (61.26, "61.3 s"),
    ],
)
def test_times_have_three_digits(seconds: float, shown: str) -> None:
    assert time(seconds) == shown


def test_what_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(fields_of()))
    assert read_run(str(tmp_path / "a.json")) == run()


def damaged() -> list[tuple[str, Any]]:
    cases: list[tuple[str, Any]] = [("not JSON", "{"), ("a list", "[]"), ("empty", "")]
    cases += [("deep", "[" * 100_000), ("not UTF-8", b"\xff")]
    for name, key, value in (
        ("another schema", "schema", 2),
        ("no metrics", "metrics", None),
        ("no machine", "machine", []),
        ("a model without a hash", "models", [{"name": "conv"}]),
    ):
        cases.append((name, json.dumps(fields_of() | {key: value})))
    wrong: list[tuple[str, str, Any]] = [
        ("text for blocks", "blocks", "123"),
        ("no blocks", "blocks", []),
        ("a negative block", "blocks", [1, -1]),
        ("no number", "blocks", [float("nan")]),
        ("infinity", "samples", float("inf")),
        ("a long number", "samples", 10**400),
        ("a value that is none of its blocks", "value", 1.5),
        ("a time of 0", "blocks", [1, 0]),
        ("a number for a stage", "stage", 1),
    ]
    for name, key, value in wrong:
        fields = fields_of()
        fields["metrics"][0][key] = value
        cases.append((name, json.dumps(fields)))
    return cases


@pytest.mark.parametrize("content", [pytest.param(text, id=name) for name, text in damaged()])
def test_what_is_no_such_file_is_refused(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError, match=r"a\.json: (not the JSON of|has schema 2)"):
        read_run(str(path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_run(str(tmp_path / "none.json"))
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        read_run(str(tmp_path))
