"""The results of a benchmark, and its JSON file.

A Race is measured in turns and compared pair by pair; a Table holds figures that are nearly the
same each time; a Check compares one figure with a target. Everything that is shown is computed from
these. The JSON file holds the computed figures too, for readers without Python.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from tinydigits.bench.machine import ABSENT, this_machine, version_of
from tinydigits.bench.stats import Spread, ratios, spread

SCHEMA = 1
ONCE = "each picture once; every run gives the same figures"  # how a benchmark without turns works
FOLDER = Path(__file__).parents[1] / "results"
DISTRIBUTIONS = (
    *("tinydigits", "numpy", "onnxruntime", "pillow", "opencv-python-headless", "ai-edge-litert"),
    *("tensorflow", "keras", "rapidocr-onnxruntime", "pytesseract", "digit-recognizer-py", "torch"),
)

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Target:
    """An inclusive bound; one of the two is given."""

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
    settings: str  # the options it was run with
    # One figure for each turn, in the unit of the Race: the median of the turn's samples.
    blocks: tuple[float, ...]

    @property
    def spread(self) -> Spread:
        return spread(self.blocks)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One contestant ÷ another."""

    over: str
    under: str
    target: Target | None = None
    # The name of the row where several races share a table; otherwise it is "over ÷ under".
    label: str = ""


@dataclass(frozen=True, slots=True)
class Race:
    """Contestants that took turns at the same work."""

    name: str  # the name of the block that shows it; races with the same name share a block
    title: str
    unit: str
    contestants: tuple[Contestant, ...]
    comparisons: tuple[Ratio, ...] = ()
    case: str = ""  # the heading of its column in a shared block, such as "256"
    detailed: bool = False  # whether it has a block of its own beside the shared one

    def pairs(self, ratio: Ratio) -> tuple[float, ...]:
        """Return the ratio in each turn."""
        blocks = {contestant.name: contestant.blocks for contestant in self.contestants}
        return ratios(blocks[ratio.over], blocks[ratio.under])


def best(contestants: Iterable[Contestant], names: Iterable[str], most: bool = False) -> str:
    """Return the one of `names` with the lowest median, or with the highest."""
    medians = {c.name: c.spread.median for c in contestants if c.name in names}
    return (max if most else min)(medians, key=lambda name: medians[name])


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a Table."""

    name: str
    format: str = ""  # a format specification, such as ",.1f"; "" leaves text as it is


def columns(*texts: str) -> tuple[Column, ...]:
    """Read columns, each a "name" or "name:format"; "; " parts several in one text."""
    return tuple(Column(*text.split(":", 1)) for text in "; ".join(texts).split("; "))


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows and columns."""

    name: str
    title: str
    columns: tuple[Column, ...]
    # Values in the order of the columns; None where there is none.
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A figure that is not a ratio of a Race and has a target."""

    label: str
    value: float
    target: Target
    format: str = ",.1f"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The figures of one run of one benchmark."""

    benchmark: str
    what: str  # the measurement, in a sentence or two
    on: str  # the data and the models
    how: str  # the number of turns, and what counts
    races: tuple[Race, ...] = ()
    tables: tuple[Table, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A Finding with its machine and date."""

    finding: Finding
    command: str  # the command that repeats it
    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]


def to_json(result: Result) -> str:
    """Return the text of the file: the fields of a Result and the computed figures."""
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


_NUMBERS = re.compile(r"\[[\s\d.,e+-]*\]")  # a list of numbers, which goes on one line


def _rounded(content: Any) -> Any:
    """Round floats to six digits: no clock here gives more."""
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return float(f"{content:.6g}") if isinstance(content, float) else content


def _computed(figures: Spread) -> dict[str, Any]:
    return {"median": figures.median, "quartiles": [figures.low, figures.high]}


def from_json(text: str) -> Result:
    """Read a result. Computed figures are not read but computed again."""
    content = json.loads(text)
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema {content['schema']}, where {SCHEMA} was expected")
    result: Result = _read(Result, content)
    return result


def _read(kind: Any, content: Any) -> Any:
    """Build a value of `kind` from JSON. Keys that are not fields of a dataclass are ignored."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _read(hint, content[name]) for name, hint in hints.items()})
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], entry) for entry in content)
    if content is not None and Target in get_args(kind):
        return _read(Target, content)
    return content


def read_results(folder: Path) -> list[Result]:
    """Read all files of the folder, in the order of their names."""
    return [from_json(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def machine() -> dict[str, str]:
    """Describe the machine in words."""
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
    """Return the versions of those DISTRIBUTIONS that are installed."""
    found = {name: version_of(name) for name in DISTRIBUTIONS}
    return {name: version for name, version in found.items() if version != ABSENT}
