"""`tinydigits bench`: parsing and printing."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tinydigits.bench.compare import compared, doubts
from tinydigits.bench.file import Run, described, read_run, run_of, to_json, write_run
from tinydigits.bench.measure import SECONDS, measure
from tinydigits.bench.table import comparison, table
from tinydigits.cli.completion import files, folders, models
from tinydigits.cli.signals import Stopped, stoppable
from tinydigits.errors import SourceError
from tinydigits.model import BUNDLED
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
@click.option(
    "--images",
    metavar="FOLDER",
    shell_complete=folders,
    help="Read these pictures instead of drawn ones.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=SECONDS,
    show_default=True,
    help="About how long it may take. Longer: more samples, narrower intervals.",
)
@click.option(
    "--json",
    "output",
    metavar="[FILE]",
    is_flag=False,
    flag_value="-",
    help="Write all figures as JSON; to stdout without FILE, and the tables to stderr then.",
)
@click.option(
    "--compare",
    "before",
    metavar="FILE",
    shell_complete=files,
    help="Show ratios to an earlier run's JSON.",
)
@click.option(
    "--fail-if-slower",
    "allowed",
    type=Percentage(),
    help="With --compare: exit 1 if a stage or throughput is slower by more than this.",
)
@click.pass_context
def bench(
    ctx: click.Context,
    models: tuple[str, ...],
    images: str | None,
    seconds: float,
    output: str | None,
    before: str | None,
    allowed: float | None,
) -> None:
    """Measure how fast this machine reads digits.

    In fresh processes: import (of all that a picture needs), session (opening the model), the
    first picture, the command `classify` on one picture as a whole, and the peak memory. In one
    process: decode, fit, infer (the network alone) and end to end (from a file's name to its
    answer), one picture at a time, with those percentiles that at least 10 samples lie beyond. Then
    images a second: the network in batches, and a folder as `classify` reads it, from files to
    rows. All files are in the system's cache.

    A ratio is time now ÷ time before, above 1 where it is slower now; its interval is the 95 %
    bootstrap interval over the rounds of both runs. It covers what varied while they ran, not what
    differs from one day to the next. --fail-if-slower 10% fails if the whole interval of any ratio
    lies above 1.10. What never fails: memory, python alone, the control (sorting, in which
    tinydigits has no part), and what has fewer than 3 rounds and so no interval.

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
      130, 143  stopped by Ctrl-C, by SIGTERM
    """
    _check(output, before, allowed)
    earlier = read_run(before) if before is not None else None
    with stoppable():
        try:
            with _progress() as say:
                result = measure(models or BUNDLED, images, seconds, say)
        except Stopped as stopped:
            click.echo("stopped: nothing is measured", err=True)
            ctx.exit(stopped.exit_code)
    fields = described(result)
    if output == "-":
        click.echo(to_json(fields))
    elif output is not None:
        write_run(output, to_json(fields))
    aside = output == "-"
    if result.unreadable:
        click.echo(f"left out: {result.unreadable:,} that cannot be read", err=True)
    click.echo(table(result), err=aside)
    if earlier is not None and before is not None:
        slow = _compare(earlier, run_of(fields, "this run"), before, allowed, aside)
        ctx.exit(1 if slow else 0)


def _compare(earlier: Run, now: Run, before: str, allowed: float | None, aside: bool) -> bool:
    """Prints the ratios; whether one of them is beyond what is allowed."""
    rows = compared(earlier, now)
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


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """One line on a terminal that is gone afterwards."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda words: click.echo(f"\r\033[K{words} …", nl=False, err=True)
    finally:
        click.echo("\r\033[K", nl=False, err=True)


def _check(output: str | None, before: str | None, allowed: float | None) -> None:
    """Before minutes are spent on what cannot be kept."""
    if allowed is not None and before is None:
        raise click.UsageError("--fail-if-slower goes with --compare FILE")
    if output in (None, "-"):
        return
    assert output is not None
    path = Path(output)
    if before is not None and path.resolve() == Path(before).resolve():
        raise click.UsageError(f"{output} would be compared with and written over")
    if not output or path.is_dir() or not path.parent.is_dir():
        raise click.UsageError(f"--json {output}: name a file in a folder that is there")
