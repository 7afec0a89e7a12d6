"""The benchmark for CI: ratios to a reference in the same run, and their bounds.

It needs no data and no TensorFlow. On a machine that others use absolute times mean little, but
ratios do not change much. Each bound is 1.2 to 2 times the usual ratio: the gate finds a change
that makes something twice as slow.
"""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import ImageFilter

from benchmarks.harness.pictures import drawn_digits, sizes, write_labelled
from benchmarks.harness.plan import Plan
from benchmarks.harness.processes import TINYDIGITS, run
from benchmarks.rivals.first_answer import IMPORTS
from benchmarks.rivals.networks import onnxruntime
from tinydigits import Classifier
from tinydigits.bench.stats import Spread, ratios, spread
from tinydigits.fitting import fit
from tinydigits.model import MODELS

TURNS = 11
FILES = 3000
BLOCK = 0.05  # s

# Name → the largest ratio that is allowed.
BOUNDS: Mapping[str, float] = {
    "Classifier.scores ÷ onnxruntime, 1 image": 1.5,
    "Classifier.scores ÷ onnxruntime, 256 images": 1.3,
    "fit of 128×128 ÷ a blur of it": 5.0,
    "folder of 3,000 files ÷ reading them": 9.0,
    "classify one picture ÷ its imports": 1.7,
}
Pair = tuple[Callable[[], float], Callable[[], float]]


class Held(NamedTuple):
    """A ratio and its bound."""

    name: str
    ratio: Spread
    bound: float

    @property
    def holds(self) -> bool:
        return self.ratio.median <= self.bound


def measure(plan: Plan) -> list[Held]:
    """Measure every ratio of BOUNDS."""
    pairs = [*_in_memory(), *_whole_processes(plan.scratch)]
    held = []
    for (name, bound), (ours, reference) in zip(BOUNDS.items(), pairs, strict=True):
        taken = plan.alternated({"ours": ours, "reference": reference}, TURNS, name)
        held.append(Held(name, spread(ratios(taken["ours"], taken["reference"])), bound))
    return held


def _in_memory() -> list[Pair]:
    onnx = onnxruntime(MODELS, "dense", 1).answer
    scores = Classifier("dense").scores
    many = drawn_digits(256)
    one = many[:1]
    picture = sizes()["128×128"]
    blur = ImageFilter.GaussianBlur(8)

    def pair(ours: Callable[[], Any], reference: Callable[[], Any]) -> Pair:
        return (lambda: _seconds(ours)), (lambda: _seconds(reference))

    return [
        pair(lambda: scores(one), lambda: onnx(one)),
        pair(lambda: scores(many), lambda: onnx(many)),
        pair(lambda: fit(picture), lambda: picture.filter(blur)),
    ]


def _whole_processes(scratch: Path) -> list[Pair]:
    folder, out = scratch / "png", str(scratch / "out.csv")
    write_labelled(drawn_digits(FILES), [place % 10 for place in range(FILES)], folder)
    classify = [*TINYDIGITS, "classify", "-m", "dense", "-o", out]
    module = [sys.executable, "-m", "benchmarks.rivals.folders"]
    one = str(next(folder.glob("*/*.png")))

    def pair(ours: list[str], reference: list[str]) -> Pair:
        return (lambda: run(ours).seconds), (lambda: run(reference).seconds)

    return [
        pair([*classify, str(folder)], [*module, "reading", str(folder), "", out]),
        pair([*classify, one], [sys.executable, "-c", IMPORTS]),
    ]


def _seconds(call: Callable[[], Any]) -> float:
    """Return the shortest time of a call in BLOCK: other programs can only add to it."""
    clock = time.perf_counter
    samples = []
    began = clock()
    while clock() - began < BLOCK:
        start = clock()
        for _ in range(5):
            call()
        samples.append((clock() - start) / 5)
    return min(samples)
