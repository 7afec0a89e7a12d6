"""RESULTS.md is what the JSON files generate, and the README quotes it word for word."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.harness.results import (
    FOLDER,
    Contestant,
    Finding,
    Race,
    Ratio,
    Target,
    read_results,
)
from benchmarks.measures import BENCHMARKS
from benchmarks.page.report import QUOTING, blocks, blocks_in, requoted, write, written
from tests.benchmarks.harness.test_results import FINDING, RESULT
from tests.conftest import ROOT

PAGE = FOLDER.parent / "RESULTS.md"


def test_the_page_is_what_the_results_generate() -> None:
    charts = [path.name for path in FOLDER.glob("*.svg")]
    assert PAGE.read_text("utf-8") == written(read_results(FOLDER), charts)


def test_the_readme_quotes_the_page() -> None:
    assert blocks_in((ROOT / "README.md").read_text("utf-8"))


@pytest.mark.parametrize("path", QUOTING, ids=lambda path: path.name)
def test_what_is_quoted_is_what_the_page_says(path: Path) -> None:
    page = dict(blocks_in(PAGE.read_text("utf-8")))
    text = path.read_text("utf-8")
    quoted = blocks_in(text)
    for name, block in quoted:
        assert block == page.get(name), f"{path.name}: block {name!r} is not that of RESULTS.md"
    # A mark without a block behind it would quote nothing.
    assert len(quoted) == text.count("<!-- results:")


def test_quotes_are_renewed_and_nothing_else_is() -> None:
    page = "<!-- results: a -->\n```text\nnew\n```\n"
    text = "old\n<!-- results: a -->\n```text\nold\n```\nold\n```text\nold\n```\n"
    assert requoted(text, page) == text.replace("text\nold\n```\nold", "text\nnew\n```\nold")
    unknown = text.replace("results: a", "results: b")
    assert requoted(unknown, page) == unknown
    empty = "<!-- results: a -->\n```text\n```\n"
    assert requoted(empty, page) == page


def test_results_name_no_path_of_the_machine() -> None:
    for path in [PAGE, *FOLDER.glob("*.json")]:
        text = path.read_text("utf-8")
        assert not re.findall(r"(?<![\w.])/(?:home|root|tmp|work|usr|Users)/", text), path.name


def test_every_result_has_its_benchmark_and_its_chart() -> None:
    results = read_results(FOLDER)
    assert results
    for result in results:
        name = result.finding.benchmark
        assert callable(import_module(f"benchmarks.measures.{name}").measure)
        assert result.command.startswith(f"python -m benchmarks {name}")
        assert (FOLDER / f"{name}.svg").exists() == bool(result.finding.races)


def test_a_race_shows_medians_quartiles_ratios_and_whether_targets_are_reached() -> None:
    shown = blocks(FINDING)
    assert shown["a race"].splitlines() == [
        "title, 10; s",
        "        median  quartiles",
        "ours      3.00  2.50–3.50",
        "theirs    1.00  1.00–1.00",
        "",
        "ours ÷ theirs  ×3.00  2.50–3.50  target ≤ ×2.5: missed",
    ]
    assert shown["a table"].splitlines() == ["title", "name  share", "x"]
    assert shown["fit targets"] == "a check  3.0  target ≥ 3.0  reached"


def test_races_of_one_name_share_a_block() -> None:
    def race(case: str, ours: float, target: Target | None) -> Race:
        sides = (Contestant("ours", "", (ours, ours)), Contestant("theirs", "", (4.0, 4.0)))
        return Race("g", "by size", "1/s", sides, (Ratio("ours", "theirs", target, "o ÷ t"),), case)

    target = Target(at_least=0.95)
    races = (race("1", 2.0, None), race("8", 4.0, target), race("9", 2.0, target))
    assert blocks(Finding("fit", "", "", "", races))["g"].splitlines() == [
        "by size; 1/s",
        "                          1          8          9",
        "ours              2.00  ±0%  4.00  ±0%  2.00  ±0%",
        "theirs            4.00  ±0%  4.00  ±0%  4.00  ±0%",
        "o ÷ t                 ×0.50      ×1.00      ×0.50",
        "  quartiles       0.50–0.50  1.00–1.00  0.50–0.50",
        "  target ≥ ×0.95               reached     missed",
    ]


def test_the_page_has_every_target_and_how_to_repeat() -> None:
    page = written([RESULT])
    assert "| [fit](#fit) | title, 10: ours ÷ theirs | ×3.00 | ≤ ×2.5 | **missed** |" in page
    assert "| [fit](#fit) | a check | 3.0 | ≥ 3.0 | reached |" in page
    assert "```sh\npython -m benchmarks fit\n```" in page
    assert [name for name, _ in blocks_in(page)] == ["a race", "a table", "fit targets"]


def test_write_makes_the_page_and_the_charts(tmp_path: Path) -> None:
    from benchmarks.harness.results import to_json

    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "fit.json").write_text(to_json(RESULT), "utf-8")
    write(folder)
    first = (folder / "fit.svg").read_bytes()
    assert "](results/fit.svg)" in (tmp_path / "RESULTS.md").read_text("utf-8")
    for name in (b"ours", b"theirs", b"title"):
        assert name in first
    write(folder)
    assert (folder / "fit.svg").read_bytes() == first  # no date, no random names


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_says_what_it_is(name: str) -> None:
    assert BENCHMARKS[name].about
    assert import_module(f"benchmarks.measures.{name}").__doc__
