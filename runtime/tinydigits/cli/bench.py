"""`tinydigits bench`: parsing and printing."""

import re
from pathlib import Path
from typing import Any

import click

from tinydigits.bench.file import Run, described, doubts, read_run, run_of, to_json, write_run
from tinydigits.bench.measure import SECONDS, measure
from tinydigits.bench.stats import compared
from tinydigits.bench.table import comparison, table
from tinydigits.cli.completion import files, folders, models
from tinydigits.cli.options import backend_option
from tinydigits.cli.progress import progress
from tinydigits.cli.signals import stoppable
from tinydigits.errors import SourceError
from tinydigits.model import BUNDLED, BackendName
from tinydigits.text import printable


class Percentage(click.ParamType):  # type: ignore[type-arg] # generic in stubs, not at run time
    """`10%` → 0.1."""

    name = "N%"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?%", value):
            self.fail(f"{value!r}: write a percentage with its sign, such as 10%", param, ctx)
        return float(value[:-1]) / 100


@click.command()
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    shell_complete=models,
    help="A bundled model, or an .onnx or .tflite file; may be repeated. "
    f"Default: {' and '.join(BUNDLED)}.",
)
@backend_option
@click.option(
    "--images",
    metavar="FOLDER",
    shell_complete=folders,
    help="Read the pictures in this folder instead of drawn ones.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=SECONDS,
    show_default=True,
    help="Approximate duration. A longer run takes more samples and gives narrower intervals.",
)
@click.option(
    "--json",
    "output",
    metavar="[FILE]",
    is_flag=False,
    flag_value="-",
    help="Write all figures as JSON. Without FILE they go to stdout, and the tables to stderr.",
)
@click.option(
    "--compare",
    "before",
    metavar="FILE",
    shell_complete=files,
    help="Show ratios to an earlier run, read from its JSON.",
)
@click.option(
    "--fail-if-slower",
    "allowed",
    type=Percentage(),
    help="With --compare: exit 1 if a stage or throughput is slower by more than this.",
)
@click.pass_context  # fmt: skip
def bench(
    ctx: click.Context,
    models: tuple[str, ...],
    backend: BackendName | None,
    images: str | None,
    seconds: float,
    output: str | None,
    before: str | None,
    allowed: float | None,
) -> None:
    """Measure how fast this machine reads digits.

    Fresh processes are measured first: import (everything that a picture needs), session (opening
    the model), the first picture, the whole command `classify` on one picture, and the peak memory.
    One process then measures decode, fit, infer (the network alone) and end to end (from a file's
    name to its answer), one picture at a time. The median is always shown, and a higher percentile
    only if at least 10 samples lie beyond it. Images a second are measured twice: for the network,
    on arrays in batches; and for a folder, from files to rows, as `classify` reads it. All files
    are in the system's cache.

    A ratio is time now ÷ time before: above 1 is slower. Its interval is the 95 % bootstrap
    interval over the rounds of both runs. The interval covers changes during the runs, not changes
    from one day to the next. --fail-if-slower 10% fails if the whole interval of any ratio lies
    above 1.10. Some figures never fail: memory, python alone, the control (sorting, without
    tinydigits), and figures with fewer than 3 rounds, which have no interval.

    \b
    Examples:
      tinydigits bench --seconds 2 --json before.json
      tinydigits bench --seconds 2 --compare before.json
      tinydigits bench --seconds 1 -m out/digits.onnx --images examples/scans

    \b
    Exit status:
      0         measured
      1         slower than allowed, or the JSON cannot be written
      2         wrong usage, no such model, no picture, or unusable JSON
      130, 143  stopped by Ctrl-C or by SIGTERM
    """
    _check(output, before, allowed)
    earlier = read_run(before) if before is not None else None
    with stoppable(lambda: "nothing was measured"), progress() as say:
        result = measure(models or BUNDLED, images, seconds, say, backend)
    fields = described(result)
    aside = output == "-"
    if aside:
        click.echo(to_json(fields))
    elif output is not None:
        write_run(output, to_json(fields))
    if result.unreadable:
        click.echo(f"left out because they cannot be read: {result.unreadable:,}", err=True)
    click.echo(table(result), err=aside)
    if earlier is not None and before is not None:
        slow = _compare(earlier, run_of(fields, "this run"), before, allowed, aside)
        ctx.exit(1 if slow else 0)


def _compare(earlier: Run, now: Run, before: str, allowed: float | None, aside: bool) -> bool:
    """Print the ratios; return whether one of them is above `allowed`."""
    rows = compared(earlier.metrics, now.metrics)
    if not any(row.is_rated for row in rows):
        raise SourceError(f"{before}: has no figure of these models and pictures: measure it again")
    click.echo(f"\n{comparison(rows, allowed, before)}", err=aside)
    for sentence in doubts(earlier, now, rows, before):
        click.echo(f"warning: {printable(sentence)}", err=True)
    if allowed is None:
        return False
    slow = [row.now.figure.name for row in rows if row.is_slower_than(allowed)]
    if slow:
        names = printable("; ".join(slow))
        click.echo(f"slower by more than {100 * allowed:g}%: {names}", err=True)
    return bool(slow)


def _check(output: str | None, before: str | None, allowed: float | None) -> None:
    """Refuse wrong usage before minutes are spent on measuring."""
    if allowed is not None and before is None:
        raise click.UsageError("--fail-if-slower needs --compare FILE")
    if output is None or output == "-":
        return
    path = Path(output)
    if before is not None and path.resolve() == Path(before).resolve():
        raise click.UsageError(f"{output}: --json would overwrite the file of --compare")
    if not output or path.is_dir() or not path.parent.is_dir():
        raise click.UsageError(f"--json {output}: name a file in an existing folder")
