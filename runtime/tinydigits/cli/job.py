"""Job: read every input, write a row for each picture, and print the summary."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from typing import Any, NoReturn

import click

from tinydigits.bounds import Limits
from tinydigits.cli.options import check_there, open_stdin
from tinydigits.cli.progress import progress
from tinydigits.cli.signals import Stopper, stoppable
from tinydigits.cli.summary import needs, needs_text, no_image, say, skipped_text, summary
from tinydigits.items import Chunk, Skipped, chunked
from tinydigits.names import LATER_FRAMES, Kind, kind_of
from tinydigits.pipeline import Workers
from tinydigits.reading import Keep
from tinydigits.remote.location import Location, place_of
from tinydigits.sinks.outputs import Outputs
from tinydigits.sources import Opening, at_hand, open_inputs
from tinydigits.text import printable

WATCH_BATCH = 32  # images in a chunk: few, so that rows and signals wait less

Answering = Callable[[Iterable[Chunk], Workers, Keep], Generator[Any]]
"""Yields the answers of each chunk, with what a Keep asks for."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that a command reads and writes."""

    began: float  # when the command did, in s of the monotonic clock
    inputs: tuple[str, ...]
    limits: Limits
    workers: Workers
    batch_size: int
    answering: Answering
    outputs: Outputs
    settle: float | None = None  # s: how long a watched file has to be unchanged

    def do(self, ctx: click.Context) -> NoReturn:
        """Read all inputs, write their rows, print the summary, and exit with its status."""
        inputs, outputs, watch = self.inputs, self.outputs, self.outputs.grows
        skipped, counts, needed = Skipped(), Counter[str](), Counter[tuple[str, str]]()

        def so_far() -> str:
            earlier = outputs.earlier
            return summary(earlier + counts, time.monotonic() - self.began, earlier.total())

        def result() -> str:
            waits = outputs.output and not watch and outputs.resumed is None
            return f"{so_far()} · {outputs.output} is not written" if waits else so_far()

        with stoppable(result, raises=not watch) as stopper, ExitStack() as stack:
            if watch:
                chunks = _arriving(inputs, stopper, skipped, self.settle)
            else:
                opening = Opening(self.limits, skipped, open_stdin)
                chunks = stack.enter_context(_chunks(inputs, opening, self.batch_size))
            write = stack.enter_context(outputs.opened(inputs))
            chunks = at_hand(outputs.remaining(chunks), self.limits.max_bytes)
            answered = self.answering(chunks, 1 if watch else self.workers, outputs.keep)
            stack.enter_context(closing(answered))
            # A count would be mixed with rows where both go to a terminal.
            on_terminal = outputs.output is None and sys.stdout.isatty()
            show = stack.enter_context(progress(hidden=on_terminal, every=0.2))
            for answers in answered:
                with stopper.held():
                    write(answers)
                    counts.update(prediction.status for prediction in answers.predictions)
                    needed.update(needs(answers.predictions))
                    skipped[LATER_FRAMES] += answers.reading.in_part
                    show(f"{counts.total():,} images")
                if watch:  # it comes again when its writer has ended
                    _say_unsorted(outputs.unsorted)
                    outputs.unsorted.clear()
            if not counts + outputs.earlier and not watch:
                raise no_image(inputs, skipped)  # in here, so that -o replaces nothing
        _say_unsorted(outputs.unsorted)
        say(so_far() + needs_text(needed) + skipped_text(skipped))
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
