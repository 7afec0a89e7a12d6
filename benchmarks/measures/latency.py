"""Latency of one image: from an array in memory to its scores."""

from functools import partial

import numpy as np

from benchmarks.harness.children import check_agreement, children
from benchmarks.harness.plan import RUN, Plan, bundle, each_model, test_images
from benchmarks.harness.results import Contestant, Finding, Race, Ratio, Target, best

TURNS = 15
BLOCK = 0.1  # s
# One image gains nothing from more than one thread, except by onnxruntime's own choice, which is
# there for whoever leaves it as it is.
CONTESTANTS = {
    "Keras predict": ("Keras predict", 1),
    "Keras model(x)": ("Keras model(x)", 1),
    "tf.function, compiled": ("tf.function", 1),
    "onnxruntime, 1 thread": ("onnxruntime", 1),
    "onnxruntime, its own threads": ("onnxruntime", 0),
    "LiteRT": ("LiteRT", 1),
    "LiteRT int8": ("LiteRT int8", 1),
    "NumPy": ("NumPy", 1),
    "C": ("C", 1),
    "Classifier.scores": ("Classifier.scores", 1),
    "classifier(image)": ("classifier(image)", 1),
}
OURS = "Classifier.scores"
KERAS = {"Keras model(x)": 60, "Keras predict": 2000}  # how many times as fast ours is to be
RAW = ("onnxruntime, 1 thread", "onnxruntime, its own threads")
ONE_LAYER = ("NumPy",)  # the networks that only `dense` is written for


def measure(plan: Plan) -> Finding:
    np.save(plan.scratch / "images.npy", test_images(plan)[:1000])
    races = tuple(_race(plan, name) for name in each_model(plan))
    turns = plan.turns(TURNS)
    return Finding(
        "latency",
        what="How long one image takes, from an array in memory, in the form that the contestant "
        "takes, to its scores (C: to its class and one score; `classifier(image)`: to a "
        "Prediction).",
        on="MNIST test digits, one after the other; each model's own exported files",
        how=f"{turns} turns of each contestant, in processes that stay alive; a turn runs for "
        f"{BLOCK} s and counts with its median; of each process the first turn is not counted",
        races=races,
    )


def _race(plan: Plan, name: str) -> Race:
    folder = bundle(plan, name, RUN)
    chosen = {
        called: network
        for called, network in CONTESTANTS.items()
        if called not in ONE_LAYER or name == "dense"
    }
    block = BLOCK / 5 if plan.short else BLOCK
    with children(chosen, folder, name, plan.scratch / "images.npy") as started:
        check_agreement(started)
        measures = {called: partial(child.seconds, 1, block) for called, child in started.items()}
        blocks = plan.alternated(measures, TURNS, name)
        contestants = tuple(
            Contestant(called, child.settings, tuple(1e6 * taken for taken in blocks[called]))
            for called, child in started.items()
        )
    ratios = [Ratio(OURS, best(contestants, RAW), Target(at_most=1.3))]
    for slow, least in KERAS.items():
        # For `conv` there is none: it runs for 50 µs, and `predict` for 50 ms whatever it runs.
        ratios.append(Ratio(slow, OURS, Target(at_least=least) if name == "dense" else None))
    compared = {OURS, *KERAS, *RAW}
    ratios += [Ratio(called, OURS) for called in chosen if called not in compared]
    title = f"{name}, one image"
    return Race(f"latency {name}", title, "µs", contestants, tuple(ratios))
