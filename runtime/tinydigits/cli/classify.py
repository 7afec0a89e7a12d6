"""`tinydigits classify`: parse options, read, write, and print the summary."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import chain, islice, takewhile
from typing import Literal, get_args

import click

from tinydigits.classifier import Classifier
from tinydigits.cli.completion import files, folders
from tinydigits.cli.options import (
    check_there,
    check_usage,
    open_stdin,
    reading_options,
    row_settings,
)
from tinydigits.cli.progress import progress
from tinydigits.cli.signals import Stopper, stoppable
from tinydigits.cli.summary import no_image, say, skipped_text, summary
from tinydigits.items import Chunk, Skipped, chunked
from tinydigits.names import LATER_FRAMES, Kind, kind_of
from tinydigits.pipeline import Workers
from tinydigits.reading import Settings
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks.output import JOURNALS, Format, format_of
from tinydigits.sinks.outputs import Outputs
from tinydigits.sinks.rows import Shown
from tinydigits.sources import Opening, at_hand, open_inputs
from tinydigits.text import printable

WATCH_BATCH = 32  # images in a chunk: few, so that rows and signals wait less


@click.command()
@click.argument("inputs", nargs=-1, required=True, shell_complete=files)
@reading_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=files,
    help="Write the rows to this file instead of stdout.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(Format)),
    help="Format of the rows. Default: by the ending of -o, otherwise text. csv-excel is CSV with "
    "the mark by which spreadsheets know UTF-8.",
)
@click.option("--scores", is_flag=True, help="Show the score of every class.")
@click.option(
    "--top-k", type=click.IntRange(1), default=1, show_default=True, help="Show the K best classes."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue an earlier run: keep the rows that are in the file -o, and add the others.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Keep running, and read pictures as they arrive in the folders. The rows that an earlier "
    "watch left in the file -o are kept.",
)
@click.option(
    "--settle",
    metavar="SECONDS",
    type=click.FloatRange(0, 86_400),
    help="With --watch: read a picture once its file has not changed for so long. Default: 1.",
)
@click.option(
    "--sort-into",
    metavar="DIR",
    shell_complete=folders,
    help="Sort the pictures into folders by class.",
)
@click.option(
    "--sort-by",
    type=click.Choice(("copy", "link", "move")),
    help="How to sort. `tinydigits unsort DIR/sort-log.jsonl` undoes a move. Default: copy.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print where --sort-into would put each picture instead of its row, and sort none.",
)
@click.option(
    "--save-fit",
    metavar="DIR",
    shell_complete=folders,
    help="Write what the model sees of each image into this folder, as a PNG file of 28×28 pixels.",
)
@click.option(
    "--engine",
    type=click.Choice(("local", "ray")),
    default="local",
    show_default=True,
    help="Machines that read. local: this one; ray: a Ray cluster, which writes Parquet files into "
    "the folder -o.",
)
@click.option(
    "--ray-address",
    metavar="HOST:PORT",
    help="Address of a running Ray cluster. Default: start one on this machine.",
)
@click.pass_context
def classify(
    ctx: click.Context,
    inputs: tuple[str, ...],
    settings: Settings,
    workers: Workers,
    batch_size: int,
    report: str | None,
    output: str | None,
    format_: Format | None,
    scores: bool,
    top_k: int,
    resume: bool,
    watch: bool,
    settle: float | None,
    sort_into: str | None,
    sort_by: Literal["copy", "link", "move"] | None,
    dry_run: bool,
    save_fit: str | None,
    engine: Literal["local", "ray"],
    ray_address: str | None,
) -> None:
    """Read the digit in each image.

    Each image gives one row, in the order of the inputs.

    INPUTS are images; TIFF and PDF documents, each page of which is an image; folders, which are
    searched with their sub-folders; .zip, .tar, .tar.gz and .tar.zst archives; IDX files such as
    those of MNIST; .npy and .npz files of uint8 [N, 28, 28]; or -, which reads a list of files from
    stdin: one a line, or each ended by a NUL byte. An input can also be an address: s3://, gs://,
    https:// or any other that an fsspec package reads.

    \b
    Examples:
      tinydigits classify examples/scans
      tinydigits classify examples/scans/1-small.png -m dense --scores
      find examples/scans -name '*.png' | tinydigits classify - -o rows.csv
      tinydigits classify examples/scans -o rows.jsonl --resume
      tinydigits classify examples/scans --sort-into sorted --report all.html

    \b
    Exit status:
      0         all images were read
      1         an image could not be read or sorted, or rows could not be written
      2         wrong usage, no such model or input, or no image found
      130, 143  stopped by Ctrl-C or by SIGTERM
    """
    if engine == "ray":
        from tinydigits.cli.cluster import classify_parts

        classify_parts(ctx)
    if ray_address is not None:
        raise click.UsageError("--ray-address needs --engine ray")
    if output == "-":
        output = None
    format_ = format_ or (format_of(output) if output else "text")
    check_usage(ctx.params | {"output": output, "format_": format_})
    began = time.monotonic()
    classifier = Classifier.of(settings)
    shown = Shown(classifier.info.labels, scores, top_k)
    resumes = resume or (watch and output is not None and format_ in JOURNALS)
    outputs = Outputs(
        shown,
        format_,
        output,
        watch,
        row_settings(classifier, shown, format_, batch_size) if resumes else None,
        save_fit,
        report,
        sort_into,
        sort_by or "copy",
        click.echo if dry_run else None,
    )
    skipped, counts = Skipped(), Counter[str]()

    def so_far() -> str:
        earlier = outputs.earlier
        return summary(earlier + counts, time.monotonic() - began, earlier.total())

    def result() -> str:
        unwritten = f" · {output} is not written" if output and not (resume or watch) else ""
        return f"{so_far()}{unwritten}"

    with stoppable(result, raises=not watch) as stopper, ExitStack() as stack:
        if watch:
            chunks, workers = _arriving(inputs, stopper, skipped, settle), 1
        else:
            opening = Opening(settings.limits, skipped, open_stdin)
            chunks = stack.enter_context(_chunks(inputs, opening, batch_size))
        write = stack.enter_context(outputs.opened(inputs))
        chunks = at_hand(outputs.remaining(chunks), settings.limits.max_bytes)
        answered = classifier.answers(chunks, workers, outputs.keep)
        stack.enter_context(closing(answered))
        # A count would be mixed with rows where both go to a terminal.
        on_terminal = output is None and sys.stdout.isatty()
        show = stack.enter_context(progress(hidden=on_terminal, every=0.2))
        for answers in answered:
            with stopper.held():
                write(answers)
                counts.update(prediction.status for prediction in answers.predictions)
                skipped[LATER_FRAMES] += answers.reading.in_part
                show(f"{counts.total():,} images")
            if watch:  # it comes again when its writer has ended
                _say_unsorted(outputs.unsorted)
                outputs.unsorted.clear()
        if not counts + outputs.earlier and not watch:
            raise no_image(inputs, skipped)  # in here, so that -o replaces nothing
    _say_unsorted(outputs.unsorted)
    say(so_far() + skipped_text(skipped))
    if stopper.asked is not None:
        ctx.exit(128 + stopper.asked)
    ctx.exit(1 if counts["error"] or outputs.earlier["error"] or outputs.unsorted else 0)


def _say_unsorted(unsorted: list[tuple[str, str]]) -> None:
    for path, why in unsorted:
        say(f"{printable(path)} is not sorted: {printable(why)}")


@contextmanager
def _chunks(inputs: tuple[str, ...], opening: Opening, size: int) -> Iterator[Iterator[Chunk]]:
    """Yield the pictures of every input. Raises SourceError and MissingExtra, before anything is
    written, for an address with nothing there, no permission or no answer, and for a file or folder
    that is not there.
    """
    with closing(open_inputs(inputs, opening)) as items:
        chunks = chunked(items, size)
        if Kind.REMOTE in map(kind_of, inputs):
            from tinydigits.remote.listing import listed_remote

            begun = list(islice(chunks, 1))
            if not begun:
                raise no_image(inputs, opening.skipped)
            chunks = chain(begun, chunks)
            for place in map(place_of, inputs[1:]):  # the chunk began with the first
                if isinstance(place, Location):
                    next(listed_remote(place), None)
        check_there(inputs)
        yield chunks


def _arriving(
    inputs: tuple[str, ...], stopper: Stopper, skipped: Skipped, settle: float | None = None
) -> Iterator[Chunk]:
    """Return chunks of pictures as they arrive, until a signal stops them. Raises SourceError at
    once where an input cannot be watched.
    """
    from tinydigits.sources.watch import SETTLE, watched_files

    def stopped() -> bool:
        return stopper.asked is not None

    batches = watched_files(inputs, stopped, skipped, SETTLE if settle is None else settle)
    chunks = chain.from_iterable(chunked(batch, WATCH_BATCH) for batch in batches)
    return takewhile(lambda _: not stopped(), chunks)
