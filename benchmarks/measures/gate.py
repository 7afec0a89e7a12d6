"""The short form for CI: ratios against a reference of the same run, held to bounds.

It needs no data and no TensorFlow. Absolute times say nothing on a machine that others use; ratios
do, and the bounds are generous: each is 1.2 to 2 times what they are. What this is to
catch is the change that makes something twice as slow.
"""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import ImageFilter

from benchmarks.harness.plan import TINYDIGITS, Plan, drawn_digits, write_files
from benchmarks.harness.processes import run
from benchmarks.harness.turns import Spread, ratios, spread
from benchmarks.measures.fit import pictures
from benchmarks.measures.start import IMPORTS
from tinydigits import Classifier
from tinydigits.fitting import fit
from tinydigits.model import MODELS

TURNS = 11
FILES = 3000
BLOCK = 0.05  # s

# What ÷ its reference may be, at most.
BOUNDS: Mapping[str, float] = {
    "Classifier.scores ÷ onnxruntime, 1 image": 1.5,
    "Classifier.scores ÷ onnxruntime, 256 images": 1.3,
    "fit of 128×128 ÷ a blur of it": 5.0,
    "folder of 3,000 files ÷ reading them": 9.0,
    "classify one picture ÷ its imports": 1.7,
}


class Held(NamedTuple):
    """A ratio and its bound."""

    name: str
    ratio: Spread
    bound: float

    @property
    def holds(self) -> bool:
        return self.ratio.median <= self.bound


def measure(plan: Plan) -> list[Held]:
    """Every ratio of BOUNDS."""
    pairs = {**_in_memory(), **_whole_processes(plan.scratch)}
    held = []
    for name, bound in BOUNDS.items():
        ours, reference = pairs[name]
        taken = plan.alternated({"ours": ours, "reference": reference}, TURNS, name)
        ratio = spread(ratios(taken["ours"], taken["reference"]))
        held.append(Held(name, ratio, bound))
    return held


Pair = tuple[Callable[[], float], Callable[[], float]]


def _in_memory() -> dict[str, Pair]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    path = str(MODELS / "dense.onnx")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    classifier = Classifier("dense")
    many = drawn_digits(256)
    one = many[:1]
    picture = pictures()["128×128"]
    blur = ImageFilter.GaussianBlur(8)

    def pair(ours: Callable[[], Any], reference: Callable[[], Any]) -> Pair:
        return (lambda: _seconds(ours)), (lambda: _seconds(reference))

    return {
        "Classifier.scores ÷ onnxruntime, 1 image": pair(
            lambda: classifier.scores(one), lambda: session.run(["scores"], {"images": one})
        ),
        "Classifier.scores ÷ onnxruntime, 256 images": pair(
            lambda: classifier.scores(many), lambda: session.run(["scores"], {"images": many})
        ),
        "fit of 128×128 ÷ a blur of it": pair(lambda: fit(picture), lambda: picture.filter(blur)),
    }


def _whole_processes(scratch: Path) -> dict[str, Pair]:
    folder, out = scratch / "png", str(scratch / "out.csv")
    images = drawn_digits(FILES)
    write_files(images, [place % 10 for place in range(FILES)], folder)
    classify = [*TINYDIGITS, "classify", "-m", "dense", "-o", out]
    reading = [
        sys.executable,
        "-m",
        "benchmarks.rivals.folders",
        "reading",
        str(folder),
        "",
        out,
    ]
    one = str(next(folder.glob("*/*.png")))
    imports = [sys.executable, "-c", IMPORTS]
    return {
        "folder of 3,000 files ÷ reading them": (
            lambda: run([*classify, str(folder)]).seconds,
            lambda: run(reading).seconds,
        ),
        "classify one picture ÷ its imports": (
            lambda: run([*classify, one]).seconds,
            lambda: run(imports).seconds,
        ),
    }


def _seconds(call: Callable[[], Any]) -> float:
    """The least time of a call, in BLOCK: whatever else runs on the machine only adds to it."""
    clock = time.perf_counter
    samples = []
    began = clock()
    while clock() - began < BLOCK:
        start = clock()
        for _ in range(5):
            call()
        samples.append((clock() - start) / 5)
    return min(samples)
