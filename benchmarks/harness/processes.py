"""Whole processes: how long they take, from their start to their end, and how large they grow."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.children import ContestantError
from benchmarks.harness.plan import ROOT

LAUNCH = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]


class Ended(NamedTuple):
    """A process that is over."""

    seconds: float
    peak: int
    """bytes: the most memory that its largest process held."""

    lines: list[str]
    """What it wrote to stdout."""


def run(command: Sequence[str], stdin: Path | None = None) -> Ended:
    """command: begins with the path of a program. Raises ContestantError where it fails."""
    with Path(stdin or os.devnull).open("rb") as source:
        done = subprocess.run(
            [*LAUNCH, *command], stdin=source, capture_output=True, text=True, cwd=ROOT, check=True
        )
    *lines, last = done.stdout.splitlines()
    seconds, peak, status = last.split()
    if int(status):
        raise ContestantError(f"{' '.join(command)} ended with {status}: {done.stderr[-2000:]}")
    return Ended(float(seconds), int(peak), lines)
