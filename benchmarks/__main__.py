"""`python -m benchmarks`: parsing, printing and exit codes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from benchmarks.harness.plan import FORMATS, Plan, bundle
from benchmarks.harness.processes import ROOT
from benchmarks.harness.results import (
    FOLDER,
    Result,
    from_json,
    machine,
    read_results,
    to_json,
    versions,
)
from benchmarks.measures import BENCHMARKS, Benchmark
from benchmarks.page.report import QUOTING, blocks, write, written
from tinydigits.cli.progress import progress
from tinydigits.errors import TinydigitsError
from tinydigits_train.ready import ENVIRONMENT

_folder = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)
OTHERS = {
    "report": "measures nothing: prints RESULTS.md as the kept results give it",
    "gate": "for CI, without data: holds ratios to bounds",
}
_ROWS = "\n".join(
    f"{name:<12}{about}"
    for name, about in ({row.name: row.about for row in BENCHMARKS.values()} | OTHERS).items()
)
HELP = f"""Compare tinydigits with Keras and with other programs.

NAME is one benchmark; without a name all are run. Results are printed. --write keeps them in
benchmarks/results, and writes benchmarks/RESULTS.md, the charts, and the blocks that README and
docs quote from there.

\b
{_ROWS}

\b
Exit status: 0 measured; 1 something failed or is out of bounds; 2 something was skipped, because
what it needs is missing.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=HELP)
@click.argument(
    "name", default="all", type=click.Choice([*BENCHMARKS, "all", *OTHERS]), metavar="[NAME]"
)
@click.option(
    "--mnist", type=_folder, help="Folder of the four IDX files. [default: $TINYDIGITS_DATA]"
)
@click.option(
    "--models",
    type=click.Path(path_type=Path, resolve_path=True),
    default=ROOT / "build",
    help="Folder of the .keras files that `make models` writes. [default: build]",
)
@click.option(
    "--bundles",
    type=_folder,
    help="Folder with an export of each model, in a sub-folder of its name. [default: export anew]",
)
@click.option("--people", type=_folder, help="Folder of pictures by people, a sub-folder a label.")
@click.option("--numbers", type=_folder, help="Folder of pictures of numbers, with truth.tsv.")
@click.option(
    "-m",
    "--model",
    "names",
    multiple=True,
    type=click.Choice(list(FORMATS)),
    help="Model to measure; may be repeated. [default: those of the benchmark]",
)
@click.option(
    "--turns", "asked_turns", type=click.IntRange(1),
    help="Number of turns. [default: the benchmark's]",
)  # fmt: skip
@click.option("--short", is_flag=True, help="Measure little, to try a benchmark.")
@click.option(
    "--write", "keep", is_flag=True, help="Keep the results, and write what is made from them."
)
@click.pass_context
def main(ctx: click.Context, /, name: str, **options: Any) -> None:
    if options["keep"] and (options["short"] or name == "gate"):
        raise click.UsageError("--write keeps whole measurements, not those of --short or gate")
    if name in BENCHMARKS:
        options["names"] = options["names"] or BENCHMARKS[name].models
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tinydigits-benchmarks-") as scratch,
            progress() as say,
        ):
            ctx.exit(_ACTIONS.get(name, _one)(Plan(Path(scratch), say=say, **options), name))
    except TinydigitsError as error:
        click.echo(f"error: {name}: {error}", err=True)
        ctx.exit(error.exit_code)


def _announce(plan: Plan, *rows: Benchmark) -> None:
    """Say what will be measured, how long it takes, and whether it is kept."""
    mnist = plan.mnist or os.environ.get(ENVIRONMENT)
    given = {"--mnist": mnist, "--people": plan.people, "--numbers": plan.numbers}
    for row in rows:
        lacking = [option for option in row.needs.split() if given.get(option, "a word") is None]
        without = f", without {' and '.join(lacking)}" if lacking else ""
        click.echo(f"{row.name:<12}{row.minutes:>5g} min  {row.about}{without}", err=True)
    if len(rows) > 1:
        click.echo(f"{'in all':<12}{sum(row.minutes for row in rows):>5g} min", err=True)
    effort = "; --short takes less" if plan.short else ""
    kept = "will be kept" if plan.keep else "are only printed; --write keeps them"
    click.echo(f"The minutes are those of two quiet CPUs{effort}. Results {kept}.", err=True)


def _one(plan: Plan, name: str) -> int:
    _announce(plan, BENCHMARKS[name])
    finding = import_module(f"benchmarks.measures.{name}").measure(plan)
    plan.say("")
    today = datetime.now(UTC).date().isoformat()
    kept = to_json(Result(finding, _command(plan, name), today, machine(), versions()))
    for title, text in blocks(from_json(kept).finding).items():
        click.echo(f"== {title}\n{text}\n")
    if plan.keep:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(kept, "utf-8")
        write(FOLDER, QUOTING)
    for part in plan.skipped:
        click.echo(f"{name}: skipped: {part}", err=True)
    return 2 if plan.skipped else 0


def _all(plan: Plan, _: str) -> int:
    """Run each benchmark in a process of its own, so that none disturbs the next."""
    _announce(plan, *BENCHMARKS.values())
    given: list[str] = []
    try:
        folders = [bundle(plan, model) for model in plan.names or FORMATS]
        given = ["--bundles", str(folders[0].parent)]
    except TinydigitsError:
        pass  # each benchmark that needs bundles reports it
    statuses: dict[str, int] = {}
    for name in BENCHMARKS:
        plan.say("")
        command = [sys.executable, "-m", "benchmarks", name, *_words(plan), *given]
        statuses[name] = subprocess.run(command, cwd=ROOT, check=False).returncode
    for name, status in statuses.items():
        said = {0: "measured", 2: "skipped, whole or in part: see above"}.get(status, "FAILED")
        click.echo(f"{name:<12}{said}", err=True)
    failed = any(status not in (0, 2) for status in statuses.values())
    return 1 if failed else max(statuses.values())


def _gate(plan: Plan, _: str) -> int:
    from benchmarks.measures import gate

    click.echo(f"gate: {OTHERS['gate']}; a minute", err=True)
    held = gate.measure(plan)
    plan.say("")
    for each in held:
        low, median, high = each.ratio
        click.echo(
            f"{each.name:<46}×{median:.2f}  {low:.2f}–{high:.2f}  at most ×{each.bound:g}: "
            f"{'holds' if each.holds else 'OUT OF BOUNDS'}"
        )
    return int(not all(each.holds for each in held))


def _report(plan: Plan, _: str) -> int:
    if plan.keep:
        write(FOLDER, QUOTING)
    else:
        charts = [path.name for path in FOLDER.glob("*.svg")]
        click.echo(written(read_results(FOLDER), charts), nl=False)
    return 0


_ACTIONS: dict[str, Callable[[Plan, str], int]] = {"all": _all, "gate": _gate, "report": _report}


def _words(plan: Plan) -> list[str]:
    """Return the options with which another process follows the same plan."""
    words = [word for name in plan.names for word in ("--model", name)]
    words += ["--models", str(plan.models)]
    folders = (("--mnist", plan.mnist), ("--people", plan.people), ("--numbers", plan.numbers))
    for option, value in folders:
        words += [option, str(value)] if value else []
    words += ["--turns", str(plan.asked_turns)] if plan.asked_turns else []
    words += ["--short"] if plan.short else []
    return [*words, "--write"] if plan.keep else words


def _command(plan: Plan, name: str) -> str:
    """Return the command that repeats a benchmark."""
    words = [f"python -m benchmarks {name}", BENCHMARKS[name].needs]
    if plan.names != BENCHMARKS[name].models:
        words += [f"--model {model}" for model in plan.names]
    words += [f"--turns {plan.asked_turns}" if plan.asked_turns else ""]
    return " ".join(filter(None, words))


if __name__ == "__main__":
    main()
