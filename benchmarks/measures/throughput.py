"""Throughput in memory, by batch size: from arrays to scores, on all CPUs that the process has."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from benchmarks.harness.children import Child, check_agreement, children
from benchmarks.harness.plan import Plan, bundle, each_model, test_images
from benchmarks.harness.results import Contestant, Finding, Race, Ratio, Target, best
from tinydigits.classifier import BATCH_SIZE
from tinydigits.cpus import usable_cpus

TURNS = 9
BLOCK = 0.1  # s
BATCHES = (1, 8, 32, 64, 256, 1024, 4096)
SHORT_BATCHES = (1, 64)
# From the batch size of `Classifier.classify` on. A call costs tinydigits 2 µs of its own, which
# `latency` holds; of `dense`, 64 images take 30.
HELD_FROM = BATCH_SIZE
OURS = "Classifier.scores"
RAW = ("onnxruntime, 1 thread", "onnxruntime, its own threads")


def measure(plan: Plan) -> Finding:
    np.save(plan.scratch / "images.npy", test_images(plan))
    turns = plan.turns(TURNS)
    races = tuple(race for name in each_model(plan) for race in _races(plan, name))
    return Finding(
        "throughput",
        what="How many images a second a network answers, from arrays in memory to scores, by the "
        "number of images in a call. `Classifier.classify` also looks whether each is a model "
        "input already, judges it and makes a Prediction; it is one process here.",
        on="MNIST test digits; each model's own exported files",
        how=f"{turns} turns of each contestant, in processes that stay alive; a turn runs for "
        f"{BLOCK} s, or two calls, and counts with its median",
        races=races,
    )


def contestants() -> dict[str, tuple[str, int]]:
    """What it is called → network and threads; 0: its own choice, which is all CPUs."""
    cpus = usable_cpus()
    return {
        "Keras predict": ("Keras predict", 0),
        "tf.function": ("tf.function, uncompiled", 0),
        "LiteRT, 1 thread": ("LiteRT", 1),
        f"LiteRT, {cpus} threads": ("LiteRT", cpus),
        "onnxruntime, 1 thread": ("onnxruntime", 1),
        "onnxruntime, its own threads": ("onnxruntime", 0),
        "Classifier.scores": ("Classifier.scores", 0),
        "Classifier.classify": ("Classifier.classify", 1),
    }


def _races(plan: Plan, name: str) -> list[Race]:
    folder = bundle(plan, name, ("onnx", "tflite"))
    with children(contestants(), folder, name, plan.scratch / "images.npy") as started:
        check_agreement(started)
        batches = SHORT_BATCHES if plan.short else BATCHES
        return [_race(plan, name, started, batch) for batch in batches]


def _race(plan: Plan, name: str, started: Mapping[str, Child], batch: int) -> Race:
    case, block = f"{batch:,}", BLOCK / 5 if plan.short else BLOCK
    measures = {called: partial(child.seconds, batch, block) for called, child in started.items()}
    blocks = plan.alternated(measures, TURNS, f"{name}, {case} images")
    sides = tuple(
        Contestant(called, child.settings, tuple(batch / taken for taken in blocks[called]))
        for called, child in started.items()
    )
    target = Target(at_least=0.95) if batch >= HELD_FROM else None
    label = "Classifier.scores ÷ faster onnxruntime"
    ratio = Ratio(OURS, best(sides, RAW, most=True), target, label)
    title = f"{name}, by images in a call"
    return Race(f"throughput {name}", title, "images/s", sides, (ratio,), case)
