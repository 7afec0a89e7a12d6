"""RESULTS.md, written from the results. Nothing in it is typed by hand.

Each block of figures follows a comment, `<!-- results: NAME -->`, which the README quotes it by.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path

from benchmarks.harness.processes import ROOT
from benchmarks.harness.results import Check, Finding, Race, Result, Table, Target, read_results
from benchmarks.measures import BENCHMARKS
from benchmarks.page.charts import draw
from benchmarks.page.summary import summaries
from tinydigits.bench.stats import Spread, spread
from tinydigits.text import aligned

HEAD = """# Results

`python -m benchmarks` writes this page from the JSON files in [results](results); nothing here is
typed by hand. Contestants take turns, A B A B, in one run. A figure is the median of the turns,
followed by the lower and the upper quartile; `±` is half of the difference between them, in percent
of the median. A ratio is taken turn by turn, between neighbours, and shown in the same way. Each
contestant has the fastest settings that were found; the JSON files list them.
"""
QUOTING = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"<!-- results: ([^>]*?) -->\n```text\n(.*?)```", re.DOTALL)


def blocks_in(markdown: str) -> list[tuple[str, str]]:
    """Return the name and the text of each block that is marked as from RESULTS.md, in order."""
    return _BLOCK.findall(markdown)


def requoted(markdown: str, page: str) -> str:
    """Return the text with every block that it quotes replaced by that of the page."""
    now = dict(blocks_in(page))
    return _BLOCK.sub(
        lambda block: f"<!-- results: {block[1]} -->\n```text\n{now.get(block[1], block[2])}```",
        markdown,
    )


def written(results: Iterable[Result], charts: Iterable[str] = ()) -> str:
    """Return the whole page. charts: names of the files in results/."""
    order = list(BENCHMARKS)
    ordered = sorted(results, key=lambda result: order.index(result.finding.benchmark))
    pictures = set(charts)
    sections = [_section(result, pictures) for result in ordered]
    return "\n".join([HEAD, _in_short(ordered), _targets(ordered), *sections])


def blocks(finding: Finding) -> dict[str, str]:
    """Return the blocks in the section of a finding, by name, as text of fixed width."""
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
    """Write RESULTS.md beside `folder` and the charts into it, from the JSON files in it, and renew
    the blocks that the files of `quoting` quote.
    """
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
    lines += [f"- Data: {finding.on}", f"- Method: {finding.how}"]
    lines += [f"- Machine, {result.date}: " + ", ".join(result.machine.values())]
    lines += ["- Versions: " + ", ".join(f"{n} {v}" for n, v in result.versions.items()), ""]
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
    """Return the table of all figures that have a target."""
    rows = [(result.finding.benchmark, *row) for result in results for row in _held(result.finding)]
    if not rows:
        return ""
    lines = ["## Targets", "", "| benchmark | figure | found | target | |", "|---|---|---|---|---|"]
    lines += [
        f"| [{name}](#{name}) | {' | '.join(cells)} | {verdict.replace('missed', '**missed**')} |"
        for name, *cells, verdict in rows
    ]
    return "\n".join([*lines, ""])


def _held(finding: Finding) -> Iterator[tuple[str, ...]]:
    """Yield each figure that has a target: its name, its value, the bound and the verdict."""
    for race in finding.races:
        for ratio in race.comparisons:
            if ratio.target:
                value = spread(race.pairs(ratio)).median
                name = f"{_titled(race)}: {ratio.over} ÷ {ratio.under}"
                verdict = _reached(ratio.target, value)
                yield name, _times(value), _bound(ratio.target), verdict
    yield from map(_checked, finding.checks)


def _checked(check: Check) -> tuple[str, ...]:
    found, target = _figure(check, check.value), check.target
    return check.label, found, _bound(target, check), _reached(target, check.value)


def _titled(race: Race) -> str:
    return ", ".join(filter(None, (race.title, race.case)))


def _bound(target: Target, check: Check | None = None) -> str:
    sign, value = ("≤", target.at_most) if target.at_most is not None else ("≥", target.at_least)
    assert value is not None
    return f"{sign} {_figure(check, value) if check else f'×{value:,g}'}"


def _figure(check: Check, value: float) -> str:
    return f"{value:{check.format}} {check.unit}".rstrip()


def _times(value: float) -> str:
    """Format a ratio with three digits."""
    return f"×{_number(value)}"


def _number(value: float) -> str:
    """Format with three digits, and with all of those before the point."""
    digits = next((d for d, limit in ((3, 0.1), (2, 10), (1, 100)) if abs(value) < limit), 0)
    return f"{value:,.{digits}f}"


def _between(figures: Spread) -> str:
    return f"{_number(figures.low)}–{_number(figures.high)}"


def _reached(target: Target | None, value: float) -> str:
    if target is None:
        return ""
    return "reached" if target.holds(value) else "missed"


def _race(race: Race) -> str:
    rows = [("", "median", "quartiles")]
    rows += [(c.name, _number(c.spread.median), _between(c.spread)) for c in race.contestants]
    lines = [f"{_titled(race)}; {race.unit}", *aligned(rows)]
    compared = []
    for ratio in race.comparisons:
        found = spread(race.pairs(ratio))
        verdict = _reached(ratio.target, found.median)
        held = f"target {_bound(ratio.target)}: {verdict}" if ratio.target else ""
        name = f"{ratio.over} ÷ {ratio.under}"
        compared.append((name, _times(found.median), _between(found), held))
    return "\n".join([*lines, *(["", *aligned(compared, {0, 3})] if compared else [])])


def _grid(races: Sequence[Race]) -> str:
    """Return races of one name as a table with a column for each."""
    lines: list[tuple[str, ...]] = [("", *(race.case for race in races))]
    sides = [{c.name: _with_deviation(c.spread) for c in race.contestants} for race in races]
    for name in dict.fromkeys(chain(*sides)):
        lines.append((name, *(side.get(name, "") for side in sides)))
    ratios = [{r.label: (r.target, spread(x.pairs(r))) for r in x.comparisons} for x in races]
    for label in dict.fromkeys(chain(*ratios)):
        found = [of_race.get(label) for of_race in ratios]
        lines.append((label, *(_times(each[1].median) if each else "" for each in found)))
        lines.append(("  quartiles", *(_between(each[1]) if each else "" for each in found)))
        if targets := {_bound(each[0]) for each in found if each and each[0]}:
            held = (_reached(each[0], each[1].median) if each else "" for each in found)
            lines.append((f"  target {', '.join(sorted(targets))}", *held))
    return "\n".join([f"{races[0].title}; {races[0].unit}", *aligned(lines)])


def _with_deviation(figures: Spread) -> str:
    half = (figures.high - figures.low) / 2
    return f"{_number(figures.median)} {f'±{half / figures.median:.0%}'.rjust(4)}"


def _table(table: Table) -> str:
    formats = [column.format for column in table.columns]
    rows = [tuple(column.name for column in table.columns)]
    for row in table.rows:
        cells = zip(row, formats, strict=True)
        rows.append(tuple("" if value is None else f"{value:{form}}" for value, form in cells))
    texts = {place for place, format_ in enumerate(formats) if not format_}
    return "\n".join([table.title, *aligned(rows, texts)])


def _checks(checks: Sequence[Check]) -> str:
    rows = [
        (label, found, f"target {bound}", verdict)
        for label, found, bound, verdict in map(_checked, checks)
    ]
    return "\n".join(aligned(rows, {0, 3}))
