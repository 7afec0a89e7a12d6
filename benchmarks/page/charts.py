"""Charts of the races, as SVG that is readable on a white page and on a black one.

The background is transparent; letters and lines have a grey with equal contrast to both (4.3).
"""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.harness.results import Finding, Race
from tinydigits.errors import MissingExtra

GREY = "#757b84"
OURS = "#e8590c"  # tinydigits
OTHERS = "#4c8bd6"
LINES = ("#4c8bd6", "#2f9e6e", "#9d6bd8", "#c2557f", "#8a8f35", "#3c9aa5", "#757b84")
WIDTH, ROW = 7.2, 0.27  # inches
COLOURED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
SETTINGS: Any = {  # of matplotlib
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",  # letters stay letters
    "svg.hashsalt": "tinydigits",  # the same figures give the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(COLOURED, GREY),
}


def draw(finding: Finding, folder: Path) -> Path | None:
    """Write NAME.svg; None where there is no race to draw. Raises MissingExtra."""
    if not finding.races:
        return None
    try:
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise MissingExtra("drawing charts", "matplotlib", "dev") from error
    groups = [list(races) for _, races in groupby(finding.races, key=lambda race: race.name)]
    heights = [3.2 if len(races) > 1 else 0.9 + ROW * len(races[0].contestants) for races in groups]
    with matplotlib.rc_context(SETTINGS):
        figure, panels = pyplot.subplots(
            len(groups), 1, figsize=(WIDTH, sum(heights)), height_ratios=heights, squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for races, axes in zip(groups, panels[:, 0], strict=True):
            if len(races) > 1:
                _lines(races, axes)
            else:
                _bars(races[0], axes)
        path = folder / f"{finding.benchmark}.svg"
        figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return path


def _bars(race: Race, axes: Any) -> None:
    """Draw medians, with a line from quartile to quartile."""
    names = [contestant.name for contestant in race.contestants]
    spreads = [contestant.spread for contestant in race.contestants]
    medians = [found.median for found in spreads]
    around = [[m - low for low, m, _ in spreads], [high - m for _, m, high in spreads]]
    wide = max(medians) > 20 * min(medians)
    if wide:
        axes.set_xscale("log")
        axes.minorticks_off()
    colours = [OURS if _ours(name) else OTHERS for name in names]
    axes.barh(names, medians, xerr=around, color=colours, height=0.7, ecolor=GREY)
    labels = [f"{m:,.3g}" if m < 1000 else f"{m:,.0f}" for m in medians]
    axes.bar_label(axes.containers[-1], labels, padding=4)
    axes.invert_yaxis()
    least = 10 ** math.floor(math.log10(min(medians) / 2)) if wide else 0
    axes.set_xlim(least, max(found.high for found in spreads) * (3 if wide else 1.15))
    axes.xaxis.set_major_formatter("{x:,.10g}")
    axes.tick_params(axis="y", length=0)
    axes.set_title(race.title, loc="left", fontsize=10)
    axes.set_xlabel(f"{race.unit}, logarithmic" if wide else race.unit)


def _lines(races: Sequence[Race], axes: Any) -> None:
    """Draw a line for each contestant over the cases, which are numbers."""
    cases = [int(race.case.replace(",", "")) for race in races]
    names = [contestant.name for contestant in races[0].contestants]
    others, styles = iter(LINES * len(names)), iter(("-", "--", ":", "-.") * len(names))
    for name in names:
        spreads = [next(c.spread for c in race.contestants if c.name == name) for race in races]
        ours = _ours(name)
        colour, style, width = (OURS, next(styles), 2.2) if ours else (next(others), "-", 1.2)
        low, median, high = zip(*spreads, strict=True)
        axes.plot(cases, median, style, color=colour, label=name, marker="o", markersize=3,
            linewidth=width)  # fmt: skip
        axes.fill_between(cases, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(cases, [race.case for race in races])
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.minorticks_off()
    axes.grid(axis="y", color=GREY, alpha=0.25)
    axes.set_title(races[0].title, loc="left", fontsize=10)
    axes.set_ylabel(f"{races[0].unit}, logarithmic")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)


def _ours(name: str) -> bool:
    return name.startswith(("tinydigits", "Classifier", "classifier"))
