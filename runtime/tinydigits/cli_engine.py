"""`tinydigits classify --engine ray`: what of the command's options it goes with, and printing."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinydigits.addresses import is_remote, redacted
from tinydigits.classifier import Classifier
from tinydigits.cli_classify import open_stdin, passed_over, row_settings, say, summary
from tinydigits.errors import SourceError
from tinydigits.images import Limits
from tinydigits.rows import Shown
from tinydigits.sources import Opening, Skipped
from tinydigits.stopping import Stopped, stoppable

if TYPE_CHECKING:
    from tinydigits.engine import Counts

_LOCAL = ("report", "watch", "sort_into", "dry_run", "save_fit")  # which one machine alone can do
_STATUSES = ("ok", "uncertain", "error")
_FILES = (".csv", ".jsonl", ".ndjson", ".json", ".txt", ".html")


def classify_parts(ctx: click.Context) -> None:
    """Reads INPUTS by the actors of Ray, into a folder of Parquet parts."""
    options = ctx.params
    _check_usage(options)
    from tinydigits import engine, parts, ray
    from tinydigits.stores import store_at

    ray.import_ray()
    began = time.monotonic()
    inputs, output, workers = options["inputs"], options["output"], options["workers"]
    limits = Limits(options["max_pixels"], options["max_bytes"])
    asked = {name: options[name] for name in ("model", "fit", "invert", "min_score")}
    classifier = Classifier(**asked, limits=limits)
    shown = Shown(classifier.info.labels, options["scores"], options["top_k"])
    store, skipped = store_at(output), Skipped()
    parts.reach(store, options["resume"])
    entries = parts.entries_of(inputs, Opening(open_stdin, limits, skipped))
    settings = row_settings(classifier, shown, "parquet", options["batch_size"])
    plan, todo = parts.planned(entries, options["batch_size"], settings)
    if not todo:
        counts = Counter(hidden=skipped.hidden, other=skipped.other)
        raise SourceError(_nothing(inputs, counts))
    counts = Counter(parts.there_already(store, plan) or {})
    if not counts:
        counts.update(hidden=skipped.hidden, other=skipped.other)
        job = engine.Job(
            **asked,
            limits=limits,
            shown=shown,
            batch_size=options["batch_size"],
            output=output,
            plan=plan,
            folder=os.getcwd() if plan.local or not is_remote(output) else "",  # noqa: PTH109
            inputs=tuple(filter(os.path.exists, inputs)),
        )
        with ray.connected(options["ray_address"], workers), stoppable():
            parts.begin(store, plan)
            try:
                with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                    for each in _progress(engine.done(job, todo, workers)):
                        counts.update(each)
            except Stopped as stopped:
                said = _summary(counts, began)
                say(f"stopped: {said} · --resume goes on with {store}")
                ctx.exit(stopped.exit_code)
            if not any(counts[status] for status in _STATUSES):
                parts.undo(store, plan)
                raise SourceError(_nothing(inputs, counts))
            parts.finish(store, plan, counts)
    say(_summary(counts, began) + _passed(counts))
    ctx.exit(1 if counts["error"] else 0)


def _nothing(inputs: tuple[str, ...], counts: Counter[str]) -> str:
    return f"no image found in {', '.join(map(redacted, inputs))}{_passed(counts)}"


def _summary(counts: Counter[str], began: float) -> str:
    rows = Counter({status: counts[status] for status in _STATUSES})
    return summary(rows, time.monotonic() - began)


def _passed(counts: Counter[str]) -> str:
    return passed_over(Skipped(counts["hidden"], counts["other"]))


def _progress(parts: Iterator["Counts"]) -> Iterator["Counts"]:
    """A count on stderr, where that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from parts
        return
    done = 0
    try:
        for each in parts:
            done += sum(each[status] for status in _STATUSES)
            click.echo(f"\r{done:,} images", nl=False, err=True)
            yield each
    finally:
        click.echo("\r\033[K", nl=False, err=True)  # it makes room for the summary


def _check_usage(options: dict[str, Any]) -> None:
    for name in _LOCAL:
        if options[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --engine local alone")
    output = options["output"]
    if not output or output == "-":
        raise click.UsageError("--engine ray writes parts into a folder: name it with -o FOLDER")
    if options["format_"] not in (None, "parquet"):
        raise click.UsageError(f"--engine ray writes Parquet, not {options['format_']}")
    if Path(output).suffix.lower() in _FILES and not Path(output).is_dir():
        raise click.UsageError(f"--engine ray writes parts into a folder, and not a file: {output}")
    if any(os.path.realpath(output) == os.path.realpath(name) for name in options["inputs"]):
        raise click.UsageError(f"{output} would be read and written into")
