"""`tinydigits classify --engine ray`: what of the command's options it goes with, and printing."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from tinydigits.classifier import Classifier
from tinydigits.cli.options import open_stdin, row_settings, settings_of
from tinydigits.cli.signals import Stopped, stoppable
from tinydigits.cli.summary import no_image, passed_over, say, summary
from tinydigits.items import Skipped
from tinydigits.model import BUNDLED
from tinydigits.pipeline import Workers
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks.rows import Shown
from tinydigits.sources import Opening

if TYPE_CHECKING:
    from tinydigits.cluster import actors as engine
    from tinydigits.cluster.actors import Counts
    from tinydigits.cluster.output import Store
    from tinydigits.cluster.plan import Part

# What one machine alone can do.
_LOCAL = ("report", "watch", "sort_into", "sort_by", "dry_run", "save_fit")
_STATUSES = ("ok", "uncertain", "error")
_FILES = (".csv", ".jsonl", ".ndjson", ".json", ".txt", ".html")


def classify_parts(ctx: click.Context) -> NoReturn:
    """Reads INPUTS by the actors of Ray, into a folder of Parquet parts."""
    options = ctx.params
    _check_usage(options)
    from tinydigits.cluster import actors as engine
    from tinydigits.cluster import plan as parts
    from tinydigits.cluster import ray_cluster as ray
    from tinydigits.cluster.output import store_at

    ray.import_ray()
    began = time.monotonic()
    inputs, output, workers = options["inputs"], options["output"], options["workers"]
    settings = settings_of(options)
    classifier = Classifier.of(settings)
    shown = Shown(classifier.info.labels, options["scores"], options["top_k"])
    store, counts = store_at(output), Counter[str]()
    parts.reach(store, options["resume"])

    def job_of(plan: "parts.Plan", todo: "list[parts.Part]") -> "engine.Job":
        model = settings.model
        if model not in (None, *BUNDLED):
            model = os.path.abspath(model)  # noqa: PTH100 - as the name is
        return engine.Job(
            settings=replace(settings, model=model),
            shown=shown,
            batch_size=options["batch_size"],
            output=output,
            plan=plan,
            folder=os.getcwd() if plan.local or not Location.parse(output) else "",  # noqa: PTH109
            inputs=tuple(engine.needed(inputs, todo[0])),
        )

    try:
        with stoppable(), ExitStack() as stack:
            address = options["ray_address"] or os.environ.get("RAY_ADDRESS") or "local"
            if address != "local":  # before the inputs are listed, which may take long
                stack.enter_context(ray.connected(address, workers))
            skipped = Skipped()
            entries = parts.entries_of(inputs, Opening(settings.limits, skipped, open_stdin))
            rows = row_settings(classifier, shown, "parquet", options["batch_size"])
            plan, todo = parts.planned(entries, options["batch_size"], rows)
            there = parts.there_already(store, plan) if todo else None
            counts.update(there or {"hidden": skipped.hidden, "other": skipped.other})
            if todo and not there:
                job = job_of(plan, todo)
                stack.enter_context(ray.connected(address, workers))
                with stoppable():  # once more, since Ray has taken SIGTERM for itself
                    _do(store, job, todo, workers, counts)
    except Stopped as stopped:
        say(f"stopped: {_summary(counts, began)} · --resume goes on with {store}")
        ctx.exit(stopped.exit_code)
    if not any(counts[status] for status in _STATUSES):
        raise no_image(inputs, Skipped(counts["hidden"], counts["other"]))
    say(_summary(counts, began) + _passed(counts))
    ctx.exit(1 if counts["error"] else 0)


def _do(
    store: "Store", job: "engine.Job", todo: "list[Part]", workers: Workers, counts: Counter[str]
) -> None:
    """All parts, of which `counts` tell as they get done."""
    from tinydigits.cluster import actors as engine
    from tinydigits.cluster import plan as parts

    parts.begin(store, job.plan)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        for each in _progress(engine.done(job, todo, workers)):
            counts.update(each)
    if any(counts[status] for status in _STATUSES):
        parts.finish(store, job.plan, counts)
    else:
        parts.undo(store, job.plan)


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
    shown = place_of(output)
    if options["format_"] not in (None, "parquet"):
        raise click.UsageError(f"--engine ray writes Parquet, not {options['format_']}")
    if Path(output).suffix.lower() in _FILES and not Path(output).is_dir():
        raise click.UsageError(f"--engine ray writes parts into a folder, and not a file: {shown}")
    if any(os.path.realpath(output) == os.path.realpath(name) for name in options["inputs"]):
        raise click.UsageError(f"{shown} would be read and written into")
