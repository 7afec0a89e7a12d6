"""`tinydigits train`: parsing and printing."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from tinydigits.cli.completion import folders
from tinydigits.cli.signals import Stopper, stoppable
from tinydigits.errors import SourceError
from tinydigits.fitting import Fit
from tinydigits.text import names_in
from tinydigits_train.batches import scores_of
from tinydigits_train.data import load_prepared, mnist_at_hand
from tinydigits_train.labelled_folder import DIGITS, Dataset, Digits, is_list
from tinydigits_train.plots import make_folder, write_plots
from tinydigits_train.preparing import choose
from tinydigits_train.ready import ENVIRONMENT
from tinydigits_train.recipes import RECIPES
from tinydigits_train.starting import open_start, rehearsed
from tinydigits_train.tensorflow import load_tensorflow
from tinydigits_train.training import Epoch, NothingTrainedError, Trained, save
from tinydigits_train.training import train as train_recipe

WORST_PAIRS = 5  # how many of the most frequent mistakes are shown
FITS: tuple[Fit, ...] = ("auto", "resize")  # what `train` chooses from, the first preferred
SAVING = 60.0  # s: at most, from Ctrl-C until what was trained is tested and written


def _labels(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Parse ABC or one,two,three."""
    names = (value or "").split(",") if "," in (value or "") else list(value or "")
    if len(set(names)) < len(names) or not all(name.isprintable() and name for name in names):
        raise click.BadParameter("the labels must be printable and differ from each other")
    return tuple(names)


@click.command()
@click.option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    help="The network. dense: a single layer, the default for MNIST; mlp: with a hidden layer; "
    "pictures: convolutions that are trained in a minute or two, the default for your own "
    "pictures; conv: fewer weights, the most accurate on handwriting, and by far the slowest to "
    "train; light: as conv, for small devices; small: for C in 5 kB of flash; tiny: in 1 kB.",
)
@click.option(
    "--from",
    "start",
    metavar="MODEL",
    help="Train a network further instead of a new one: a bundled one, such as conv, or a .keras "
    "file that this command wrote. For other classes it gets a new last layer.",
)
@click.option(
    "--data",
    default="mnist",
    show_default=True,
    metavar="PATH",
    shell_complete=folders,
    help="A folder whose sub-folders are the classes, or the splits train, val and test with such "
    "sub-folders; a CSV with the columns file and truth, such as the corrections.csv of a report; "
    "a folder with the IDX files of MNIST or EMNIST (plain or .gz), or FOLDER/emnist-letters; "
    "mnist.npz; a CSV of labels and pixels; or `mnist`: the folder in $TINYDIGITS_DATA if that is "
    "set, otherwise the copy that Keras downloads and keeps.",
)
@click.option(
    "--labels",
    callback=_labels,
    metavar="NAMES",
    help="The names of the classes, in the order of their numbers in IDX, .npz or CSV files: ABC, "
    "or one,two,three.",
)
@click.option(
    "--fit",
    type=click.Choice(list(FITS)),
    help="How to bring pictures to 28×28: auto prepares them as `classify` does, resize only "
    "resizes them. Default: auto, unless resize reads clearly more validation pictures after a "
    "short training.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="Passes over the training images. In one pass, a small folder is shown several times. "
    "Default: the recipe's own number on MNIST; on pictures as many as show a fixed number of "
    "images, or fewer if validation gets no better.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of all random numbers. The same seed gives the same weights on one machine.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The .keras file to write. The record of the training is written beside it, as "
    "NAME.train.json.",
)
@click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for plots of the training, PNG and SVG: samples, learning curves, confusion "
    "matrix, accuracy of each class, worst mistakes, and the weights of a single layer.",
)
def train(
    recipe: str | None,
    start: str | None,
    data: str,
    labels: tuple[str, ...],
    fit: Fit | None,
    epochs: int | None,
    seed: int,
    output: Path,
    plots: Path | None,
) -> None:
    """Train a network on MNIST, or on your own pictures.

    Keras trains the network. At the end, the command prints the accuracy on the training images and
    on the test images. Ctrl-C ends the training early, and keeps the best network so far.

    \b
    Examples:
      tinydigits train -o digits.keras
      tinydigits train --data digits --epochs 2 -o own.keras
      tinydigits train --from digits.keras --data digits --epochs 1 -o new.keras

    \b
    Exit status:
      0         trained
      1         the files cannot be written
      2         wrong usage, no data that can be trained on, or no TensorFlow
      130, 143  stopped by Ctrl-C or by SIGTERM; written if an epoch was trained
    """
    if output.suffix != ".keras":
        raise click.BadParameter(f"{output}: the name must end in .keras", param_hint="-o")
    if not output.parent.is_dir():
        raise click.BadParameter(f"{output.parent}: no such folder", param_hint="-o")
    if start and recipe:
        raise click.UsageError("--recipe is for a new network; --from has one already")
    if plots:
        make_folder(plots)
    # TensorFlow takes seconds to load, so it comes after the check of the options; and before the
    # data, so that a missing package is reported first.
    load_tensorflow("train", "train")

    begun = open_start(start) if start else None
    fits: Sequence[Fit] = (begun.fit,) if begun else (fit,) if fit else FITS
    listed = is_list(Path(data))
    known = begun.labels if begun and listed else None
    prepared = load_prepared(data, fits, seed=seed, labels=labels or known)
    dataset = prepared[0]
    # A network of MNIST is trained further: it is to read MNIST afterwards too.
    digits = (
        begun is not None
        and dataset.from_pictures
        and begun.fit == "auto"
        and begun.labels == dataset.labels == DIGITS
    )
    mnist = mnist_at_hand() if digits else None
    for line in dataset.unreadable:
        click.echo(f"unreadable: {line}", err=True)
    if not len(dataset.train.labels) and not mnist:
        raise SourceError(f"{data}: holds no readable picture with a truth to learn from")
    if fit and not dataset.from_pictures:
        raise click.BadParameter(
            f"{fit} is for pictures; MNIST is 28×28 as it is", param_hint="--fit"
        )
    recipe = recipe or ("pictures" if start or dataset.from_pictures else "dense")
    stopping = stoppable(lambda: "", raises=False, longest=SAVING)
    with stopping as stopper, _ending(stopper):
        notes = {}
        if len(prepared) > 1:
            dataset, notes["preparation"] = _prepared(prepared, seed, stopper)
        others = dataset.others
        if len(others):
            learnt = "it learns that they are none of the classes"
            if not RECIPES[recipe].rejects:
                learnt = f"{recipe} skips them; `--recipe pictures` learns from them"
            click.echo(
                f"{dataset.name}: pictures without a truth: {len(others):,}; {learnt}", err=True
            )
        layers = None
        judged: dict[str, Digits] = {}
        if begun:
            layers, notes["from"] = begun.layers(dataset.labels), begun.name
            # Corrections are few, and all of them are learnt from; of a folder some are not.
            own = dataset.train if listed else dataset.test
            judged = {f"pictures of {dataset.name}": own}
            if mnist:
                judged["test digits of MNIST"] = mnist.test
            said = _right(begun.model, begun.labels, judged, dataset.labels)
            click.echo(
                f"before: {begun.name} reads {said}{_refused(begun.model, others, begun.least)}"
            )
            if digits and not mnist:
                click.echo(
                    f"MNIST is not in ${ENVIRONMENT}, nor where Keras keeps it: the network may "
                    "forget the digits that it knew",
                    err=True,
                )
            dataset = rehearsed(dataset, mnist, seed)
        how = [f"fit {dataset.fit}"] if dataset.from_pictures else []
        if epochs or not dataset.from_pictures:
            how.append(f"{epochs or RECIPES[recipe].epochs} epochs")
        click.echo(
            f"{recipe}: {len(dataset.train.labels):,} images of {dataset.name} from "
            f"{dataset.source}, {', '.join(how)}, seed {seed}",
            err=True,
        )
        trained = train_recipe(
            recipe, dataset, epochs=epochs, seed=seed, start=layers, notes=notes,
            on_epoch=_Progress(), stop=lambda: stopper.asked is not None,
        )  # fmt: skip
        record = save(trained, output)
    if begun:
        least = trained.thresholds.min_score if trained.thresholds else 0.0
        said = _right(trained.model, dataset.labels, judged, dataset.labels)
        click.echo(f"after: it reads {said}{_refused(trained.model, others, least)}")
    _show(trained)
    click.echo(f"wrote {output} and {record.name}", err=True)
    if plots:
        drawn = write_plots(trained, plots)
        click.echo(f"wrote {', '.join(drawn)} to {plots}, each as .png and .svg", err=True)
        if "weights" not in drawn:
            click.echo(f"no weights drawn: {recipe} has more than one layer of them", err=True)
    if stopper.asked:
        raise click.exceptions.Exit(128 + stopper.asked)


def _prepared(prepared: Sequence[Dataset], seed: int, stopper: Stopper) -> tuple[Dataset, str]:
    """Choose a preparation, and say why."""

    def told(data: Dataset, share: float) -> None:
        read = f"{share:.1%} of validation pictures"
        click.echo(f"fit {data.fit}: reads {read} after a short training", err=True)

    return choose(prepared, seed, told, lambda: stopper.asked is not None)


@contextmanager
def _ending(stopper: Stopper) -> Iterator[None]:
    """End the command where it was stopped before there was anything to keep."""
    try:
        yield
    except NothingTrainedError:
        assert stopper.asked is not None
        click.echo("stopped: nothing is trained yet, and nothing was written", err=True)
        raise click.exceptions.Exit(128 + stopper.asked) from None


def _right(
    model: Any, answers: tuple[str, ...], judged: dict[str, Digits], truths: tuple[str, ...]
) -> str:
    """Say how many of several sets a network reads right. answers: its classes; truths: theirs."""
    said = []
    for name, digits in judged.items():
        if len(digits.labels):
            read = np.array(answers)[scores_of(model, digits.images).argmax(axis=1)]
            right = int((read == np.array(truths)[digits.labels]).sum())
            said.append(f"{right:,} of {len(read):,} {name} ({right / len(read):.2%})")
    new = sorted(set(truths) - set(answers))
    return ", ".join(said) + (f"; it does not know {names_in(new)}" if new else "")


def _refused(model: Any, others: NDArray[np.uint8], least: float) -> str:
    """Say how many pictures without a truth get no score of `least`."""
    if not len(others):
        return ""
    refused = int((scores_of(model, others).max(axis=1) < least).sum())
    return f", and refuses {refused:,} of {len(others):,} without a truth"


class _Progress:
    """Print a line for each epoch, with the time that is left."""

    def __init__(self) -> None:
        self._began = self._last = self._since = time.monotonic()
        self._name = ""  # of what is trained, since then

    def __call__(self, epoch: Epoch, epochs: int, name: str) -> None:
        now = time.monotonic()
        if name != self._name:
            self._name, self._since = name, self._last
        self._last = now
        first = "teacher" if name == "teacher" else "epoch"
        so_far = "" if epoch.accuracy is None else f"  accuracy so far {epoch.accuracy:.4f}"
        read = "" if epoch.validation is None else f"  validation {epoch.validation:.4f}"
        left = (now - self._since) * (epochs / epoch.number - 1)
        click.echo(
            f"{first} {epoch.number:>2}/{epochs}  loss {epoch.loss:.4f}{so_far}{read}  "
            f"{now - self._began:5.1f} s, {left:.0f} s left",
            err=True,
        )


def _show(trained: Trained) -> None:
    for name, part in (("train", trained.train), ("test", trained.test)):
        click.echo(f"{name:<5} accuracy {part.accuracy:.2%}, {part.errors:,} errors")
    names = trained.data.labels
    if pairs := trained.test.worst_pairs(WORST_PAIRS):
        listed = ", ".join(f"{names[t]} read as {names[a]} ×{n}" for t, a, n in pairs)
        click.echo(f"worst pairs on test: {listed}")
