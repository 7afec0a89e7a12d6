"""Folders of PNG files, read by tinydigits and by what people use instead."""

import statistics
import sys
from functools import partial
from pathlib import Path

from benchmarks.harness.plan import TINYDIGITS, Plan, data, keras_file, write_files
from benchmarks.harness.processes import run
from benchmarks.harness.results import (
    Column,
    Contestant,
    Finding,
    Race,
    Ratio,
    Table,
    Target,
    Value,
)
from tinydigits.model import MODELS

TURNS = 5
COUNTS = (1_000, 10_000, 60_000)
SHORT_COUNTS = (50,)
WITHOUT_OPENCV = "import sys; sys.modules['cv2'] = None; from tinydigits.cli.main import run; run()"
OPENCV, PILLOW = "tinydigits, OpenCV", "tinydigits, Pillow"
CONV = "tinydigits, OpenCV, conv"
OURS = (OPENCV, PILLOW)
# How many times as fast tinydigits is to be: with OpenCV, with Pillow.
TARGETS = {"image_dataset": (5, 1.7), "tf.data": (3, 1.2), "cv2": (1.2, None)}
TENSORFLOW = ("image_dataset", "tf.data")
SETTINGS = {
    OPENCV: "tinydigits classify FOLDER -m dense -o out.csv",
    PILLOW: "the same without OpenCV",
    "tinydigits, OpenCV, 1 worker": "the same with --workers 1",
    "tinydigits, Pillow, 1 worker": "the same without OpenCV, --workers 1",
    CONV: "the first with -m conv, which nobody else runs here",
    "reading": "os-level reads of every file in one process, nothing done with the bytes",
    "cv2": "two threads of cv2.imread, onnxruntime by 256",
    "image_dataset": "image_dataset_from_directory as its documentation shows it, predict",
    "tf.data": "decode_png in parallel, batches of 256, prefetch, AUTOTUNE, predict",
}


def measure(plan: Plan) -> Finding:
    digits = data(plan).train
    keras = keras_file(plan, "dense")
    turns = plan.turns(TURNS)
    counts = [
        count for count in (SHORT_COUNTS if plan.short else COUNTS) if count <= len(digits.images)
    ]
    races: list[Race] = []
    peaks: dict[str, list[int]] = {}
    for count in counts:
        folder = plan.scratch / f"png-{count}"
        plan.say(f"writing {count:,} files")
        write_files(digits.images[:count], digits.labels[:count].tolist(), folder)
        peaks.clear()
        races.append(_race(plan, folder, count, keras, count == counts[-1], peaks))
    return Finding(
        "folders",
        what="How long it takes to read a folder of PNG files into a CSV of path, class and score. "
        "`reading` opens and reads the files and does nothing with them. `cv2` knows that every "
        "file is a 28×28 grey digit already, which tinydigits has to find out, and asks nothing of "
        "files that are broken.",
        on="MNIST training digits as PNG, in ten folders, in the cache of the system; `dense`, "
        "where nothing else is said",
        how=f"{turns} turns after one that warms up; whole processes, but of those with TensorFlow "
        "the time after its import; tinydigits with as many workers as it takes by itself, "
        "unless it says 1",
        races=tuple(races),
        tables=(_costs(counts, races, peaks),),
    )


def commands(folder: Path, out: Path, keras: Path) -> dict[str, list[str]]:
    classify = ["classify", str(folder), "-m", "dense", "-o", str(out)]
    pillow = [sys.executable, "-c", WITHOUT_OPENCV]
    contestant = [sys.executable, "-m", "benchmarks.rivals.folders"]
    onnx = str(MODELS / "dense.onnx")
    return {
        OPENCV: [*TINYDIGITS, *classify],
        PILLOW: [*pillow, *classify],
        CONV: [*TINYDIGITS, "classify", str(folder), "-m", "conv", "-o", str(out)],
        f"{OPENCV}, 1 worker": [*TINYDIGITS, *classify, "--workers", "1"],
        f"{PILLOW}, 1 worker": [*pillow, *classify, "--workers", "1"],
        "reading": [*contestant, "reading", str(folder), "", str(out)],
        "cv2": [*contestant, "cv2", str(folder), onnx, str(out)],
        **{name: [*contestant, name, str(folder), str(keras), str(out)] for name in TENSORFLOW},
    }


def _race(
    plan: Plan, folder: Path, count: int, keras: Path, last: bool, peaks: dict[str, list[int]]
) -> Race:
    """peaks: bytes of the largest process of each run are added to it."""

    def seconds(name: str, command: list[str]) -> float:
        ended = run(command)
        peaks.setdefault(name, []).append(ended.peak)
        return float(ended.lines[-1]) if name in TENSORFLOW else ended.seconds

    measures = {
        name: partial(seconds, name, command)
        for name, command in commands(folder, plan.scratch / "out.csv", keras).items()
    }
    blocks = plan.alternated(measures, TURNS, f"{count:,} files")
    ratios = [
        Ratio(other, ours, Target(at_least=least) if last and least else None, f"{other} ÷ {ours}")
        for at, ours in enumerate(OURS)
        for other in ("image_dataset", "tf.data", "cv2", "reading")
        for least in [TARGETS.get(other, (None, None))[at]]
    ]
    sides = tuple(Contestant(name, SETTINGS[name], blocks[name]) for name in measures)
    return Race(
        "folders", "folders of PNG files, by files", "s", sides, tuple(ratios), f"{count:,}", last
    )


def _costs(counts: list[int], races: list[Race], peaks: dict[str, list[int]]) -> Table:
    """What a file costs in folders of each size, and what each further one costs in the largest."""
    medians = [{c.name: c.spread.median for c in race.contestants} for race in races]
    columns = (
        Column("µs a file, of"),
        *(Column(f"{count:,}", ",.0f") for count in counts),
        Column("each further", ",.1f"),
        Column("largest process, MB", ",.0f"),
    )
    rows: list[tuple[Value, ...]] = []
    for name, sizes in peaks.items():
        each = [of[name] / count * 1e6 for of, count in zip(medians, counts, strict=True)]
        further = None
        if len(counts) > 1:
            more = medians[-1][name] - medians[-2][name]
            further = more / (counts[-1] - counts[-2]) * 1e6
        rows.append((name, *each, further, statistics.median(sizes) / 1e6))
    return Table("folders cost", "what a file costs as folders grow", columns, tuple(rows))
