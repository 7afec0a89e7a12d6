"""Folders of pictures as people have them: crops and photographs."""

import sys
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice
from operator import attrgetter
from pathlib import Path

from PIL import Image

from benchmarks.harness.plan import Plan
from benchmarks.harness.processes import TINYDIGITS, run
from benchmarks.harness.results import Contestant, Finding, Race, Ratio, Target
from benchmarks.harness.scenes import scenes
from tinydigits.model import MODELS

TURNS = 5
# title → number, width, height, ending, and the most that tinydigits may take, ÷ expert
FOLDERS = {
    "2,000 crops of 128×128": (2_000, 128, 128, "png", 0.75),
    "1,000 of 512×512": (1_000, 512, 512, "jpg", 1.0),
    "300 of 1280×960": (300, 1280, 960, "jpg", 1.0),
    "60 of 12 megapixels": (60, 4000, 3000, "jpg", 1.0),
}
KINDS = ("plain paper", "grainy paper", "uneven light", "dust")
EXPERT, ONE, TWO = "expert", "tinydigits, 1 worker", "tinydigits, 2 workers"
SETTINGS = {
    EXPERT: "OpenCV at a reduced scale, Otsu, box, centring, onnxruntime, two threads",
    ONE: "tinydigits classify FOLDER -o out.csv --workers 1",
    TWO: "the same with --workers 2",
}


def measure(plan: Plan) -> Finding:
    races = []
    for title, (count, width, height, ending, most) in FOLDERS.items():
        folder = plan.scratch / title.split()[0].replace(",", "")
        folder.mkdir()
        number = min(count, 12) if plan.short else count
        for place, picture in enumerate(islice(_drawn(width, height), number)):
            picture.save(folder / f"{place:05}.{ending}")
        measures = {name: partial(run, each) for name, each in _commands(plan, folder).items()}
        ended = plan.alternated(measures, TURNS, title)
        ratios = tuple(Ratio(name, EXPERT, Target(at_most=most)) for name in (ONE, TWO))
        for unit, seconds in (("time", attrgetter("seconds")), ("CPU time", attrgetter("cpu"))):
            sides = tuple(
                Contestant(name, SETTINGS[name], tuple(map(seconds, ended[name])))
                for name in SETTINGS
            )
            races.append(Race(f"pictures {title}, {unit}", f"{title}: {unit}", "s", sides, ratios))
    return Finding(
        "pictures",
        what="The time to read a folder of crops or photographs and write a CSV of path, class and "
        "score, against a loop that an expert writes by hand for this folder.",
        on="drawn scenes, as PNG (crops) and JPEG; `conv`",
        how=f"{plan.turns(TURNS)} turns after one to warm up; whole processes, imports included",
        races=tuple(races),
    )


def _drawn(width: int, height: int) -> Iterator[Image.Image]:
    drawn = (picture for kind in KINDS for picture, _ in scenes(kind, 10))
    return cycle(picture.resize((width, height), Image.Resampling.BICUBIC) for picture in drawn)


def _commands(plan: Plan, folder: Path) -> dict[str, list[str]]:
    out = str(plan.scratch / "rows.csv")
    ours = [*TINYDIGITS, "classify", str(folder), "-m", "conv", "-o", out, "--workers"]
    model = str(MODELS / "conv.onnx")
    return {
        EXPERT: [sys.executable, "-m", "benchmarks.rivals.photographs", str(folder), model, out],
        ONE: [*ours, "1"],
        TWO: [*ours, "2"],
    }
