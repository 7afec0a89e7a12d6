"""Statistics of measurements: spreads, ratios, percentiles and the intervals of ratios.

`tinydigits bench` and the benchmarks of the repository share them.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
BEYOND = 10  # samples that must lie beyond a percentile before it is stated; not for the median
RESAMPLES = 4000
LEAST_BLOCKS = 3  # an interval needs so many from either run
TIMES = ("s", "images/s")  # units of figures that can become slower
CONTROLS = ("python", "control")  # stages that do not run tinydigits


class Spread(NamedTuple):
    """A median and the quartiles around it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of at least one value."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def ratios(over: Sequence[float], under: Sequence[float]) -> tuple[float, ...]:
    """Divide pair by pair. Both sides must have taken the same turns."""
    return tuple(a / b for a, b in zip(over, under, strict=True))


class Figure(NamedTuple):
    """The thing measured, in one place."""

    stage: str
    model: str | None = None
    pictures: str | None = None
    batch: int | None = None  # images in one call
    unit: str = "s"  # `s`, `images/s`, `bytes`, or the name of what is counted

    @property
    def name(self) -> str:
        """A unique name, such as `batch 32 conv` or `end to end conv, 28×28 grey PNG`."""
        words = (self.stage, str(self.batch or ""), self.model or "")
        return ", ".join(filter(None, (" ".join(filter(None, words)), self.pictures)))


class Metric(NamedTuple):
    """A figure and its measurements."""

    figure: Figure
    samples: int
    # One value for each round that measured it, in the figure's unit: the median of its samples,
    # or for images/s all images ÷ all time.
    blocks: tuple[float, ...]
    # PERCENTILES of all samples; None where too few lie beyond. Empty where they make no sense.
    percentiles: tuple[float | None, ...] = ()

    @property
    def value(self) -> float:
        """The median of the blocks."""
        return float(np.median(self.blocks))


class Ratio(NamedTuple):
    """How many times as long, or as much, it takes now: above 1 is worse."""

    value: float
    low: float | None  # the lower end of the 95 % interval; None where a run has too few blocks
    high: float | None


class Change(NamedTuple):
    """A figure that both runs have."""

    before: Metric
    now: Metric
    ratio: Ratio

    @property
    def is_rated(self) -> bool:
        """Whether it can be too slow: it is a time, and the stage runs tinydigits."""
        figure = self.now.figure
        return figure.unit in TIMES and figure.stage not in CONTROLS

    def is_slower_than(self, allowed: float) -> bool:
        """Whether even the lower end of the interval is slower by more than `allowed`, a share."""
        return self.is_rated and self.ratio.low is not None and self.ratio.low > 1 + allowed


def percentiles(samples: Sequence[float]) -> tuple[float | None, ...]:
    """Return PERCENTILES of at least one sample by linear interpolation; None for those above the
    median that have too few samples beyond.
    """
    found = np.percentile(samples, PERCENTILES).tolist()
    return tuple(
        value if _enough(len(samples), percent) else None
        for percent, value in zip(PERCENTILES, found, strict=True)
    )


def _enough(samples: int, percent: float) -> bool:
    beyond = samples * (100 - percent) / 100
    return percent == 50 or beyond > BEYOND - 1e-6  # 100 − 99.9 is a little below 0.1


def ratio(before: Metric, now: Metric) -> Ratio:
    """Return median of the blocks now ÷ before, in time or bytes; the reverse for images/s.

    The interval is that of the percentile bootstrap over blocks (Efron, Ann. Stat. 7, 1979), with
    a fixed seed.
    """
    over, under = (now, before) if now.figure.unit != "images/s" else (before, now)
    value = over.value / under.value
    if min(len(over.blocks), len(under.blocks)) < LEAST_BLOCKS:
        return Ratio(value, None, None)
    random = np.random.default_rng(0)
    above, below = (_medians(metric, random) for metric in (over, under))
    low, high = np.percentile(above / below, (2.5, 97.5)).tolist()
    return Ratio(value, low, high)


def _medians(metric: Metric, random: np.random.Generator) -> NDArray[np.float64]:
    """Return float64 [RESAMPLES]: medians of as many blocks, drawn with replacement."""
    blocks = np.array(metric.blocks)
    drawn = random.integers(0, len(blocks), (RESAMPLES, len(blocks)))
    medians: NDArray[np.float64] = np.median(blocks[drawn], axis=1)
    return medians


def compared(before: Mapping[str, Metric], now: Mapping[str, Metric]) -> list[Change]:
    """Return the changes in times and memory, in the order of `now`. Both map names to metrics."""
    return [
        Change(before[name], metric, ratio(before[name], metric))
        for name, metric in now.items()
        if name in before
        and metric.figure.unit in (*TIMES, "bytes")
        and before[name].figure.unit == metric.figure.unit
    ]
