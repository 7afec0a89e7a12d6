"""What a benchmark is given: data, models, and how much effort to make."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness.turns import alternated
from tinydigits.errors import TinydigitsError
from tinydigits.info import read_info
from tinydigits.model import MODELS
from tinydigits_train.data import ENVIRONMENT, Dataset, load_data

ROOT = Path(__file__).parents[2]
# What is measured of each model, by the names of `tinydigits export`.
FORMATS = {
    "dense": ("onnx", "tflite", "int8", "c", "tiny"),
    "conv": ("onnx", "tflite", "int8", "c"),
}
RUN = ("onnx", "tflite", "int8", "c")  # of those, what latency and throughput are measured of


class MissingInput(TinydigitsError):  # noqa: N818 - named for what the user has to do about it
    """A benchmark needs data or a model that was not given; the message says what to pass."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    scratch: Path
    """An empty folder, for files that nobody keeps."""

    mnist: Path | None = None
    """The folder of the four IDX files."""

    models: Path = ROOT / "build"
    """Holds NAME.keras, as `make models` leaves it."""

    bundles: Path | None = None
    """Holds a folder NAME for each model, as `tinydigits export` wrote it; None: made anew."""

    people: Path | None = None
    """Pictures by people, a sub-folder a label."""

    names: tuple[str, ...] = ("dense", "conv")
    """The models."""

    asked_turns: int | None = None
    short: bool = False
    """Little of everything, to try whether it runs."""

    say: Callable[[str], None] = lambda _: None
    """Tells people how far it is."""

    def turns(self, usual: int) -> int:
        return self.asked_turns or (2 if self.short else usual)

    def alternated(
        self, measures: Mapping[str, Callable[[], float]], usual: int, about: str = ""
    ) -> dict[str, tuple[float, ...]]:
        """What each of `measures` gives in each turn; about: told with the progress."""
        prefix = f"{about}, " if about else ""
        turns, warm = self.turns(usual), not self.short
        return alternated(measures, turns, lambda text: self.say(prefix + text), warm)


def data(plan: Plan) -> Dataset:
    """MNIST. Raises MissingInput, or SourceError where the folder is not whole."""
    named = os.environ.get(ENVIRONMENT)
    if plan.mnist is None and not named:
        raise MissingInput(
            "needs MNIST: pass --mnist DIR with its four IDX files (plain or .gz), or set "
            f"${ENVIRONMENT}"
        )
    return load_data(str(plan.mnist or named))


def test_images(plan: Plan) -> NDArray[np.uint8]:
    """uint8 [N, 28, 28], the test digits; the first thousand where little is asked for."""
    images = data(plan).test.images
    return images[:1000] if plan.short else images


def keras_file(plan: Plan, name: str) -> Path:
    """NAME.keras. Raises MissingInput."""
    folder = plan.bundles / name if plan.bundles else plan.models
    path = folder / f"{name}.keras"
    if not path.is_file():
        raise MissingInput(
            f"needs {path}: `make models DATA=DIR` trains both models, or "
            f"`tinydigits train --recipe {name} -o {path}` this one; another folder is "
            "named by --models, and --model leaves one out"
        )
    bundled = read_info(MODELS / f"{name}.json").keras_sha256
    if not plan.bundles and hashlib.sha256(path.read_bytes()).hexdigest() != bundled:
        raise MissingInput(
            f"{path} is not what the bundled {name} was exported from, so that two networks would "
            "be compared under one name: `make bundled DATA=DIR` puts build/ into the package"
        )
    return path


def bundle(
    plan: Plan, name: str, formats: Sequence[str], at_least: Sequence[str] | None = None
) -> Path:
    """A folder with the model and its artefacts in `formats`, exported and proved. Of a bundle that
    was made before, those of `at_least` are enough. Raises MissingInput.
    """
    if plan.bundles and at_least is not None:
        formats = at_least
    formats = [format_ for format_ in formats if format_ in FORMATS[name]]
    keras = keras_file(plan, name)
    folder = plan.bundles / name if plan.bundles else plan.scratch / "bundles" / name
    card = folder / f"{name}.json"
    there = read_info(card).artifacts if card.exists() else {}
    missing = [format_ for format_ in formats if artefact(name, format_) not in there]
    if not missing:
        return folder
    data(plan)  # says what to pass where it is missing
    if plan.bundles:
        raise MissingInput(
            f"{folder} has no {', '.join(missing)}: `tinydigits export {keras} -o {folder} "
            f"--formats {','.join(formats)}` adds it; without --bundles all is made anew"
        )
    plan.say(f"exporting {name}: {', '.join(missing)}")
    command = [*TINYDIGITS, "export", str(keras), "-o", str(folder)]
    idx = str(plan.mnist or os.environ[ENVIRONMENT])
    done = subprocess.run(
        [*command, "--formats", ",".join(missing), "--data", idx],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MissingInput(f"{keras} cannot be exported: {done.stderr.strip()}")
    return folder


TINYDIGITS = [sys.executable, "-c", "from tinydigits.cli.main import run; run()"]


def artefact(name: str, format_: str) -> str:
    """The file of a format."""
    endings = {"int8": ".int8.tflite"}
    return "tiny.c" if format_ == "tiny" else name + endings.get(format_, f".{format_}")


def drawn_digits(count: int) -> NDArray[np.uint8]:
    """uint8 [count, 28, 28]: model inputs, drawn and fitted as the example scans are. For what has
    to run without MNIST.
    """
    from examples.draw_scans import mask, white_on_black
    from tinydigits.fitting import fit

    drawn = [
        fit(white_on_black(mask(digit, (64, 64), 0.07, seed), 0)).pixels
        for seed in range(5)
        for digit in range(10)
    ]
    return np.stack([drawn[place % len(drawn)] for place in range(count)])


def write_files(images: NDArray[np.uint8], labels: Sequence[int], folder: Path) -> None:
    """PNG files in a sub-folder for each label, as people keep them."""
    for label in set(labels):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / str(label) / f"{place:05}.png")


def each_model(plan: Plan) -> Iterator[str]:
    for name in plan.names:
        keras_file(plan, name)
        yield name
