"""Throughput in memory, by batch size: from arrays to scores, on all CPUs of the process."""

from collections.abc import Mapping

import numpy as np

from benchmarks.harness.children import Child, children, timed
from benchmarks.harness.plan import Plan, bundle, test_images
from benchmarks.harness.results import Contestant, Finding, Race, Ratio, Target, best
from benchmarks.measures.latency import OURS, RAW
from tinydigits.classifier import BATCH_SIZE
from tinydigits.cpus import usable_cpus

TURNS = 9
BLOCK = 0.1  # s
BATCHES = (1, 8, 32, 64, 256, 1024, 4096)
SHORT_BATCHES = (1, 64)
# The target begins at the batch size of `Classifier.classify`. A call costs tinydigits 2 µs of its
# own, for which `latency` has a target; 64 images take `dense` 30 µs.
HELD_FROM = BATCH_SIZE


def measure(plan: Plan) -> Finding:
    np.save(plan.scratch / "images.npy", test_images(plan))
    races = tuple(race for name in plan.names for race in _races(plan, name))
    return Finding(
        "throughput",
        what="The number of images that a network answers in a second, from arrays in memory to "
        "scores, by the number of images in a call. `Classifier.classify` also looks whether each "
        "image is a model input, judges it and makes a Prediction; it uses one process here.",
        on="MNIST test digits; each model's own exported files",
        how=f"{plan.turns(TURNS)} turns of each contestant, in processes that stay alive; a turn "
        f"takes {BLOCK} s, or two calls, and counts with its median",
        races=races,
    )


def contestants() -> dict[str, tuple[str, int]]:
    """Return name → network and threads; 0 lets the network choose, which is all CPUs."""
    cpus = usable_cpus()
    return {
        "Keras predict": ("Keras predict", 0),
        "tf.function": ("tf.function, uncompiled", 0),
        "LiteRT, 1 thread": ("LiteRT", 1),
        f"LiteRT, {cpus} threads": ("LiteRT", cpus),
        "onnxruntime, 1 thread": ("onnxruntime", 1),
        "onnxruntime, its own threads": ("onnxruntime", 0),
        "Classifier.scores": ("Classifier.scores", 0),
        "Classifier.scores, NumPy, 1 thread": ("Classifier.scores, NumPy", 1),
        "Classifier.classify": ("Classifier.classify", 1),
    }


def _races(plan: Plan, name: str) -> list[Race]:
    folder = bundle(plan, name)
    with children(contestants(), folder, name, plan.scratch / "images.npy") as started:
        batches = SHORT_BATCHES if plan.short else BATCHES
        return [_race(plan, name, started, batch) for batch in batches]


def _race(plan: Plan, name: str, started: Mapping[str, Child], batch: int) -> Race:
    case = f"{batch:,}"
    blocks = timed(plan, started, batch, BLOCK, TURNS, f"{name}, {case} images")
    sides = tuple(
        Contestant(called, child.settings, tuple(batch / taken for taken in blocks[called]))
        for called, child in started.items()
    )
    target = Target(at_least=0.95) if batch >= HELD_FROM else None
    label = "Classifier.scores ÷ faster onnxruntime"
    ratio = Ratio(OURS, best(sides, RAW, most=True), target, label)
    title = f"{name}, by images in a call"
    return Race(f"throughput {name}", title, "images/s", sides, (ratio,), case)
