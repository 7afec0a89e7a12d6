"""`python -m benchmarks`: parsing, printing and exit codes."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click

from benchmarks.harness.plan import FORMATS, ROOT, Plan, bundle
from benchmarks.harness.results import (
    FOLDER,
    Finding,
    Result,
    from_json,
    machine,
    to_json,
    versions,
)
from benchmarks.page.report import ORDER, QUOTING, blocks, write
from tinydigits.errors import TinydigitsError

_folder = click.Path(path_type=Path, exists=True, file_okay=False)
# What has to be passed to repeat a benchmark.
_NEEDED = {"people": " --people DIR", "fit": "", "memory": ""}


def _progress(text: str) -> None:
    """One line on a terminal, written over and over; nothing elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", err=True, nl=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "name", default="all", type=click.Choice([*ORDER, "all", "report", "gate"]), metavar="[NAME]"
)
@click.option("--mnist", type=_folder, help="The four IDX files. [default: $TINYDIGITS_DATA]")
@click.option(
    "--models", type=click.Path(path_type=Path), default=ROOT / "build",
    help="Holds dense.keras and conv.keras, as `make models` leaves them. [default: build]",
)  # fmt: skip
@click.option(
    "--bundles", type=_folder,
    help="Holds dense/ and conv/, as `tinydigits export` writes them. [default: exported anew]",
)  # fmt: skip
@click.option("--people", type=_folder, help="Pictures by people, a sub-folder a label.")
@click.option(
    "-m", "--model", "names", multiple=True, type=click.Choice(list(FORMATS)),
    default=list(FORMATS), show_default=True, help="Which models.",
)  # fmt: skip
@click.option("--turns", type=click.IntRange(1), help="Instead of each benchmark's own number.")
@click.option("--short", is_flag=True, help="Little of everything, to try it; nothing is kept.")
@click.pass_context
def main(
    ctx: click.Context,
    name: str,
    mnist: Path | None,
    models: Path,
    bundles: Path | None,
    people: Path | None,
    names: tuple[str, ...],
    turns: int | None,
    short: bool,
) -> None:
    """Hold tinydigits against Keras and against what people use instead.

    NAME is one benchmark; without it all are run. What is found is printed, and kept in
    benchmarks/results, from which benchmarks/RESULTS.md, the charts, and what the README quotes
    of them are made.

    \b
    accuracy    each exported form against Keras, on the test digits
    latency     one image in memory, by ten ways to run the network
    throughput  many images in memory, by batch size
    folders     folders of PNG files, against what people use instead
    start       from nothing to the first answer: time, memory, disk
    memory      a million files against ten thousand
    fit         bringing a picture to 28×28
    reading     how well the models read, and what they refuse
    people      pictures by people, by the way they are fitted
    devices     the C forms on microcontrollers, in simulation
    scale       large jobs with the Ray engine, on disk and in object storage
    report      measures nothing: writes RESULTS.md, charts and quotes again
    gate        for CI, without data: ratios alone, held to bounds

    \b
    Exit status: 0 measured; 1 something failed or is out of bounds; 2 something is missing.
    """
    places = [path.resolve() if path else None for path in (mnist, bundles, people)]
    with tempfile.TemporaryDirectory(prefix="tinydigits-benchmarks-") as scratch:
        plan = Plan(
            Path(scratch), places[0], models.resolve(), places[1], places[2], names, turns, short,
            _progress,
        )  # fmt: skip
        try:
            ctx.exit(_ACTIONS.get(name, _one)(plan, name))
        except TinydigitsError as error:
            _progress("")
            click.echo(f"error: {name}: {error}", err=True)
            ctx.exit(error.exit_code)


def _one(plan: Plan, name: str) -> int:
    finding: Finding = import_module(f"benchmarks.measures.{name}").measure(plan)
    _progress("")
    today = datetime.now(UTC).date().isoformat()
    kept = to_json(Result(finding, _command(plan, name), today, machine(), versions()))
    for title, text in blocks(from_json(kept).finding).items():
        click.echo(f"== {title}\n{text}\n")
    if not plan.short:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(kept, "utf-8")
        write(FOLDER, QUOTING)
    return 0


def _all(plan: Plan, name: str) -> int:
    """Each in a process of its own, so that none is measured beside what another left behind."""
    del name
    given: list[str] = []
    try:
        for model in plan.names:
            folder = bundle(plan, model, FORMATS[model], at_least=())
        given = ["--bundles", str(folder.parent)]
    except TinydigitsError:
        pass  # each benchmark that needs them says so
    notes: dict[str, int] = {}
    for one in ORDER:
        _progress("")
        click.echo(f"#### {one}", err=True)
        command = [sys.executable, "-m", "benchmarks", one, *_words(plan), *given]
        notes[one] = subprocess.run(command, cwd=ROOT, check=False).returncode
    for one, status in notes.items():
        what = {0: "measured", 2: "skipped: something is missing, see above"}.get(status, "FAILED")
        click.echo(f"{one:<12}{what}", err=True)
    return int(any(status not in (0, 2) for status in notes.values()))


def _gate(plan: Plan, name: str) -> int:
    del name
    from benchmarks.measures.gate import measure

    held = measure(plan)
    _progress("")
    for each in held:
        low, median, high = each.ratio
        click.echo(
            f"{each.name:<46}×{median:.2f}  {low:.2f}–{high:.2f}  at most ×{each.bound:g}: "
            f"{'holds' if each.holds else 'OUT OF BOUNDS'}"
        )
    return int(not all(each.holds for each in held))


def _report(plan: Plan, name: str) -> int:
    del plan, name
    write(FOLDER, QUOTING)
    return 0


_ACTIONS: dict[str, Callable[[Plan, str], int]] = {"all": _all, "gate": _gate, "report": _report}


def _words(plan: Plan) -> list[str]:
    """The options that make another process follow the same plan."""
    words = [word for name in plan.names for word in ("--model", name)]
    words += ["--models", str(plan.models)]
    for option, value in (("--mnist", plan.mnist), ("--people", plan.people)):
        words += [option, str(value)] if value else []
    words += ["--turns", str(plan.asked_turns)] if plan.asked_turns else []
    return [*words, "--short"] if plan.short else words


def _command(plan: Plan, name: str) -> str:
    """What to type to measure the same again."""
    words = "".join(f" --model {model}" for model in plan.names)
    return (
        f"python -m benchmarks {name}{_NEEDED.get(name, ' --mnist DIR')}"
        f"{words if plan.names != tuple(FORMATS) else ''}"
        f"{f' --turns {plan.asked_turns}' if plan.asked_turns else ''}"
    )


if __name__ == "__main__":
    main()
