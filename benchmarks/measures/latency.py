"""Latency of one image, from an array in memory to its scores."""

import numpy as np

from benchmarks.harness.children import children, timed
from benchmarks.harness.plan import Plan, bundle, test_images
from benchmarks.harness.results import Contestant, Finding, Race, Ratio, Target, best

TURNS = 15
BLOCK = 0.1  # s
# One image gains nothing from a second thread. onnxruntime is also measured with its own choice,
# which is the default.
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
    "Classifier.scores, NumPy": ("Classifier.scores, NumPy", 1),
    "classifier(image)": ("classifier(image)", 1),
}
OURS = "Classifier.scores"
KERAS = {"Keras model(x)": 60, "Keras predict": 2000}  # the target: how many times as fast ours is
RAW = ("onnxruntime, 1 thread", "onnxruntime, its own threads")
ONE_LAYER = ("NumPy",)  # networks that are written for `dense` only


def measure(plan: Plan) -> Finding:
    np.save(plan.scratch / "images.npy", test_images(plan)[:1000])
    races = tuple(_race(plan, name) for name in plan.names)
    return Finding(
        "latency",
        what="The time for one image, from an array in memory, in the form that the contestant "
        "takes, to its scores. C returns the class and one score, `classifier(image)` a "
        "Prediction.",
        on="MNIST test digits, one after the other; each model's own exported files",
        how=f"{plan.turns(TURNS)} turns of each contestant, in processes that stay alive; a turn "
        f"takes {BLOCK} s and counts with its median; the first turn of each process is not "
        "counted",
        races=races,
    )


def _race(plan: Plan, name: str) -> Race:
    folder = bundle(plan, name)
    chosen = {
        called: network
        for called, network in CONTESTANTS.items()
        if called not in ONE_LAYER or name == "dense"
    }
    with children(chosen, folder, name, plan.scratch / "images.npy") as started:
        blocks = timed(plan, started, 1, BLOCK, TURNS, name)
    contestants = tuple(
        Contestant(called, child.settings, tuple(1e6 * taken for taken in blocks[called]))
        for called, child in started.items()
    )
    ratios = [Ratio(OURS, best(contestants, RAW), Target(at_most=1.3))]
    for slow, least in KERAS.items():
        # `conv` has no target: it takes 50 µs, while `predict` takes 40 ms for any network.
        ratios.append(Ratio(slow, OURS, Target(at_least=least) if name == "dense" else None))
    compared = {OURS, *KERAS, *RAW}
    ratios += [Ratio(called, OURS) for called in chosen if called not in compared]
    return Race(f"latency {name}", f"{name}, one image", "µs", contestants, tuple(ratios))
