"""Time, memory and disk from nothing to the first answer."""

import re
import sys
from collections.abc import Iterable
from functools import partial
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from PIL import Image

import tinydigits
from benchmarks.harness.pictures import drawn_digits
from benchmarks.harness.plan import Plan, bundle
from benchmarks.harness.processes import Ended, run
from benchmarks.harness.results import Contestant, Finding, Race, Ratio, Table, Target, columns
from benchmarks.rivals.first_answer import IMPORTS, KERAS, LIBRARY, LITERT
from tinydigits.bench.stats import spread

TURNS = 9
OURS, LEAST, LITE = "tinydigits classify", "imports alone", "LiteRT"
TARGET = 1.25  # × the time of the imports
# The distributions to install; the rest follows from what they require.
NEEDS = {
    "tinydigits": ("tinydigits",),
    "LiteRT with NumPy and Pillow": ("ai-edge-litert", "numpy", "pillow"),
    "TensorFlow with Pillow": ("tensorflow", "pillow"),
}


def measure(plan: Plan) -> Finding:
    folder = bundle(plan, "dense")
    picture = plan.scratch / "digit.png"
    Image.fromarray(drawn_digits(8)[7]).save(picture)
    measures = {name: partial(run, each) for name, each in commands(folder, picture).items()}
    ended = plan.alternated(measures, TURNS)
    heads = columns("; peak, MB:,.0f")
    peaks = tuple(
        (name, spread([each.peak / 1e6 for each in turns]).median) for name, turns in ended.items()
    )
    return Finding(
        "start",
        what="The time and the memory of a process that starts, reads one 28×28 PNG and ends; and "
        f"the size of the packages that it needs. `{LEAST}` is Python with `{IMPORTS}`.",
        on="a drawn digit; `dense`, each in its own format",
        how=f"{plan.turns(TURNS)} turns of fresh processes after one to warm the cache; memory: "
        "the peak that was resident, median of the turns; installed: the size of all files of a "
        "distribution and of those that it requires, without extras. tinydigits is "
        f"{'an editable install, which takes longer to import' if editable() else 'installed'}",
        races=(_race(ended),),
        tables=(Table("start memory", "memory, one picture", heads, peaks), installed()),
    )


def commands(folder: Path, picture: Path) -> dict[str, list[str]]:
    python = sys.executable
    keras = str(folder / "dense.keras")
    return {
        LEAST: [python, "-c", IMPORTS],
        OURS: [str(Path(python).with_name("tinydigits")), "classify", str(picture), "-m", "dense"],
        "tinydigits.Classifier": [python, "-c", LIBRARY, str(picture)],
        LITE: [python, "-c", LITERT, str(picture), str(folder / "dense.tflite")],
        **{name: [python, "-c", code, str(picture), keras] for name, code in KERAS.items()},
    }


def _race(ended: dict[str, tuple[Ended, ...]]) -> Race:
    ratios = [Ratio(OURS, LEAST, Target(at_most=TARGET))]
    ratios += [Ratio(name, OURS) for name in (LITE, *KERAS)]
    sides = tuple(
        Contestant(name, "", tuple(1000 * each.seconds for each in turns))
        for name, turns in ended.items()
    )
    return Race("start", "one picture, from nothing to its answer", "ms", sides, tuple(ratios))


def editable() -> bool:
    """Whether tinydigits runs from a working tree."""
    return "site-packages" not in Path(tinydigits.__file__).parts


def installed() -> Table:
    """Return the table of MB on disk."""
    heads = columns("; distributions:d; MB:,.1f; without")
    rows = []
    for name, roots in NEEDS.items():
        found, absent = required(roots)
        size = sum(map(_size, found.values())) / 1e6
        rows.append((name, len(found), size, ", ".join(sorted(absent)) or None))
    return Table("start installed", "installed", heads, tuple(rows))


def required(roots: Iterable[str]) -> tuple[dict[str, Distribution], set[str]]:
    """Return the distributions that `roots` need on this machine, themselves included, and the
    names of required ones that are not installed.
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
    """Return the bytes of its files. For tinydigits, which often runs from a working tree, only
    the folder of the runtime counts.
    """
    if found.name == "tinydigits":
        package = Path(tinydigits.__file__).parent
        paths = [path for path in package.rglob("*") if path.is_file()]
    else:
        paths = [Path(str(file.locate())) for file in found.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())
