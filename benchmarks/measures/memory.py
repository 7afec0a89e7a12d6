"""Memory of a long run against that of a short one."""

import os
from pathlib import Path

from benchmarks.harness.plan import ROOT, TINYDIGITS, Plan, drawn_digits, write_files
from benchmarks.harness.processes import run
from benchmarks.harness.results import Check, Column, Finding, Table, Target

SCANS = ROOT / "examples" / "scans"
ENTRIES = (10_000, 1_000_000)
SHORT_ENTRIES = (100, 3000)
APART, EACH = 20, 150  # MB


def measure(plan: Plan) -> Finding:
    rows = []
    for entries in SHORT_ENTRIES if plan.short else ENTRIES:
        plan.say(f"{entries:,} entries")
        megabytes, seconds = peak(entries, plan.scratch)
        rows.append((entries, megabytes, seconds))
    columns = (Column("entries", ",d"), Column("peak, MB", ",.1f"), Column("s", ",.1f"))
    (_, short, _), (_, long, _) = rows
    return Finding(
        "memory",
        what="How large the largest process of `tinydigits classify - --workers 2` grows over a "
        "list of files, and over one that is a hundred times as long.",
        on="40 drawn digits of 28×28 and the smallest example scans, again and again; `dense`",
        how="one run each",
        tables=(Table("memory", "memory of long lists", columns, tuple(rows)),),
        checks=(
            Check("peaks of the two runs, apart", long - short, Target(APART), unit="MB"),
            Check("largest process", long, Target(EACH), unit="MB"),
        ),
    )


def peak(entries: int, folder: Path) -> tuple[float, float]:
    """MB of the largest process of a run, and its seconds."""
    listed = folder / "list"
    write_files(drawn_digits(40), [0] * 40, folder)
    scans = [path for path in sorted(SCANS.iterdir()) if path.stat().st_size < 300]
    names = [os.fsencode(path) for path in [*sorted((folder / "0").iterdir()), *scans]]
    with listed.open("wb") as file:
        for place in range(entries):
            file.write(names[place % len(names)] + b"\n")
    words = ["classify", "-", "-m", "dense", "--workers", "2", "-o", str(folder / "rows.csv")]
    ended = run([*TINYDIGITS, *words], listed)
    return ended.peak / 1e6, ended.seconds
