"""Start: from nothing to the first answer, in time, memory and disk."""

import re
import sys
from collections.abc import Iterable
from functools import partial
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from PIL import Image

import tinydigits
from benchmarks.harness.plan import Plan, bundle, drawn_digits
from benchmarks.harness.processes import run
from benchmarks.harness.results import Column, Contestant, Finding, Race, Ratio, Table, Target
from benchmarks.harness.turns import spread

TURNS = 9
OURS, LEAST, LITE = "tinydigits classify", "imports alone", "LiteRT"
KERAS = ("Keras model(x)", "Keras predict")
TARGET = 1.25  # × the imports: what the command may take
IMPORTS = "import numpy, onnxruntime, PIL.Image"
LIBRARY = """
import sys
from tinydigits import Classifier
print(Classifier("dense")(sys.argv[1]).label)
"""
WITH_LITERT = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
network = Interpreter(sys.argv[2], num_threads=1)
network.allocate_tensors()
pixels = np.asarray(Image.open(sys.argv[1]))[None]
network.set_tensor(network.get_input_details()[0]["index"], pixels)
network.invoke()
print(network.get_tensor(network.get_output_details()[0]["index"]).argmax())
"""
WITH_KERAS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from PIL import Image
network = keras.saving.load_model(sys.argv[2], compile=False)
pixels = np.asarray(Image.open(sys.argv[1]), np.float32).reshape(1, 784) / 255
print(np.asarray({call}).argmax())
"""
# What each needs to be installed, of which the rest follows.
NEEDS = {
    "tinydigits": ("tinydigits",),
    "LiteRT with NumPy and Pillow": ("ai-edge-litert", "numpy", "pillow"),
    "TensorFlow with Pillow": ("tensorflow", "pillow"),
}


def measure(plan: Plan) -> Finding:
    folder = bundle(plan, "dense", ("tflite",))
    picture = plan.scratch / "digit.png"
    Image.fromarray(drawn_digits(8)[7]).save(picture)
    race, memory = _race(plan, folder, picture)
    turns = plan.turns(TURNS)
    return Finding(
        "start",
        what="How long it takes from starting a process to the end of it, with one 28×28 PNG read "
        "in between, and how large it grows; and what has to be installed for it. "
        f"`{LEAST}` is Python with `{IMPORTS}`.",
        on="a drawn digit; `dense`, each in its own format",
        how=f"{turns} turns of fresh processes after one that warms the cache; memory: the "
        "most that was resident, the median of the turns; installed: the sizes of all files of "
        "a distribution and of those that it requires, without extras. tinydigits is "
        f"{'an editable install, which takes longer to find' if editable() else 'installed'}",
        races=(race,),
        tables=(memory, installed()),
    )


def commands(folder: Path, picture: Path) -> dict[str, list[str]]:
    python = sys.executable
    keras = str(folder / "dense.keras")
    calls = ("network(pixels)", "network.predict(pixels, verbose=0)")
    return {
        LEAST: [python, "-c", IMPORTS],
        OURS: [str(Path(python).with_name("tinydigits")), "classify", str(picture), "-m", "dense"],
        "tinydigits.Classifier": [python, "-c", LIBRARY, str(picture)],
        LITE: [python, "-c", WITH_LITERT, str(picture), str(folder / "dense.tflite")],
        **{
            name: [python, "-c", WITH_KERAS.format(call=call), str(picture), keras]
            for name, call in zip(KERAS, calls, strict=True)
        },
    }


def _race(plan: Plan, folder: Path, picture: Path) -> tuple[Race, Table]:
    peaks: dict[str, list[float]] = {}

    def milliseconds(name: str, command: list[str]) -> float:
        ended = run(command)
        peaks.setdefault(name, []).append(ended.peak / 1e6)
        return ended.seconds * 1000

    chosen = commands(folder, picture)
    measures = {name: partial(milliseconds, name, command) for name, command in chosen.items()}
    blocks = plan.alternated(measures, TURNS)
    ratios = [Ratio(OURS, LEAST, Target(at_most=TARGET))]
    ratios += [Ratio(name, OURS) for name in (LITE, *KERAS)]
    sides = tuple(Contestant(name, "", blocks[name]) for name in chosen)
    race = Race("start", "one picture, from nothing to its answer", "ms", sides, tuple(ratios))
    columns = (Column(""), Column("peak, MB", ",.0f"))
    rows = tuple((name, spread(values).median) for name, values in peaks.items())
    return race, Table("start memory", "memory, one picture", columns, rows)


def editable() -> bool:
    """tinydigits runs from a working tree."""
    return "site-packages" not in Path(tinydigits.__file__).parts


def installed() -> Table:
    """MB on disk, of what each needs."""
    columns = (
        Column(""),
        Column("distributions", "d"),
        Column("MB", ",.1f"),
        Column("without", ""),
    )
    rows = []
    for name, roots in NEEDS.items():
        found, absent = required(roots)
        size = sum(map(_size, found.values())) / 1e6
        rows.append((name, len(found), size, ", ".join(sorted(absent)) or None))
    return Table("start installed", "installed", columns, tuple(rows))


def required(roots: Iterable[str]) -> tuple[dict[str, Distribution], set[str]]:
    """The distributions that `roots` need on this machine, with themselves; and those that are
    required and not installed.
    """
    found: dict[str, Distribution] = {}
    absent: set[str] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            absent.add(name)
            continue
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement)
    return found, absent


def _size(found: Distribution) -> int:
    """bytes of its files. tinydigits, which is often installed from a working tree, is counted
    where it lies: the runtime alone."""
    if found.name == "tinydigits":
        package = Path(tinydigits.__file__).parent
        paths = [path for path in package.rglob("*") if path.is_file()]
    else:
        paths = [Path(str(file.locate())) for file in found.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())
