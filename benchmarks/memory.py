"""Memory of a long run against that of a short one: `python -m benchmarks.memory`.

Lists of 10,000 and of 1,000,000 entries, files repeating, are read by two workers. Targets: the
peaks of the largest process of each run lie within 20 MB, and no process needs more than 150 MB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCANS = Path(__file__).parents[1] / "examples" / "scans"
APART, EACH = 20, 150  # MB


def peak(entries: int, folder: Path) -> tuple[float, float]:
    """MB of the largest process of a run, and its seconds."""
    listed = folder / "list"
    names = [os.fsencode(path) for path in sorted(SCANS.iterdir()) if path.stat().st_size < 300]
    with listed.open("wb") as file:
        for place in range(entries):
            file.write(names[place % len(names)] + b"\n")
    command = [sys.executable, "-m", "benchmarks.memory", "--classify", str(folder / "out.csv")]
    began = time.perf_counter()
    with listed.open("rb") as stdin:
        run = subprocess.Popen(command, stdin=stdin, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(run.pid, 0)  # of the largest process that was waited for
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise RuntimeError(f"{command} ended with {run.returncode}")
    return usage.ru_maxrss * 1024 / 1e6, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--classify", help="used by this program itself")
    options = parser.parse_args()
    if options.classify:
        from tinydigits.cli import run as tinydigits

        words = ["-", "-m", "dense", "--workers", "2", "-o", options.classify]
        sys.argv = ["tinydigits", "classify", *words]
        tinydigits()
    peaks = []
    with tempfile.TemporaryDirectory() as scratch:
        for entries in (10_000, options.entries):
            megabytes, seconds = peak(entries, Path(scratch))
            peaks.append(megabytes)
            print(f"{entries:>9,} entries  peak {megabytes:6.1f} MB  in {seconds:6.1f} s")
    print(f"apart by {peaks[1] - peaks[0]:.1f} MB (target {APART}); a process at most {EACH} MB")


if __name__ == "__main__":
    main()
