"""How long the fit takes, beyond decoding."""

import time
from functools import partial

import numpy as np
from PIL import Image

from benchmarks.harness.plan import Plan
from benchmarks.harness.results import Check, Contestant, Finding, Race, Target
from examples import draw_scans as scans
from tinydigits.fitting import fit

TURNS = 15
TARGETS = {"28×28, handed through": 10, "128×128": 500, "1280×960 photograph": 12_000}  # µs


def pictures() -> dict[str, Image.Image]:
    """What is fitted, drawn as the example scans are."""
    placed = fit(scans.white_on_black(scans.mask(5, (64, 64), 0.07, 1), 0)).pixels
    grey = (255 - 255 * scans.mask(5, (128, 128), 0.06, 1)).astype(np.uint8)
    return {
        "28×28, handed through": Image.fromarray(placed),
        "128×128": Image.fromarray(grey),
        "1280×960 photograph": scans.blue_pen(scans.mask(5, (1280, 960), 0.05, 1), 1),
    }


def measure(plan: Plan) -> Finding:
    turns = plan.turns(TURNS)
    measures = {
        name: partial(_microseconds, picture, TARGETS[name]) for name, picture in pictures().items()
    }
    blocks = plan.alternated(measures, TURNS)
    sides = tuple(Contestant(name, "fit=auto", blocks[name]) for name in measures)
    return Finding(
        "fit",
        what="How long `tinydigits.fitting.fit` takes to bring a decoded picture to 28×28.",
        on="pictures drawn as the example scans are",
        how=f"{turns} turns; CPU time of one core, so that a busy machine blurs the figures less",
        races=(Race("fit", "the fit of one picture", "µs of CPU time", sides),),
        checks=tuple(
            Check(f"fit, {side.name}", side.spread.median, Target(TARGETS[side.name]), unit="µs")
            for side in sides
        ),
    )


def _microseconds(picture: Image.Image, most: int) -> float:
    """most: the target, which tells how often to repeat it."""
    times = max(3, 20_000 // most)
    began = time.process_time()
    for _ in range(times):
        fit(picture)
    return (time.process_time() - began) / times * 1e6
