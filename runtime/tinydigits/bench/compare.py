"""Two runs of `tinydigits bench`, figure by figure."""

from typing import NamedTuple

from tinydigits.bench.file import Run
from tinydigits.bench.machine import HARDWARE
from tinydigits.bench.stats import LEAST_BLOCKS, Metric, Ratio, ratio

TIMES = ("s", "images/s")  # units of figures that can be slower
CONTROLS = ("python", "control")  # stages that tinydigits has no part in
DRIFT = 1.05  # a control that has changed by more is told of


class Change(NamedTuple):
    """A figure that both runs have."""

    before: Metric
    now: Metric
    ratio: Ratio

    @property
    def is_rated(self) -> bool:
        """Whether it may be too slow: it is a time, and tinydigits has a part in it."""
        figure = self.now.figure
        return figure.unit in TIMES and figure.stage not in CONTROLS

    def is_slower_than(self, allowed: float) -> bool:
        """By more than `allowed`, a share, even at the lower end of the interval."""
        return self.is_rated and self.ratio.low is not None and self.ratio.low > 1 + allowed


def compared(before: Run, now: Run) -> list[Change]:
    """Times and memory, in the order of `now`."""
    return [
        Change(before.metrics[name], metric, ratio(before.metrics[name], metric))
        for name, metric in now.metrics.items()
        if name in before.metrics
        and metric.figure.unit in (*TIMES, "bytes")
        and before.metrics[name].figure.unit == metric.figure.unit
    ]


def doubts(before: Run, now: Run, rows: list[Change], origin: str) -> list[str]:
    """Sentences on what speaks against comparing the two. `origin` names the file of `before`."""
    changed = [
        (name, before.machine.get(name), value)
        for name, value in now.machine.items()
        if before.machine.get(name) != value
    ]
    told = []
    hardware = [f"{name} {old} → {new}" for name, old, new in changed if name in HARDWARE]
    if hardware:
        told.append(f"{origin} is of ANOTHER MACHINE: {', '.join(hardware)}")
    if other := [f"{name} {old} → {new}" for name, old, new in changed if name not in HARDWARE]:
        told.append(f"changed since {origin}: {', '.join(other)}")
    for name in now.models.keys() & before.models.keys():
        if before.models[name] != now.models[name]:
            told.append(
                f"{name} is ANOTHER MODEL than in {origin}: SHA-256 "
                f"{before.models[name][:12]} → {now.models[name][:12]}"
            )
    for name in now.pictures.keys() & before.pictures.keys():
        if before.pictures[name] != now.pictures[name]:
            told.append(f"{name}: these are OTHER PICTURES than in {origin}")
    if missing := [name for name in before.metrics if name not in now.metrics]:
        told.append(f"only in {origin}: {', '.join(missing)}")
    if added := [name for name in now.metrics if name not in before.metrics]:
        told.append(f"not in {origin}: {', '.join(added)}")
    if bare := [row.now.figure.name for row in rows if row.is_rated and row.ratio.low is None]:
        told.append(
            f"no interval, since they were measured in fewer than {LEAST_BLOCKS} rounds: "
            f"{', '.join(bare)} (give both runs more --seconds)"
        )
    if not hardware:
        told += [_drift(row) for row in rows if _drifted(row)]
    return told


def _drifted(row: Change) -> bool:
    low, high = row.ratio.low, row.ratio.high
    if row.now.figure.stage not in CONTROLS or low is None or high is None:
        return False
    return low > DRIFT or high < 1 / DRIFT


def _drift(row: Change) -> str:
    return (
        f"the MACHINE ITSELF has changed: {row.now.figure.name}, in which tinydigits has no part, "
        f"takes ×{row.ratio.value:.2f} of the time"
    )
