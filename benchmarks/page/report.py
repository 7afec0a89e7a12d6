"""RESULTS.md, from the results that are there. Nothing in it is typed by hand.

Each block of figures follows a comment, `<!-- results: NAME -->`, by which the README quotes it.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.harness.plan import ROOT
from benchmarks.harness.results import (
    Check,
    Finding,
    Race,
    Ratio,
    Result,
    Table,
    Target,
    Value,
    read_results,
)
from benchmarks.harness.turns import Spread, spread
from benchmarks.page.summary import summaries
from tinydigits.text import aligned

ORDER = (
    "accuracy",
    "latency",
    "throughput",
    "folders",
    "start",
    "memory",
    "fit",
    "reading",
    "people",
    "devices",
    "scale",
)
HEAD = """# Results

Written by `python -m benchmarks` from the JSON files in [results](results): nothing here is typed
by hand. Contestants take turns, A B A B, in one run. A figure is the median of the turns, followed
by their lower and upper quartile; `±` is half of what lies between these, in percent of the median.
A ratio is taken turn by turn, between neighbours, and shown in the same way. Each contestant has
the settings that suit it best; the JSON files say which.
"""
QUOTING = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"<!-- results: ([^>]*?) -->\n```text\n(.*?)```", re.DOTALL)


def blocks_in(markdown: str) -> list[tuple[str, str]]:
    """The name and the text of each block that is marked as from RESULTS.md, in order."""
    return _BLOCK.findall(markdown)


def requoted(markdown: str, page: str) -> str:
    """The text with every block that it quotes as it stands in the page now."""
    now = dict(blocks_in(page))
    return _BLOCK.sub(
        lambda block: f"<!-- results: {block[1]} -->\n```text\n{now.get(block[1], block[2])}```",
        markdown,
    )


def written(results: Iterable[Result], charts: Iterable[str] = ()) -> str:
    """The whole page. charts: names of the files in results/."""
    ordered = sorted(results, key=lambda result: ORDER.index(result.finding.benchmark))
    pictures = set(charts)
    sections = [_section(result, pictures) for result in ordered]
    return "\n".join([HEAD, _in_short(ordered), _targets(ordered), *sections])


def blocks(finding: Finding) -> dict[str, str]:
    """What the section of a finding shows, by name, as text of fixed width."""
    found: dict[str, str] = {}
    for name, group in groupby(finding.races, key=lambda race: race.name):
        races = list(group)
        if len(races) > 1:
            found[name] = _grid(races)
        for race in races:
            if len(races) == 1 or race.detailed:
                found[name if len(races) == 1 else f"{name}, {race.case}"] = _race(race)
    found |= {table.name: _table(table) for table in finding.tables}
    if finding.checks:
        found[f"{finding.benchmark} targets"] = _checks(finding.checks)
    return found


def write(folder: Path, quoting: Iterable[Path] = ()) -> None:
    """RESULTS.md beside `folder`, and the charts in it, from the JSON files in it; and the blocks
    of it that the files of `quoting` quote.
    """
    from benchmarks.page.charts import draw

    results = read_results(folder)
    charts = [path.name for result in results if (path := draw(result.finding, folder))]
    page = written(results, charts)
    (folder.parent / "RESULTS.md").write_text(page, "utf-8")
    for path in quoting:
        text = path.read_text("utf-8")
        if (renewed := requoted(text, page)) != text:
            path.write_text(renewed, "utf-8")


def _section(result: Result, charts: set[str]) -> str:
    finding = result.finding
    lines = [f"## {finding.benchmark}", "", finding.what, ""]
    lines += ["```sh", result.command, "```", ""]
    lines += [f"- On: {finding.on}", f"- How: {finding.how}"]
    lines += [f"- Machine, {result.date}: " + ", ".join(result.machine.values())]
    lines += ["- With: " + ", ".join(f"{n} {v}" for n, v in result.versions.items()), ""]
    for name, text in blocks(finding).items():
        lines += _quotable(name, text)
    if f"{finding.benchmark}.svg" in charts:
        lines += [f"![{finding.benchmark}, as a chart](results/{finding.benchmark}.svg)", ""]
    return "\n".join(lines)


def _in_short(results: Sequence[Result]) -> str:
    lines: list[str] = []
    for table in summaries(result.finding for result in results):
        lines += _quotable(table.name, _table(table))
    return "\n".join(["## In short", "", *lines]) if lines else ""


def _quotable(name: str, text: str) -> list[str]:
    return [f"<!-- results: {name} -->", "```text", text.rstrip("\n"), "```", ""]


def _targets(results: Sequence[Result]) -> str:
    """Every figure that has a target."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        finding = result.finding
        for race in finding.races:
            for ratio in race.comparisons:
                if ratio.target:
                    value = spread(race.pairs(ratio)).median
                    case = ", ".join(filter(None, (race.title, race.case)))
                    what = f"{case}: {ratio.over} ÷ {ratio.under}"
                    rows.append(
                        (finding.benchmark, what, _times(value), *_held(ratio.target, value))
                    )
        for check in finding.checks:
            value_text = _figure(check, check.value)
            held = _held(check.target, check.value, check)
            rows.append((finding.benchmark, check.label, value_text, *held))
    if not rows:
        return ""
    lines = ["## Targets", "", "| benchmark | figure | found | target | |", "|---|---|---|---|---|"]
    lines += [f"| [{row[0]}](#{row[0]}) | {' | '.join(row[1:])} |" for row in rows]
    return "\n".join([*lines, ""])


def _held(target: Target, value: float, check: Check | None = None) -> tuple[str, str]:
    return _bound(target, check), "reached" if target.holds(value) else "**missed**"


def _bound(target: Target, check: Check | None = None) -> str:
    sign, value = ("≤", target.at_most) if target.at_most is not None else ("≥", target.at_least)
    assert value is not None
    return f"{sign} {_figure(check, value) if check else f'×{value:,g}'}"


def _figure(check: Check, value: float) -> str:
    return f"{value:{check.format}} {check.unit}".rstrip()


def _times(value: float) -> str:
    """A ratio, to three digits."""
    return f"×{_number(value)}"


def _number(value: float) -> str:
    """Three digits, and all of those before the point."""
    digits = next((d for d, limit in ((3, 0.1), (2, 10), (1, 100)) if abs(value) < limit), 0)
    return f"{value:,.{digits}f}"


def _between(figures: Spread) -> str:
    return f"{_number(figures.low)}–{_number(figures.high)}"


def _reached(ratio: Ratio, value: float) -> str:
    if ratio.target is None:
        return ""
    return f"target {_bound(ratio.target)}: {'reached' if ratio.target.holds(value) else 'missed'}"


def _race(race: Race) -> str:
    title = f"{', '.join(filter(None, (race.title, race.case)))}; {race.unit}"
    rows = [("", "median", "quartiles")]
    rows += [(c.name, _number(c.spread.median), _between(c.spread)) for c in race.contestants]
    lines = [title, *aligned(rows)]
    compared = [
        (f"{ratio.over} ÷ {ratio.under}", _times(found.median), f"{_between(found)}",
         _reached(ratio, found.median))
        for ratio in race.comparisons
        for found in [spread(race.pairs(ratio))]
    ]  # fmt: skip
    return "\n".join([*lines, *(["", *aligned(compared, {0, 3})] if compared else [])])


def _grid(races: Sequence[Race]) -> str:
    """Races of one name: a column each."""
    first = races[0]
    lines: list[tuple[str, ...]] = [("", *(race.case for race in races))]
    names = dict.fromkeys(c.name for race in races for c in race.contestants)
    for name in names:
        cells = []
        for race in races:
            found = next((c.spread for c in race.contestants if c.name == name), None)
            cells.append(f"{_number(found.median)} {_plus_minus(found)}" if found else "")
        lines.append((name, *cells))
    labels = dict.fromkeys(ratio.label for race in races for ratio in race.comparisons)
    for label in labels:
        compared = [next((r for r in race.comparisons if r.label == label), None) for race in races]
        spreads = [
            spread(race.pairs(ratio)) if ratio else None
            for race, ratio in zip(races, compared, strict=True)
        ]
        lines.append((label, *(_times(s.median) if s else "" for s in spreads)))
        lines.append(("  quartiles", *(_between(s) if s else "" for s in spreads)))
        targets = {_bound(ratio.target) for ratio in compared if ratio and ratio.target}
        if targets:
            held = [
                ("reached" if ratio.target.holds(found.median) else "missed")
                if ratio and found and ratio.target
                else ""
                for ratio, found in zip(compared, spreads, strict=True)
            ]
            lines.append((f"  target {', '.join(sorted(targets))}", *held))
    return "\n".join([f"{first.title}; {first.unit}", *aligned(lines)])


def _plus_minus(figures: Spread) -> str:
    half = (figures.high - figures.low) / 2
    return f"±{half / figures.median:.0%}".rjust(4)


def _table(table: Table) -> str:
    rows = [tuple(column.name for column in table.columns)]
    for row in table.rows:
        rows.append(
            tuple(_cell(v, column.format) for v, column in zip(row, table.columns, strict=True))
        )
    texts = {at for at, column in enumerate(table.columns) if not column.format}
    return "\n".join([table.title, *aligned(rows, texts)])


def _cell(value: Value, format_: str) -> str:
    return "" if value is None else f"{value:{format_}}"


def _checks(checks: Sequence[Check]) -> str:
    rows = [
        (check.label, _figure(check, check.value), f"target {_bound(check.target, check)}",
         "reached" if check.target.holds(check.value) else "missed")
        for check in checks
    ]  # fmt: skip
    return "\n".join(aligned(rows, {0, 3}))
