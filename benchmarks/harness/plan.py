"""The plan of a benchmark: its data and models, and how much effort it makes."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.processes import ROOT, TINYDIGITS, ContestantError, run
from tinydigits.errors import TinydigitsError
from tinydigits.info import read_info
from tinydigits.model import MODELS
from tinydigits_export.formats import FORMATS as EXPORTED
from tinydigits_train.data import load_data
from tinydigits_train.labelled_folder import Dataset
from tinydigits_train.ready import ENVIRONMENT

Figures = TypeVar("Figures")

# The formats of `tinydigits export` that are measured of each model.
FORMATS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("dense", "conv", "light", "small"), ("onnx", "tflite", "int8", "c")),
    "tiny": ("onnx", "tflite", "c"),
}


class MissingInput(TinydigitsError):  # noqa: N818 - named for what the user has to do about it
    """A benchmark needs data or a model that was not given; the message says what to pass."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of the command line."""

    scratch: Path  # an empty folder for temporary files
    mnist: Path | None = None  # the folder of the four IDX files
    models: Path = ROOT / "build"  # a folder with NAME.keras, as `make models` writes it
    # A folder with a bundle NAME for each model, as `tinydigits export` writes it; None: export
    # anew.
    bundles: Path | None = None
    people: Path | None = None  # a folder with pictures by people, in a sub-folder for each label
    numbers: Path | None = None  # a folder with pictures of numbers by people, and truth.tsv
    names: tuple[str, ...] = ("dense", "conv")  # the models
    asked_turns: int | None = None  # the number of turns; None: each benchmark's own
    short: bool = False  # measure little, to try whether a benchmark runs
    keep: bool = False  # write the results into the working tree
    say: Callable[[str], None] = lambda _: None  # shows the progress
    skipped: list[str] = field(default_factory=list)  # what a benchmark left out, and why

    def turns(self, usual: int) -> int:
        """Return the number of turns of a benchmark that usually takes `usual`."""
        return self.asked_turns or (2 if self.short else usual)

    def alternated(
        self, measures: Mapping[str, Callable[[], Figures]], usual: int, about: str = ""
    ) -> dict[str, tuple[Figures, ...]]:
        """Return what each of `measures` gives, in each turn. They take turns, A B A B: a
        disturbance that lasts for a while affects both sides of a pair, so that their ratio says
        more than either time.

        An extra turn at the start fills the caches and does not count; a short plan leaves it out.
        The progress names `about`.
        """
        turns = self.turns(usual)
        taken: dict[str, list[Figures]] = {name: [] for name in measures}
        for turn in range(1 if self.short else 0, turns + 1):
            for name, measure in measures.items():
                doing = f"turn {turn} of {turns}: {name}" if turn else f"warming up: {name}"
                self.say(f"{about}, {doing}" if about else doing)
                value = measure()
                if turn:
                    taken[name].append(value)
        return {name: tuple(values) for name, values in taken.items()}


def data(plan: Plan) -> Dataset:
    """Load MNIST. Raises MissingInput, or SourceError where a file is missing."""
    named = os.environ.get(ENVIRONMENT)
    if plan.mnist is None and not named:
        raise MissingInput(
            "needs MNIST: pass --mnist DIR with its four IDX files (plain or .gz), or set "
            f"${ENVIRONMENT}"
        )
    return load_data(str(plan.mnist or named))


def test_images(plan: Plan) -> NDArray[np.uint8]:
    """Return the test digits, uint8 [N, 28, 28]; only a thousand for a short plan."""
    images = data(plan).test.images
    return images[:1000] if plan.short else images


def keras_file(plan: Plan, name: str) -> Path:
    """Return the path of NAME.keras. Raises MissingInput."""
    folder = plan.bundles / name if plan.bundles else plan.models
    path = folder / f"{name}.keras"
    if not path.is_file():
        raise MissingInput(
            f"needs {path}: `make models DATA=DIR` trains both models, `tinydigits train --recipe "
            f"{name} -o {path}` trains this one; --models names another folder, and --model leaves "
            "a model out"
        )
    card = MODELS / f"{name}.json"  # not every model is in the package
    bundled = read_info(card).keras_sha256 if card.exists() else None
    if bundled and not plan.bundles and hashlib.sha256(path.read_bytes()).hexdigest() != bundled:
        raise MissingInput(
            f"{path} is not what the bundled {name} was exported from, so that two networks would "
            "be compared under one name: `make bundled DATA=DIR` puts build/ into the package"
        )
    return path


def bundle(plan: Plan, name: str) -> Path:
    """Return a folder with the model in FORMATS, exported and proved. Raises MissingInput."""
    formats = FORMATS[name]
    keras = keras_file(plan, name)
    folder = plan.bundles / name if plan.bundles else plan.scratch / "bundles" / name
    card = folder / f"{name}.json"
    there = read_info(card).artifacts if card.exists() else {}
    missing = [format_ for format_ in formats if artefact(name, format_) not in there]
    if not missing:
        return folder
    data(plan)  # raises MissingInput where it is missing
    if plan.bundles:
        raise MissingInput(
            f"{folder} has no {', '.join(missing)}: `tinydigits export {keras} -o {folder} "
            f"--formats {','.join(formats)}` adds it; without --bundles everything is exported anew"
        )
    plan.say(f"exporting {name}: {', '.join(missing)}")
    idx = str(plan.mnist or os.environ[ENVIRONMENT])
    words = ["export", str(keras), "-o", str(folder), "--formats", ",".join(missing)]
    try:
        run([*TINYDIGITS, *words, "--data", idx])
    except ContestantError as error:
        raise MissingInput(f"{keras} cannot be exported: {error}") from error
    return folder


def artefact(name: str, format_: str) -> str:
    """Return the file name of a model in a format."""
    return EXPORTED[format_].files(name)[0]
