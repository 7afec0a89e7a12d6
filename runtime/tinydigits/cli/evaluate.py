"""`tinydigits evaluate`: parse options, count answers, and print the figures."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import click

from tinydigits.cli.completion import files, folders
from tinydigits.cli.options import (
    check_there,
    check_usage,
    fit_option,
    open_classifier,
    reading_options,
)
from tinydigits.cli.signals import stoppable
from tinydigits.cli.summary import needs, needs_text, no_image, say, skipped_text, summary
from tinydigits.evaluation import Tally
from tinydigits.items import Item, Skipped, Stack, chunked
from tinydigits.judging import Prediction
from tinydigits.names import LATER_FRAMES
from tinydigits.number_evaluation import NumberTally
from tinydigits.numbers import Number
from tinydigits.pipeline import Workers
from tinydigits.reading import Keep, Settings
from tinydigits.remote.location import Location, place_of
from tinydigits.sources import Opening, at_hand, open_inputs
from tinydigits.sources.labelled import check_classes, truth_of
from tinydigits.sources.truths import pictures, read_truths


@click.command()
@click.argument("folder", required=False, shell_complete=folders)
@reading_options
@fit_option
@click.option(
    "--truth",
    "table",
    metavar="FILE.csv",
    shell_complete=files,
    help="Take what the pictures show from a table with the columns file and truth, CSV or TSV.",
)
@click.option(
    "--numbers",
    is_flag=True,
    help="With --truth: read whole numbers. Default: where a truth is longer than one digit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    folder: str | None,
    settings: Settings,
    workers: Workers,
    batch_size: int,
    report: str | None,
    table: str | None,
    numbers: bool,
    as_json: bool,
) -> None:
    """Measure how well a model reads pictures whose truth is known.

    The sub-folders of FOLDER name the classes: FOLDER/7/a.png is a 7. Or a table names each file
    and its truth: --truth FILE. Its files are relative to FOLDER, if that is given, to the table
    or to the working directory.

    The command prints the accuracy with its 95 % interval, the precision and recall of each class,
    a table of the classes that were mixed up, and the worst mistakes. For whole numbers it prints
    the share that is exact, the share of wrong digits, and the worst mistakes.

    \b
    Examples:
      tinydigits evaluate digits
      tinydigits evaluate digits -m dense --json
      tinydigits evaluate digits --report mistakes.html
      tinydigits evaluate --truth examples/numbers/truth.csv

    \b
    Exit status:
      0         all images were read
      1         an image could not be read, or the report could not be written
      2         wrong usage, no model, no image, or a missing or unknown truth
      130, 143  stopped by Ctrl-C or by SIGTERM
    """
    inputs = tuple(filter(None, (folder, table)))
    if not inputs:
        raise click.UsageError("name a folder with a sub-folder for each class, or --truth FILE")
    if numbers and table is None:
        raise click.UsageError("--numbers needs --truth FILE")
    check_usage(ctx.params | {"inputs": inputs})
    check_there(inputs)
    began = time.monotonic()
    classifier = open_classifier(settings)
    labels = classifier.info.labels
    skipped, counts, needed = Skipped(), Counter[str](), Counter[tuple[str, str]]()
    opening = Opening(settings.limits, skipped)
    tally: Tally | NumberTally = Tally(labels)
    items: Iterable[Item | Stack]
    if table is not None:
        truths = read_truths(table, folder, settings.limits.max_bytes)
        if numbers or not set(labels).issuperset(truths.texts.values()):
            tally, truths = NumberTally(labels), truths.by_rows()
        for path, text in truths.texts.items():
            tally.check(path, text)
        truth_at: Callable[[str], str] = truths.texts.__getitem__
        items = pictures(truths, opening)
    else:
        assert folder is not None
        place = place_of(folder)
        if not isinstance(place, Location):
            tested = check_classes(folder, labels)
            if tested != folder:
                say(f"{folder} holds splits: these are the pictures in {tested}")
                place = place_of(tested)
        truth_at = partial(truth_of, str(place))
        items = open_inputs((place,), opening)
        if isinstance(place, Location):  # the others are checked at once
            items = _checked(items, truth_at, tally)

    def truth(answer: Prediction | Number) -> str:
        return truth_at(answer.path or "")

    keep = Keep(fitted=report is not None, thumbnails=report is not None)
    chunks = at_hand(chunked(items, batch_size), settings.limits.max_bytes)
    answering: Any = classifier.answers if isinstance(tally, Tally) else classifier.numbers_of
    with stoppable(lambda: "nothing is evaluated"), ExitStack() as stack:
        write = None
        if report is not None:
            from tinydigits.sinks.report import report_sink

            classes = labels if isinstance(tally, Tally) else None
            write = stack.enter_context(report_sink(report, classes, truth))
        answered = stack.enter_context(closing(answering(chunks, workers, keep)))
        for answers in answered:
            for answer in answers.predictions:
                tally.add(answer, truth(answer))
                counts[answer.status] += 1
            needed.update(needs(answers.predictions))
            skipped[LATER_FRAMES] += answers.reading.in_part
            if write is not None:
                write(answers)
        if not counts:
            raise no_image(inputs, skipped)  # in here, so that the report replaces nothing
    result = tally.result()
    click.echo(result.to_json() if as_json else result.as_text(), nl=as_json)
    ended = summary(counts, time.monotonic() - began)
    say(ended + needs_text(needed) + skipped_text(skipped))
    ctx.exit(1 if result.unreadable else 0)


def _checked(
    items: Iterable[Item | Stack], truth_at: Callable[[str], str], tally: Tally | NumberTally
) -> Iterator[Item | Stack]:
    """Yield the items. Raises SourceError before one is read that has no truth."""
    for item in items:
        tally.check(item.name, truth_at(item.name or ""))
        yield item
