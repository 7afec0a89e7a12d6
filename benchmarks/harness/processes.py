"""Whole processes: how long they take from start to end, and how much memory they need."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tinydigits.bench.tasks import COMMAND
from tinydigits.errors import TinydigitsError

ROOT = Path(__file__).parents[2]
TINYDIGITS = (sys.executable, "-c", COMMAND)
LAUNCH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))


class ContestantError(TinydigitsError):
    """A contestant cannot be measured; the message says why."""

    exit_code = 1


class Ended(NamedTuple):
    """A process that has ended."""

    seconds: float
    cpu: float  # s of CPU time, of it and the processes that it waited for
    peak: int  # the most memory that its largest process held, in bytes
    lines: list[str]  # its stdout
    errors: str  # its stderr


def run(command: Sequence[str], stdin: Path | None = None) -> Ended:
    """Run a command that begins with the path of a program. Raises ContestantError if it fails."""
    # An installed package has bytecode files. So a source tree writes them in the first turn, which
    # does not count: else each start would compile 50 modules, for 0.06 s of 0.26.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    with Path(stdin or os.devnull).open("rb") as source:
        done = subprocess.run(
            [*LAUNCH, *command],
            stdin=source,
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
            env=environment,
        )
    *lines, last = done.stdout.splitlines()
    seconds, cpu, peak, status = last.split()
    if int(status):
        said = done.stderr.strip()[-2000:]
        raise ContestantError(f"{' '.join(command)} ended with {status}: {said}")
    return Ended(float(seconds), float(cpu), int(peak), lines, done.stderr)
