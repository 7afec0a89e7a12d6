"""Summary: the sentences on stderr that end a command that reads pictures."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

import click

from tinydigits.errors import MissingExtra, SourceError
from tinydigits.items import Skipped
from tinydigits.judging import Prediction
from tinydigits.names import HIDDEN, LATER_FRAMES, LINK, OTHER, shown
from tinydigits.numbers import Number
from tinydigits.remote.location import place_of, redacted_in


def say(sentence: str) -> None:
    """Print a sentence on stderr, if that is possible."""
    with suppress(OSError):  # a closed stderr changes nothing
        click.echo(redacted_in(sentence), err=True)


def summary(counts: Counter[str], seconds: float, earlier: int = 0) -> str:
    """Return the last line of a run: `counts` by status, `earlier` of them from an earlier run."""
    total = counts.total()
    return (
        f"{total:,} image{'' if total == 1 else 's'}: {counts['ok']:,} ok, "
        f"{counts['uncertain']:,} uncertain, {counts['error']:,} unreadable · "
        f"{seconds:.1f} s ({(total - earlier) / max(seconds, 1e-9):,.0f}/s)"
    )


_PLURALS = {
    HIDDEN: HIDDEN,
    LINK: "links to folders",
    LATER_FRAMES: "files after their first frames",
    "picture of another format": "pictures of other formats",
    "file of arrays": "files of arrays",
}


def skipped_text(skipped: Skipped) -> str:
    """Return what was skipped, to be put after a summary; empty if nothing was."""
    counted = _counted(sorted(skipped.items(), key=lambda each: each[0] == OTHER))
    return f" · skipped: {counted}" if counted else ""


def _counted(kinds: Iterable[tuple[str, int]]) -> str:
    return ", ".join(
        f"{count:,} {kind if count == 1 else _PLURALS.get(kind, f'{kind}s')}"
        for kind, count in kinds
        if count
    )


def needs(answers: Iterable[Prediction | Number]) -> Iterator[tuple[str, str]]:
    """Yield the kind of each picture that an optional package would read, and what installs it."""
    for answer in answers:
        if answer.status == "error" and (need := MissingExtra.in_reason(answer.reason or "")):
            yield need


def needs_text(needed: Counter[tuple[str, str]]) -> str:
    """Return which pictures need what to be installed, to be put after a summary."""
    commands = dict.fromkeys(command for _, command in needed)
    return "".join(
        f" · {_counted((kind, n) for (kind, each), n in needed.items() if each == command)}: "
        f"{command}"
        for command in commands
    )


def no_image(inputs: Iterable[str], skipped: Skipped) -> SourceError:
    """Return the error of a run that found no picture."""
    names = ", ".join(shown(place_of(name)) for name in inputs)
    return SourceError(f"no image found in {names}{skipped_text(skipped)}")
