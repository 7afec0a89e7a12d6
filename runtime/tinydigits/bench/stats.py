"""What is made of samples: percentiles, and the ratio of two runs with an interval."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
BEYOND = 10  # samples that must lie beyond a percentile before it is stated
RESAMPLES = 4000
LEAST_BLOCKS = 3  # of either run, for an interval


class Figure(NamedTuple):
    """What is measured, in one place."""

    stage: str
    model: str | None = None
    pictures: str | None = None
    batch: int | None = None
    """Images in one call."""

    unit: str = "s"
    """`s`, `images/s`, `bytes`, or what is counted."""

    @property
    def name(self) -> str:
        """One for each figure: `batch 32 conv`, `end to end conv, 28×28 grey PNG`."""
        words = (self.stage, str(self.batch or ""), self.model or "")
        return ", ".join(filter(None, (" ".join(filter(None, words)), self.pictures)))


class Metric(NamedTuple):
    """A figure, and what was measured of it."""

    figure: Figure
    samples: int
    blocks: tuple[float, ...]
    """One for each round that measured it: the median of its samples, or for images/s all images ÷
    all time. In the figure's unit."""

    percentiles: tuple[float | None, ...] = ()
    """PERCENTILES of all samples; None where too few lie beyond. Empty where they make no sense."""

    @property
    def value(self) -> float:
        """What is typical: the median of the blocks."""
        return float(np.median(self.blocks))


class Ratio(NamedTuple):
    """How much longer, or how much more, it takes now: above 1 is worse."""

    value: float
    low: float | None
    """The 95 % interval; None where a run has too few blocks."""

    high: float | None


def percentiles(samples: Sequence[float]) -> tuple[float | None, ...]:
    """PERCENTILES of the samples, as far as there are enough of them (linear interpolation)."""
    found = np.percentile(samples, PERCENTILES).tolist() if samples else []
    return tuple(
        value if _enough(len(samples), percent) else None
        for percent, value in zip(PERCENTILES, found, strict=False)
    )


def _enough(samples: int, percent: float) -> bool:
    return samples * (100 - percent) / 100 > BEYOND - 1e-6  # 100 − 99.9 is a little below 0.1


def ratio(before: Metric, now: Metric) -> Ratio:
    """Median of the blocks ÷ median of the blocks before, in time or bytes; of images/s the
    reverse. The interval is that of the percentile bootstrap over blocks (Efron, Ann. Stat. 7,
    1979), the same each time.
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
    """float64 [RESAMPLES]: medians of as many blocks, drawn with replacement."""
    blocks = np.array(metric.blocks)
    drawn = random.integers(0, len(blocks), (RESAMPLES, len(blocks)))
    medians: NDArray[np.float64] = np.median(blocks[drawn], axis=1)
    return medians
