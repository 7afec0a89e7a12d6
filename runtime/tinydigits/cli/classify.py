"""`tinydigits classify`: parsing and printing."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import chain, islice, takewhile
from typing import BinaryIO, Literal, NoReturn, get_args

import click

from tinydigits.classifier import Classifier
from tinydigits.cli.completion import files, folders
from tinydigits.cli.options import check_usage, reading_options
from tinydigits.cli.progress import progress
from tinydigits.cli.signals import Stopped, Stopper, stoppable
from tinydigits.errors import SinkError, SourceError
from tinydigits.items import Chunk, Skipped, chunked
from tinydigits.judging import Answers
from tinydigits.names import Kind, kind_of
from tinydigits.pipeline import Workers
from tinydigits.reading import Keep, Settings
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks import output as sinks
from tinydigits.sinks.rows import Shown
from tinydigits.sources import Opening, at_hand, open_inputs
from tinydigits.text import printable

WATCH_BATCH = 32  # images: fewer than otherwise, so that rows and signals wait less


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
    type=click.Choice(get_args(sinks.Format)),
    help="How rows are written. Default: by the ending of -o, else text.",
)
@click.option("--scores", is_flag=True, help="Show the score of every class.")
@click.option(
    "--top-k", type=click.IntRange(1), default=1, show_default=True, help="Show the best K classes."
)
@click.option("--resume", is_flag=True, help="Go on with the rows that an earlier run left in -o.")
@click.option("--watch", is_flag=True, help="Keep going: read pictures as they arrive.")
@click.option(
    "--sort-into",
    metavar="DIR",
    shell_complete=folders,
    help="Sort the pictures into folders by class.",
)
@click.option(
    "--sort-by",
    type=click.Choice(("copy", "link", "move")),
    help="How they get there. `tinydigits unsort DIR/sort-log.jsonl` undoes a move. Default: copy.",
)
@click.option("--dry-run", is_flag=True, help="Only say how pictures would be sorted.")
@click.option(
    "--save-fit",
    metavar="DIR",
    shell_complete=folders,
    help="Write what the model sees of each picture here, as PNG.",
)
@click.option(
    "--engine",
    type=click.Choice(("local", "ray")),
    default="local",
    show_default=True,
    help="ray: many machines read, and write Parquet parts into the folder -o.",
)
@click.option("--ray-address", metavar="HOST:PORT", help="Of a Ray cluster; else one starts here.")
@click.pass_context
def classify(
    ctx: click.Context,
    inputs: tuple[str, ...],
    settings: Settings,
    workers: Workers,
    batch_size: int,
    report: str | None,
    output: str | None,
    format_: sinks.Format | None,
    scores: bool,
    top_k: int,
    resume: bool,
    watch: bool,
    sort_into: str | None,
    sort_by: Literal["copy", "link", "move"] | None,
    dry_run: bool,
    save_fit: str | None,
    engine: Literal["local", "ray"],
    ray_address: str | None,
) -> None:
    """Read the digit in each image: one row an image, in order.

    INPUTS are images, folders (searched through), .zip, .tar, .tar.gz and .tar.zst archives, IDX
    files as of MNIST, .npy and .npz of uint8 [N, 28, 28], or - for a list of files on stdin, one
    a line or each ended by NUL. All of them may be at addresses: s3://, gs://, https:// and those
    of other fsspec packages.

    \b
    Examples:
      tinydigits classify examples/scans
      tinydigits classify examples/scans/1-small.png -m dense --scores
      find examples/scans -name '*.png' | tinydigits classify - -o rows.csv
      tinydigits classify examples/scans -o rows.jsonl --resume
      tinydigits classify examples/scans --sort-into sorted --report all.html

    \b
    Exit status:
      0         all were read
      1         some could not be read or sorted, or rows not be written
      2         wrong usage, no model, or no image
      130, 143  stopped by Ctrl-C, by SIGTERM
    """
    if engine == "ray":
        from tinydigits.cli.cluster import classify_parts

        classify_parts(ctx)
    if ray_address is not None:
        raise click.UsageError("--ray-address goes with --engine ray")
    if output == "-":
        output = None
    format_ = format_ or (sinks.format_of(output) if output else "text")
    check_usage(ctx.params | {"output": output, "format_": format_})
    began = time.monotonic()
    limits, classifier = settings.limits, Classifier.of(settings)
    shown = Shown(classifier.info.labels, scores, top_k)
    skipped, failed = Skipped(), list[tuple[str, str]]()
    counts, earlier = Counter[str](), Counter[str]()  # rows of this run, and those it goes on with

    def so_far() -> str:
        return summary(earlier + counts, time.monotonic() - began, earlier.total())

    with stoppable(raises=not watch) as stopper:
        try:
            # Rows are complete last, and begun last: what is refused leaves -o as it was.
            with ExitStack() as last, ExitStack() as stack:
                items = stack.enter_context(
                    closing(open_inputs(inputs, Opening(limits, skipped, open_stdin)))
                )
                chunks: Iterable[Chunk] = chunked(items, batch_size)
                if Kind.REMOTE in map(
                    kind_of, inputs
                ):  # what fails fails before anything is written
                    begun = list(islice(chunks, 1)) or _nothing(inputs, skipped)
                    chunks = chain(begun, chunks)
                    _reach(inputs[1:])  # the chunk began with the first
                if watch:
                    chunks, workers = _arriving(inputs, stopper, skipped), 1
                writes = list[sinks.Write]()
                if save_fit is not None:
                    writes.append(sinks.fit_sink(save_fit, inputs))
                if report is not None:
                    from tinydigits.sinks.report import report_sink

                    writes.append(stack.enter_context(report_sink(report, shown.labels)))
                if sort_into is not None:
                    from tinydigits.sinks.sort import sort_sink

                    tell = say if dry_run else None
                    by = sort_by or "copy"
                    sorter = stack.enter_context(sort_sink(sort_into, by, inputs, tell))
                    failed = sorter.failed
                    writes.append(sorter)
                if resume:
                    from tinydigits.sinks.resume import open_journal

                    assert output is not None
                    assert format_ in ("csv", "jsonl")
                    how = row_settings(classifier, shown, format_, batch_size)
                    journal = last.enter_context(open_journal(output, format_, shown, how))
                    chunks, earlier = journal.remaining(chunks), journal.found
                    rows: sinks.Write = journal.write
                else:
                    rows = last.enter_context(_rows(output, format_, shown, grows=watch))
                writes.insert(0, rows)  # what is moved is written down before
                keep = Keep(fitted=bool(save_fit or report), thumbnails=bool(report))
                chunks = at_hand(chunks, limits.max_bytes)
                answered = stack.enter_context(closing(classifier.answers(chunks, workers, keep)))
                # A count would be mixed with rows where both go to a terminal.
                on_terminal = output is None and sys.stdout.isatty()
                show = stack.enter_context(progress(hidden=on_terminal, every=0.2))
                for answers in answered:
                    with stopper.held():
                        for write in writes:
                            write(answers)
                        counts.update(prediction.status for prediction in answers.predictions)
                        show(f"{counts.total():,} images")
                if not counts + earlier and not watch:  # in here, so that -o replaces nothing
                    _nothing(inputs, skipped)
        except Stopped as stopped:
            unwritten = f" · {output} is not written" if output and not resume else ""
            say(f"stopped: {so_far()}{unwritten}")
            ctx.exit(stopped.exit_code)
    for path, why in failed:
        say(f"{printable(path)} is not sorted: {printable(why)}")
    say(so_far() + passed_over(skipped))
    if stopper.asked is not None:
        ctx.exit(128 + stopper.asked)
    ctx.exit(1 if counts["error"] or earlier["error"] or failed else 0)


def _nothing(inputs: tuple[str, ...], skipped: Skipped) -> NoReturn:
    names = ", ".join(str(place_of(name)) for name in inputs)
    raise SourceError(f"no image found in {names}{passed_over(skipped)}")


def _reach(inputs: tuple[str, ...]) -> None:
    """Raises SourceError for an address with nothing there, no permission or no answer;
    MissingExtra.
    """
    from tinydigits.remote.listing import listed_remote

    for place in map(place_of, inputs):
        if isinstance(place, Location):
            next(listed_remote(place), None)


def _arriving(inputs: tuple[str, ...], stopper: Stopper, skipped: Skipped) -> Iterator[Chunk]:
    """Raises SourceError, at once."""
    from tinydigits.sources.watch import watched_files

    def stopped() -> bool:
        return stopper.asked is not None

    batches = watched_files(inputs, stopped, skipped)
    chunks = chain.from_iterable(chunked(batch, WATCH_BATCH) for batch in batches)
    return takewhile(lambda _: not stopped(), chunks)


def row_settings(
    classifier: Classifier, shown: Shown, format_: str, batch_size: int
) -> dict[str, object]:
    """All that the rows of a run depend on, beside its inputs."""
    from tinydigits.version import __version__

    return {
        "tinydigits": __version__,
        "model": classifier.info.name,
        "model_sha256": classifier.model_sha256,
        "fit": classifier.reader.fit,
        "invert": {None: "auto", True: "yes", False: "no"}[classifier.settings.invert],
        "min_score": classifier.thresholds.min_score,
        "max_ratio": classifier.thresholds.max_ratio,
        "max_pixels": classifier.settings.limits.max_pixels,
        "max_bytes": classifier.settings.limits.max_bytes,
        "batch_size": batch_size,
        "format": format_,
        "scores": shown.scores,
        "top_k": shown.top,
    }


def say(sentence: str) -> None:
    with suppress(OSError):  # what cannot be said changes nothing
        click.echo(sentence, err=True)


def open_stdin() -> BinaryIO:
    if sys.stdin is None:
        raise SourceError("-: stdin is closed, where a list of files was expected")
    return sys.stdin.buffer


@contextmanager
def _rows(
    output: str | None, format_: sinks.Format, shown: Shown, grows: bool
) -> Iterator[sinks.Write]:
    if output is not None:
        opened = sinks.growing_sink if grows else sinks.file_sink
        with opened(output, format_, shown) as write:
            yield write
        return
    if sys.stdout is None:
        raise SinkError("stdout is closed: name a file with -o")
    assert format_ != "parquet"
    with _to_stdout():
        write = sinks.stream_sink(sys.stdout.buffer, format_, shown)

    def written(answers: Answers) -> None:
        with _to_stdout():
            write(answers)

    yield written


@contextmanager
def _to_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads has seen enough: click ends the run without a word
    except OSError as error:
        raise SinkError(f"stdout cannot be written: {error.strerror}") from error


def summary(counts: Counter[str], seconds: float, earlier: int = 0) -> str:
    """One line that ends a run, of whose rows so many are from an earlier one."""
    total = counts.total()
    return (
        f"{total:,} image{'' if total == 1 else 's'}: {counts['ok']:,} ok, "
        f"{counts['uncertain']:,} uncertain, {counts['error']:,} unreadable · "
        f"{seconds:.1f} s ({(total - earlier) / max(seconds, 1e-9):,.0f}/s)"
    )


def passed_over(skipped: Skipped) -> str:
    """What was not read, for the summary."""
    passed = [
        f"{count:,} {what}"
        for count, what in ((skipped.hidden, "hidden"), (skipped.other, "other files"))
        if count
    ]
    return f" · passed over: {', '.join(passed)}" if passed else ""
