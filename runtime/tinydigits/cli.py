"""The command line: parsing, printing and exit codes, nothing else.

Results go to stdout, everything else to stderr. Commands of the other two packages are imported
when they are called.
"""

import io
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, BinaryIO, get_args

import click

from tinydigits import Classifier, Limits, Prediction, TinydigitsError, __version__, sinks
from tinydigits.classifier import BATCH_SIZE
from tinydigits.errors import SinkError, SourceError
from tinydigits.fit import Fit, Invert
from tinydigits.images import MOST_PIXELS
from tinydigits.sources import Skipped, open_inputs

_LIMITS = Limits()
_ELSEWHERE = {
    "train": "tinydigits_train.cli:train",
    "export": "tinydigits_export.cli:export",
    "verify": "tinydigits_export.cli:verify",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, name = _ELSEWHERE[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TinydigitsError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tinydigits", message="%(prog)s %(version)s")
def main() -> None:
    """Read handwritten digits from image files, in bulk and on small devices."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know Δ and ·
            stream.reconfigure(errors="backslashreplace")


@main.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("-m", "--model", help="A bundled model's name, or an .onnx or .tflite file.")
@click.option("-o", "--output", help="Write the rows to this file instead of stdout.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(sinks.Format)),
    help="Default: by the ending of -o, else text.",
)
@click.option("--fit", type=click.Choice(get_args(Fit)), help="Default: the model's own.")
@click.option(
    "--invert",
    type=click.Choice(get_args(Invert)),
    default="auto",
    show_default=True,
    help="Is the ink darker than its ground?",
)
@click.option("--min-score", type=click.FloatRange(0, 1), help="Below this an answer is uncertain.")
@click.option("--batch-size", type=click.IntRange(1, 65536), default=BATCH_SIZE, show_default=True)
@click.option(
    "--max-pixels",
    type=click.IntRange(1, MOST_PIXELS),
    default=_LIMITS.max_pixels,
    show_default=True,
    help="Refuse larger images.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(1),
    default=_LIMITS.max_bytes,
    show_default=True,
    help="Refuse larger files.",
)
@click.option("--save-fit", metavar="DIR", help="Write what the model sees of each image here.")
@click.pass_context
def classify(
    ctx: click.Context,
    inputs: tuple[str, ...],
    model: str | None,
    output: str | None,
    format_: sinks.Format | None,
    fit: Fit | None,
    invert: Invert,
    min_score: float | None,
    batch_size: int,
    max_pixels: int,
    max_bytes: int,
    save_fit: str | None,
) -> None:
    """Read the digit in each image: one row an image, in order.

    INPUTS are image files, folders (searched through), or - for a list of files on stdin.

    \b
    Exit status: 0 all read; 1 some could not be read; 2 wrong usage, no model or no image.
    """
    began = time.monotonic()
    classifier = Classifier(
        model,
        fit=fit,
        invert=invert,
        min_score=min_score,
        limits=Limits(max_pixels, max_bytes),
    )
    skipped, counts = Skipped(), Counter[str]()
    items = open_inputs(inputs, _stdin, skipped)
    on_fit = None if save_fit is None else sinks.fit_sink(save_fit)
    predictions = classifier.classify(items, batch_size, on_fit)
    with _rows(output, format_) as write, _progress(predictions, output) as watched:
        for prediction in watched:
            counts[prediction.status] += 1
            write(prediction)
        if not counts:  # raised in here, so that -o replaces nothing
            raise SourceError(f"no image found in {', '.join(inputs)}{_passed_over(skipped)}")
    click.echo(_summary(counts, time.monotonic() - began) + _passed_over(skipped), err=True)
    ctx.exit(1 if counts["error"] else 0)


@main.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def info(model: str | None, as_json: bool) -> None:
    """Say what a model is: a bundled one's name or a file."""
    from tinydigits.model import load_model

    card = load_model(model)[1]
    if as_json:
        click.echo(card.to_json())
        return
    for name, value in card.summary():
        click.echo(f"{name:<12} {value}")


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise SourceError("-: stdin is closed, where a list of files was expected")
    return sys.stdin.buffer


@contextmanager
def _rows(output: str | None, format_: sinks.Format | None) -> Iterator[sinks.Write]:
    if output is not None and output != "-":
        with sinks.file_sink(output, format_ or sinks.format_of(output)) as write:
            yield write
        return
    if sys.stdout is None:
        raise SinkError("stdout is closed: name a file with -o")
    stdout = sys.stdout.buffer
    try:
        yield sinks.stream_sink(stdout, format_ or "text")
        stdout.flush()
    except BrokenPipeError:
        raise  # whoever reads has seen enough: click ends the run without a word
    except OSError as error:
        raise SinkError(f"stdout cannot be written: {error.strerror}") from error


@contextmanager
def _progress(
    predictions: Iterator[Prediction], output: str | None
) -> Iterator[Iterator[Prediction]]:
    """A count on stderr while rows go elsewhere; nothing where it would be mixed with them."""
    if sys.stderr is None or not sys.stderr.isatty() or (output is None and sys.stdout.isatty()):
        yield predictions
        return
    with click.progressbar(
        predictions, label="reading", show_pos=True, file=sys.stderr, update_min_steps=100
    ) as watched:
        yield iter(watched)


def _summary(counts: Counter[str], seconds: float) -> str:
    total = sum(counts.values())
    return (
        f"{total:,} image{'' if total == 1 else 's'}: {counts['ok']:,} ok, "
        f"{counts['uncertain']:,} uncertain, {counts['error']:,} unreadable · "
        f"{seconds:.1f} s ({total / max(seconds, 1e-9):,.0f}/s)"
    )


def _passed_over(skipped: Skipped) -> str:
    passed = [
        f"{count:,} {what}"
        for count, what in ((skipped.hidden, "hidden"), (skipped.other, "other files"))
        if count
    ]
    return f" · passed over: {', '.join(passed)}" if passed else ""
