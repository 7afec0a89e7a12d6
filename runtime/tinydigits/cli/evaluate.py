"""`tinydigits evaluate`: parse options, count answers, and print the figures."""

import time
from contextlib import ExitStack, closing

import click

from tinydigits.classifier import Classifier
from tinydigits.cli.completion import folders
from tinydigits.cli.options import check_usage, reading_options
from tinydigits.cli.signals import stoppable
from tinydigits.cli.summary import skipped_text
from tinydigits.evaluation import Tally
from tinydigits.items import Skipped, chunked
from tinydigits.judging import Prediction
from tinydigits.names import Kind, kind_of
from tinydigits.pipeline import Workers
from tinydigits.reading import Keep, Settings
from tinydigits.remote.location import place_of
from tinydigits.sources import Opening, at_hand, open_inputs
from tinydigits.sources.labelled import check_classes, truth_of


@click.command()
@click.argument("folder", shell_complete=folders)
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    folder: str,
    settings: Settings,
    workers: Workers,
    batch_size: int,
    report: str | None,
    as_json: bool,
) -> None:
    """Measure how well a model reads pictures whose classes are known.

    The sub-folders of FOLDER name the classes: FOLDER/7/a.png is a 7. The command prints the
    accuracy with its 95 % interval, the precision and recall of each class, a table of the
    classes that were mixed up, and the worst mistakes.

    \b
    Examples:
      tinydigits evaluate digits
      tinydigits evaluate digits -m dense --json
      tinydigits evaluate digits --report mistakes.html

    \b
    Exit status:
      0         all images were read
      1         an image could not be read, or the report could not be written
      2         wrong usage, no model, no image, or a folder that is not a class
      130, 143  stopped by Ctrl-C or by SIGTERM
    """
    check_usage(ctx.params | {"inputs": (folder,)})
    began = time.monotonic()
    classifier = Classifier.of(settings)
    labels = classifier.info.labels
    place = place_of(folder)
    if kind_of(place, stdin=False) is not Kind.REMOTE:
        tested = check_classes(folder, labels)
        if tested != folder:
            click.echo(f"{folder} holds splits: these are the pictures in {tested}", err=True)
            place = place_of(tested)
    skipped, tally = Skipped(), Tally(labels)

    def truth(prediction: Prediction) -> str:
        return truth_of(str(place), prediction.path)

    keep = Keep(fitted=report is not None, thumbnails=report is not None)
    items = open_inputs((place,), Opening(settings.limits, skipped))
    chunks = at_hand(chunked(items, batch_size), settings.limits.max_bytes)
    with stoppable(lambda: "nothing is evaluated"), ExitStack() as stack:
        write = None
        if report is not None:
            from tinydigits.sinks.report import report_sink

            write = stack.enter_context(report_sink(report, labels, truth))
        answered = stack.enter_context(closing(classifier.answers(chunks, workers, keep)))
        for answers in answered:
            for prediction in answers.predictions:
                tally.add(prediction, truth(prediction))
            if write is not None:
                write(answers)
        result = tally.result()  # in here, so that a run without pictures writes no report
    click.echo(result.to_json() if as_json else result.as_text(), nl=as_json)
    seconds = time.monotonic() - began
    click.echo(f"{result.images:,} images · {seconds:.1f} s{skipped_text(skipped)}", err=True)
    ctx.exit(1 if result.unreadable else 0)
