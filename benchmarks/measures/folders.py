"""Folders of PNG files, read by tinydigits and by other programs."""

import csv
import sys
from functools import partial
from pathlib import Path

from benchmarks.harness.pictures import write_labelled
from benchmarks.harness.plan import Plan, data, keras_file
from benchmarks.harness.processes import TINYDIGITS, ContestantError, Ended, run
from benchmarks.harness.results import (
    Contestant,
    Finding,
    Race,
    Ratio,
    Table,
    Target,
    Value,
    columns,
)
from benchmarks.rivals.folders import TENSORFLOW
from tinydigits.bench.stats import spread
from tinydigits.model import MODELS

TURNS = 5
COUNTS = (1_000, 10_000, 60_000)
SHORT_COUNTS = (50,)
OURS, CONV, READING = "tinydigits", "tinydigits, conv", "reading"
# The target: how many times as fast tinydigits is.
TARGETS = {"image_dataset": 5, "tf.data": 3, "cv2": 1.2, READING: None}
SAME = 0.999  # the least share of the rows in which programs have to agree
SETTINGS = {
    OURS: "tinydigits classify FOLDER -m dense -o out.csv",
    f"{OURS}, 1 worker": "the same with --workers 1",
    CONV: "the first with -m conv; the other programs use dense",
    READING: "os-level reads of every file in one process, nothing done with the bytes",
    "cv2": "two threads of cv2.imread, onnxruntime in batches of 256",
    "image_dataset": "image_dataset_from_directory as its documentation shows it, predict",
    "tf.data": "decode_png in parallel, batches of 256, prefetch, AUTOTUNE, predict",
}


def measure(plan: Plan) -> Finding:
    digits = data(plan).train
    keras = keras_file(plan, "dense")
    # A bundle that was passed brings its own network, so that all contestants run the same one.
    onnx = keras.with_suffix(".onnx") if plan.bundles else MODELS / "dense.onnx"
    wanted, most = SHORT_COUNTS if plan.short else COUNTS, len(digits.images)
    counts = [count for count in wanted if count <= most]
    plan.skipped.extend(f"{count:,} files: MNIST has {most:,}" for count in wanted if count > most)
    races: list[Race] = []
    ended: dict[str, tuple[Ended, ...]] = {}
    for count in counts:
        folder = plan.scratch / f"png-{count}"
        plan.say(f"writing {count:,} files")
        write_labelled(digits.images[:count], digits.labels[:count].tolist(), folder)
        chosen = commands(folder, plan.scratch / f"rows-{count}", onnx, keras)
        measures = {name: partial(run, command) for name, command in chosen.items()}
        ended = plan.alternated(measures, TURNS, f"{count:,} files")
        races.append(_race(count, ended, count == counts[-1]))
        check_agreement({name: Path(command[-1]) for name, command in chosen.items()})
    return Finding(
        "folders",
        what="The time to read a folder of PNG files and write a CSV of path, class and score. "
        "`reading` only opens and reads the files. `cv2` relies on every file being a 28×28 grey "
        "digit, which tinydigits has to find out, and does not handle broken files.",
        on="MNIST training digits as PNG, in ten folders, in the cache of the system; with `dense` "
        "where `conv` is not named",
        how=f"{plan.turns(TURNS)} turns after one to warm up; the time of whole processes, but for "
        "those with TensorFlow the time after its import; tinydigits with its own number of "
        "workers where 1 is not named",
        races=tuple(races),
        tables=(_costs(counts, races, ended),),
    )


def commands(folder: Path, out: Path, onnx: Path, keras: Path) -> dict[str, list[str]]:
    """Return the command of each contestant; its last word is the file that it writes."""
    dense = ("classify", str(folder), "-m", str(onnx))
    ours: dict[str, tuple[str, ...]] = {
        OURS: (*TINYDIGITS, *dense),
        CONV: (*TINYDIGITS, "classify", str(folder), "-m", "conv"),
        f"{OURS}, 1 worker": (*TINYDIGITS, *dense, "--workers", "1"),
    }
    others = {READING: "", "cv2": str(onnx), **dict.fromkeys(TENSORFLOW, str(keras))}
    module = (sys.executable, "-m", "benchmarks.rivals.folders")
    words = {name: (*command, "-o") for name, command in ours.items()}
    words |= {name: (*module, name, str(folder), model) for name, model in others.items()}
    out.mkdir(exist_ok=True)
    return {
        name: [*command, str(out / f"{place}.csv")]
        for place, (name, command) in enumerate(words.items())
    }


def check_agreement(files: dict[str, Path]) -> None:
    """Raise ContestantError where a program with `dense` reads otherwise than the first."""
    first: dict[str, str] = {}
    for name, path in files.items():
        if name in (CONV, READING):
            continue
        with path.open(newline="") as file:
            found = {row[0]: row[1] for row in csv.reader(file) if row[0] != "path"}
        first = first or found
        same = sum(found.get(path) == label for path, label in first.items())
        if len(found) != len(first) or same < SAME * len(first):
            raise ContestantError(
                f"{name}: {same:,} of {len(found):,} rows are those of {next(iter(files))}, which "
                f"has {len(first):,}"
            )


def _race(count: int, ended: dict[str, tuple[Ended, ...]], last: bool) -> Race:
    """Return the times for one folder. Those of TensorFlow are the ones that it prints."""
    blocks = {
        name: tuple(float(e.lines[-1]) if name in TENSORFLOW else e.seconds for e in turns)
        for name, turns in ended.items()
    }
    ratios = tuple(
        Ratio(other, OURS, Target(at_least=least) if last and least else None, f"{other} ÷ {OURS}")
        for other, least in TARGETS.items()
    )
    sides = tuple(Contestant(name, SETTINGS[name], blocks[name]) for name in blocks)
    title = "folders of PNG files, by number of files"
    return Race("folders", title, "s", sides, ratios, f"{count:,}", last)


def _costs(counts: list[int], races: list[Race], ended: dict[str, tuple[Ended, ...]]) -> Table:
    """Return the time for a file in folders of each size, and for each more in the largest.

    ended: the processes that read the largest folder.
    """
    medians = [{c.name: c.spread.median for c in race.contestants} for race in races]
    heads = columns(
        "µs a file",
        *(f"{count:,}:,.0f" for count in counts),
        "each further:,.1f; largest process, MB:,.0f",
    )
    rows: list[tuple[Value, ...]] = []
    for name, turns in ended.items():
        each = [of[name] / count * 1e6 for of, count in zip(medians, counts, strict=True)]
        further = None
        if len(counts) > 1:
            more = medians[-1][name] - medians[-2][name]
            further = more / (counts[-1] - counts[-2]) * 1e6
        rows.append((name, *each, further, spread([e.peak / 1e6 for e in turns]).median))
    return Table("folders cost", "time for each file, by size of the folder", heads, tuple(rows))
