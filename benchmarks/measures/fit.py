"""CPU time that the fit of a decoded picture takes."""

import time
from functools import partial

from PIL import Image

from benchmarks.harness.pictures import sizes
from benchmarks.harness.plan import Plan
from benchmarks.harness.results import Check, Contestant, Finding, Race, Target
from tinydigits.fitting import fit

TURNS = 15
TARGETS = {"28×28, handed through": 10, "128×128": 500, "1280×960 photograph": 12_000}  # µs


def measure(plan: Plan) -> Finding:
    measures = {
        name: partial(_microseconds, picture, TARGETS[name]) for name, picture in sizes().items()
    }
    blocks = plan.alternated(measures, TURNS)
    sides = tuple(Contestant(name, "fit=auto", blocks[name]) for name in measures)
    return Finding(
        "fit",
        what="The time that `tinydigits.fit` takes to bring a decoded picture to 28×28.",
        on="pictures drawn like the example scans",
        how=f"{plan.turns(TURNS)} turns; CPU time of one core, which other programs disturb less",
        races=(Race("fit", "the fit of one picture", "µs of CPU time", sides),),
        checks=tuple(
            Check(f"fit, {side.name}", side.spread.median, Target(TARGETS[side.name]), unit="µs")
            for side in sides
        ),
    )


def _microseconds(picture: Image.Image, most: int) -> float:
    """Time the fit repeatedly. most: the target in µs, which sets the number of repeats."""
    times = max(3, 20_000 // most)
    began = time.process_time()
    for _ in range(times):
        fit(picture)
    return (time.process_time() - began) / times * 1e6
