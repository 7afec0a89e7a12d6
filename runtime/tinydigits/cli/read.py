"""`tinydigits read`: a number, rows of numbers, or a sheet of digits in each picture."""

import re
import time
from functools import partial
from typing import Any, get_args

import click

from tinydigits.cli.completion import files
from tinydigits.cli.job import Job
from tinydigits.cli.options import (
    open_classifier,
    reading_options,
    row_settings,
    rows_to,
    writing_options,
)
from tinydigits.number_reading import Lines
from tinydigits.numbers import Wanted
from tinydigits.pipeline import Workers
from tinydigits.reading import Settings
from tinydigits.sinks.output import Format
from tinydigits.sinks.outputs import Outputs
from tinydigits.sinks.rows import NumberRows


class DigitsType(click.ParamType):  # type: ignore[type-arg] # generic in stubs, not at run time
    """How many digits a picture should hold: `N`, or `N-M` for from N to M."""

    name = "N|N-M"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        found = re.fullmatch("([0-9]{1,6})(?:-([0-9]{1,6}))?", value)
        least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= least <= most:
            self.fail(f"{value!r} is no number of digits: write 5, or 4-6 for 4 to 6", param, ctx)
        return least, most


@click.command()
@click.argument("inputs", nargs=-1, required=True, shell_complete=files)
@reading_options
@click.option(
    "--digits",
    type=DigitsType(),
    help="Mark a picture as uncertain if it does not hold N digits, or from N to M of them.",
)
@click.option(
    "--lines",
    type=click.Choice(get_args(Lines)),
    default="many",
    show_default=True,
    help="Whether a picture may hold several lines of digits.",
)
@writing_options
@click.pass_context
def read(
    ctx: click.Context,
    inputs: tuple[str, ...],
    settings: Settings,
    workers: Workers,
    batch_size: int,
    report: str | None,
    digits: Wanted,
    lines: Lines,
    output: str | None,
    format_: Format | None,
    resume: bool,
) -> None:
    """Read the number, or the rows of numbers, in each image.

    Each image gives one row, in the order of the inputs, however many digits it holds. Signs that
    are no digits are left out and counted.

    INPUTS are those of `tinydigits classify`: images; folders; .zip and .tar archives; IDX, .npy
    and .npz files; addresses; or -, which reads a list of files from stdin.

    \b
    Examples:
      tinydigits read examples/numbers
      tinydigits read examples/numbers --digits 4-6 -o rows.csv
      tinydigits read examples/numbers -o rows.jsonl --report numbers.html

    \b
    Exit status:
      0         all images were read
      1         an image could not be read, or rows could not be written
      2         wrong usage, no such model or input, or no image found
      130, 143  stopped by Ctrl-C or by SIGTERM
    """
    output, format_ = rows_to(ctx.params)
    began = time.monotonic()
    classifier = open_classifier(settings)
    rows = NumberRows(digits, lines)
    outputs = Outputs(
        rows,
        format_,
        output,
        resumed=row_settings(classifier, format_, batch_size, rows.settings()) if resume else None,
        report=report,
    )
    answering = partial(classifier.numbers_of, digits=digits, lines=lines)
    Job(began, inputs, settings.limits, workers, batch_size, answering, outputs).do(ctx)
