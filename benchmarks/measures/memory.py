"""Memory of a long run compared with that of a short one."""

import os
from pathlib import Path

from benchmarks.harness.pictures import drawn_digits, write_labelled
from benchmarks.harness.plan import Plan
from benchmarks.harness.processes import ROOT, TINYDIGITS, run
from benchmarks.harness.results import Check, Finding, Table, Target, columns

SCANS = ROOT / "examples" / "scans"
ENTRIES = (10_000, 1_000_000)
SHORT_ENTRIES = (100, 3000)
APART, EACH = 20, 150  # MB


def measure(plan: Plan) -> Finding:
    rows = []
    for entries in SHORT_ENTRIES if plan.short else ENTRIES:
        plan.say(f"{entries:,} entries")
        rows.append((entries, *peak(entries, plan.scratch)))
    heads = columns("entries:,d; peak, MB:,.1f; s:,.1f")
    (_, short, _), (_, long, _) = rows
    return Finding(
        "memory",
        what="The peak memory of the largest process of `tinydigits classify - --workers 2`, for "
        "a list of files and for a list that is a hundred times as long.",
        on="40 drawn digits of 28×28 and the smallest example scans, repeated; `dense`",
        how="one run each",
        tables=(Table("memory", "memory of long lists", heads, tuple(rows)),),
        checks=(
            Check("difference of the two peaks", long - short, Target(APART), unit="MB"),
            Check("largest process", long, Target(EACH), unit="MB"),
        ),
    )


def peak(entries: int, folder: Path) -> tuple[float, float]:
    """Return the MB of the largest process of a run, and the seconds of the run."""
    listed = folder / "list"
    write_labelled(drawn_digits(40), [0] * 40, folder)
    scans = [path for path in sorted(SCANS.iterdir()) if path.stat().st_size < 300]
    names = [os.fsencode(path) for path in [*sorted((folder / "0").iterdir()), *scans]]
    with listed.open("wb") as file:
        for place in range(entries):
            file.write(names[place % len(names)] + b"\n")
    words = ["classify", "-", "-m", "dense", "--workers", "2", "-o", str(folder / "rows.csv")]
    ended = run([*TINYDIGITS, *words], listed)
    return ended.peak / 1e6, ended.seconds
