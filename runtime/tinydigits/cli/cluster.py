"""`tinydigits classify --engine ray`: its options, and what it prints."""

import os
import time
from collections import Counter
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from tinydigits.cli.options import (
    check_there,
    open_classifier,
    open_stdin,
    row_settings,
    settings_of,
)
from tinydigits.cli.progress import progress
from tinydigits.cli.signals import stoppable
from tinydigits.cli.summary import no_image, say, skipped_text, summary
from tinydigits.cluster import actors as engine
from tinydigits.cluster import plan as parts
from tinydigits.cluster import ray_cluster as ray
from tinydigits.cluster.output import Store, store_at
from tinydigits.items import Skipped
from tinydigits.model import BUNDLED
from tinydigits.pipeline import Workers
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks.rows import Shown
from tinydigits.sources import Opening

# These work with --engine local alone.
_LOCAL = ("report", "watch", "settle", "sort_into", "sort_by", "dry_run", "save_fit")
_LEAVING = 30.0  # s: this machine's cluster takes seconds to end
_STATUSES = ("ok", "uncertain", "error")
_FILES = (".csv", ".jsonl", ".ndjson", ".json", ".txt", ".html")


def classify_parts(ctx: click.Context) -> NoReturn:
    """Let the actors of Ray read INPUTS into a folder of Parquet parts, and exit."""
    options = ctx.params
    _check_usage(options)
    check_there(options["inputs"])
    ray.import_ray()
    began = time.monotonic()
    inputs, output, workers = options["inputs"], options["output"], options["workers"]
    settings, batch_size = settings_of(options), options["batch_size"]
    classifier = open_classifier(settings)
    shown = Shown(classifier.info.labels, options["scores"], options["top_k"])
    store, counts = store_at(output), Counter[str]()
    parts.reach(store, options["resume"])
    address = options["ray_address"] or os.environ.get("RAY_ADDRESS") or "local"

    def so_far() -> str:
        return f"{_summary(counts, began)} · --resume goes on with {store}"

    with stoppable(so_far, longest=_LEAVING), ExitStack() as stack:
        if address != "local":  # before the inputs are listed, which may take long
            stack.enter_context(ray.connected(address, workers))
        skipped = Skipped()
        entries = parts.entries_of(inputs, Opening(settings.limits, skipped, open_stdin))
        rows = row_settings(classifier, "parquet", batch_size, shown.settings())
        plan, todo = parts.planned(entries, batch_size, rows)
        there = parts.there_already(store, plan) if todo else None
        counts.update(there or skipped)
        if todo and not there:
            if settings.model not in (None, *BUNDLED):  # actors start in another folder
                settings = replace(settings, model=os.path.abspath(settings.model))  # noqa: PTH100
            stored = isinstance(place_of(output), Location) and not plan.local
            folder = "" if stored else os.getcwd()  # noqa: PTH109
            needed = tuple(engine.needed(inputs, todo[0]))
            job = engine.Job(settings, shown, batch_size, output, plan, folder, needed)
            stack.enter_context(ray.connected(address, workers))
            _do(store, job, todo, workers, counts)
    skipped = Skipped({kind: count for kind, count in counts.items() if kind not in _STATUSES})
    if not _rows(counts):
        raise no_image(inputs, skipped)
    say(_summary(counts, began) + skipped_text(skipped))
    ctx.exit(1 if counts["error"] else 0)


def _do(
    store: Store, job: engine.Job, todo: list[parts.Part], workers: Workers, counts: Counter[str]
) -> None:
    """Have all parts read and written, and add their counts to `counts` as they arrive."""
    parts.begin(store, job.plan)
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115 - for what Ray prints
    with nowhere, redirect_stdout(nowhere), progress() as show:
        for each in engine.done(job, todo, workers):
            counts.update(each)
            show(f"{_rows(counts):,} images")
    if _rows(counts):
        parts.finish(store, job.plan, counts)
    else:
        parts.undo(store, job.plan)


def _rows(counts: Counter[str]) -> int:
    return sum(counts[status] for status in _STATUSES)


def _summary(counts: Counter[str], began: float) -> str:
    rows = Counter({status: counts[status] for status in _STATUSES})
    return summary(rows, time.monotonic() - began)


def _check_usage(options: dict[str, Any]) -> None:
    for name in _LOCAL:
        if options[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} works only with --engine local")
    output = options["output"]
    if not output or output == "-":
        raise click.UsageError("--engine ray writes parts into a folder: name it with -o FOLDER")
    shown = place_of(output)
    if options["format_"] not in (None, "parquet"):
        raise click.UsageError(f"--engine ray writes Parquet, not {options['format_']}")
    if Path(output).suffix.lower() in _FILES and not Path(output).is_dir():
        raise click.UsageError(f"--engine ray writes parts into a folder, not into a file: {shown}")
    if any(os.path.realpath(output) == os.path.realpath(name) for name in options["inputs"]):
        raise click.UsageError(f"{shown} is an input: name another folder with -o")
