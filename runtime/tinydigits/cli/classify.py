"""`tinydigits classify`: one digit a picture."""

import time
from typing import Literal

import click

from tinydigits.cli.completion import files, folders
from tinydigits.cli.job import Job
from tinydigits.cli.options import (
    fit_option,
    open_classifier,
    reading_options,
    row_settings,
    rows_to,
    writing_options,
)
from tinydigits.pipeline import Workers
from tinydigits.reading import Settings
from tinydigits.sinks.output import JOURNALS, Format
from tinydigits.sinks.outputs import Outputs
from tinydigits.sinks.rows import Shown


@click.command()
@click.argument("inputs", nargs=-1, required=True, shell_complete=files)
@reading_options
@fit_option
@writing_options
@click.option("--scores", is_flag=True, help="Show the score of every class.")
@click.option(
    "--top-k", type=click.IntRange(1), default=1, show_default=True, help="Show the K best classes."
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
    help="With --watch: read a picture when its file has not changed for this time. Default: 1.",
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
    help="Sort nothing, and print where --sort-into would put each picture in place of its row.",
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
    help="The machines that read. local: this one; ray: a Ray cluster, which writes Parquet files "
    "into the folder -o.",
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
    https:// or another one that an fsspec package reads.

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
    output, format_ = rows_to(ctx.params)
    began = time.monotonic()
    classifier = open_classifier(settings)
    shown = Shown(classifier.info.labels, scores, top_k)
    resumes = resume or (watch and output is not None and format_ in JOURNALS)
    outputs = Outputs(
        shown,
        format_,
        output,
        watch,
        row_settings(classifier, format_, batch_size, shown.settings()) if resumes else None,
        save_fit,
        report,
        sort_into,
        sort_by or "copy",
        click.echo if dry_run else None,
    )
    answering = classifier.answers
    Job(began, inputs, settings.limits, workers, batch_size, answering, outputs, settle).do(ctx)
