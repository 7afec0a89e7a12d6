"""What a benchmark found, and its JSON file.

A Race is measured in turns and compared pair by pair; a Table holds figures that come out the same
each time, or nearly; a Check holds one figure to a target. Everything that is shown is computed
from these, and the JSON file carries the computed figures too, for whoever reads it without Python.
"""

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.harness.turns import Spread, ratios, spread
from tinydigits.bench.machine import this_machine

SCHEMA = 1
FOLDER = Path(__file__).parents[1] / "results"
DISTRIBUTIONS = (
    "tinydigits",
    "numpy",
    "onnxruntime",
    "pillow",
    "opencv-python-headless",
    "ai-edge-litert",
    "tensorflow",
    "keras",
)

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Target:
    """A bound, inclusive; one of the two is given."""

    at_most: float | None = None
    at_least: float | None = None

    def holds(self, value: float) -> bool:
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )


@dataclass(frozen=True, slots=True)
class Contestant:
    """One side of a Race."""

    name: str
    settings: str
    """How it was set, for people who would set it otherwise."""

    blocks: tuple[float, ...]
    """One figure a turn, in the unit of the Race: the median of what the turn measured."""

    @property
    def spread(self) -> Spread:
        return spread(self.blocks)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One contestant ÷ another."""

    over: str
    under: str
    target: Target | None = None
    label: str = ""
    """How the row is called where several races share a table; else "over ÷ under"."""


@dataclass(frozen=True, slots=True)
class Race:
    """Contestants that took turns at the same work."""

    name: str
    """Of the block that shows it; races of one name share a block, a column each."""

    title: str
    unit: str
    contestants: tuple[Contestant, ...]
    comparisons: tuple[Ratio, ...] = ()
    case: str = ""
    """What tells it from the others of its name, as "256 images"."""

    detailed: bool = False
    """Among others of its name, it has a block of its own as well."""

    def pairs(self, ratio: Ratio) -> tuple[float, ...]:
        blocks = {contestant.name: contestant.blocks for contestant in self.contestants}
        return ratios(blocks[ratio.over], blocks[ratio.under])


def best(contestants: Iterable[Contestant], names: Iterable[str], most: bool = False) -> str:
    """The one of `names` with the lowest median, or with the highest."""
    medians = {c.name: c.spread.median for c in contestants if c.name in names}
    return (max if most else min)(medians, key=lambda name: medians[name])


@dataclass(frozen=True, slots=True)
class Column:
    """Of a Table."""

    name: str
    format: str = ""
    """A format specification, as ",.1f"; "" leaves text as it is."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures, a row each."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    """Values in the order of the columns; None where there is none."""


@dataclass(frozen=True, slots=True)
class Check:
    """A figure that is held to a target and is no ratio of a Race."""

    label: str
    value: float
    target: Target
    format: str = ",.1f"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one benchmark found in one run."""

    benchmark: str
    what: str
    """What was measured, in a sentence or two."""

    on: str
    """On which data and models."""

    how: str
    """How often, and what counts."""

    races: tuple[Race, ...] = ()
    tables: tuple[Table, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A Finding, and where and when it was made."""

    finding: Finding
    command: str
    """Which repeats it."""

    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]


def to_json(result: Result) -> str:
    found = dataclasses.asdict(result)
    for race, written in zip(result.finding.races, found["finding"]["races"], strict=True):
        for contestant, entry in zip(race.contestants, written["contestants"], strict=True):
            entry |= _computed(contestant.spread)
        for ratio, entry in zip(race.comparisons, written["comparisons"], strict=True):
            pairs = race.pairs(ratio)
            entry |= {"pairs": pairs, **_computed(spread(pairs))}
            entry["reached"] = ratio.target and ratio.target.holds(spread(pairs).median)
    for check, entry in zip(result.finding.checks, found["finding"]["checks"], strict=True):
        entry["reached"] = check.target.holds(check.value)
    text = json.dumps(_rounded({"schema": SCHEMA, **found}), indent=1, ensure_ascii=False)
    return _NUMBERS.sub(lambda numbers: " ".join(numbers[0].split()), text) + "\n"


_NUMBERS = re.compile(r"\[[\s\d.,e+-]*\]")  # a list of them, which is to stand on one line


def _rounded(content: Any) -> Any:
    """Floats to six digits: no clock here gives more."""
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return float(f"{content:.6g}") if isinstance(content, float) else content


def _computed(figures: Spread) -> dict[str, Any]:
    return {"median": figures.median, "quartiles": [figures.low, figures.high]}


def from_json(text: str) -> Result:
    """Of the computed figures nothing is read: they are computed again."""
    content = json.loads(text)
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema {content['schema']}, where {SCHEMA} was expected")
    finding = content["finding"]
    races = tuple(
        Race(
            **_only(Race, race)
            | {
                "contestants": tuple(
                    Contestant(**_only(Contestant, c) | {"blocks": tuple(c["blocks"])})
                    for c in race["contestants"]
                ),
                "comparisons": tuple(
                    Ratio(**_only(Ratio, r) | {"target": _target(r["target"])})
                    for r in race["comparisons"]
                ),
            }
        )
        for race in finding["races"]
    )
    tables = tuple(
        Table(
            **table
            | {
                "columns": tuple(Column(**column) for column in table["columns"]),
                "rows": tuple(tuple(row) for row in table["rows"]),
            }
        )
        for table in finding["tables"]
    )
    checks = tuple(
        Check(**_only(Check, check) | {"target": _target(check["target"])})
        for check in finding["checks"]
    )
    whole = finding | {"races": races, "tables": tables, "checks": checks}
    return Result(**_only(Result, content) | {"finding": Finding(**whole)})


def _only(kind: type[Any], content: dict[str, Any]) -> dict[str, Any]:
    return {field.name: content[field.name] for field in dataclasses.fields(kind)}


def _target(content: dict[str, float | None] | None) -> Target | None:
    return Target(**content) if content else None


def read_results(folder: Path) -> list[Result]:
    """All that are there, by name."""
    return [from_json(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def machine() -> dict[str, str]:
    """What figures depend on, as words."""
    found = this_machine()
    return {
        "cpu": found.cpu,
        "cores": f"{found.cores_allowed} of {found.cores} CPUs",
        "governor": f"governor {found.governor}",
        "memory": f"{found.memory / 2**30:.0f} GiB",
        "system": found.system,
        "python": found.python,
    }


def versions() -> dict[str, str]:
    """Of the distributions that take part and are installed."""
    found = {}
    for name in DISTRIBUTIONS:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
