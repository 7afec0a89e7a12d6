"""`tinydigits train`: parsing and printing."""

import time
from pathlib import Path

import click

from tinydigits.cli.completion import folders
from tinydigits.fitting import Fit
from tinydigits_train.recipes import RECIPES

WORST_PAIRS = 5  # how many of the most frequent mistakes are shown


@click.command()
@click.option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    default="dense",
    show_default=True,
    help="The network. dense: a single layer; mlp: with a hidden layer; conv: convolutions, the "
    "most accurate and by far the slowest to train; tiny: for C on chips with 1 kB of flash.",
)
@click.option(
    "--data",
    default="mnist",
    show_default=True,
    metavar="DIR",
    shell_complete=folders,
    help="A folder whose sub-folders are the classes; a folder with the four IDX files of MNIST "
    "(plain or .gz); or `mnist`: the folder in $TINYDIGITS_DATA if that is set, otherwise the copy "
    "that Keras downloads and keeps.",
)
@click.option(
    "--fit",
    type=click.Choice(["auto", "resize"]),
    default="auto",
    show_default=True,
    help="How to bring the pictures of a labelled folder to 28×28: auto prepares them as "
    "`classify` does, resize only resizes them.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="Passes over the training images. Default: the recipe's own.",
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
    recipe: str,
    data: str,
    fit: Fit,
    epochs: int | None,
    seed: int,
    output: Path,
    plots: Path | None,
) -> None:
    """Train a network on MNIST, or on your own pictures.

    Keras trains the network. At the end, the command prints the accuracy on the training images and
    on the test images.

    \b
    Examples:
      tinydigits train -o digits.keras
      tinydigits train --recipe mlp --epochs 3 --data digits -o own.keras

    \b
    Exit status:
      0  trained
      1  the files cannot be written
      2  wrong usage, no data that can be trained on, or no TensorFlow
    """
    if output.suffix != ".keras":
        raise click.BadParameter(f"{output}: the name must end in .keras", param_hint="-o")
    if not output.parent.is_dir():
        raise click.BadParameter(f"{output.parent}: no such folder", param_hint="-o")
    # TensorFlow takes seconds to load: only once the words of the call are right.
    from tinydigits_train.data import load_data
    from tinydigits_train.plots import ready, write_plots
    from tinydigits_train.tensorflow import load_tensorflow
    from tinydigits_train.training import Epoch, save
    from tinydigits_train.training import train as train_recipe

    if plots:
        ready(plots)
    load_tensorflow("train", "train")  # what is missing is said before data is looked for

    dataset = load_data(data, seed=seed, fit=fit)
    if dataset.fit != fit:
        raise click.BadParameter(
            f"{fit} is for a labelled folder; MNIST is 28×28 as it is", param_hint="--fit"
        )
    for line in dataset.unreadable:
        click.echo(f"unreadable: {line}", err=True)
    epochs = epochs or RECIPES[recipe].epochs
    click.echo(
        f"{recipe}: {len(dataset.train.labels):,} images of {dataset.name} from {dataset.source}, "
        f"{epochs} epochs, seed {seed}",
        err=True,
    )
    began = time.monotonic()

    def show(epoch: Epoch) -> None:
        so_far = "" if epoch.accuracy is None else f"  accuracy so far {epoch.accuracy:.4f}"
        click.echo(
            f"epoch {epoch.number:>2}/{epochs}  loss {epoch.loss:.4f}{so_far}  "
            f"{time.monotonic() - began:5.1f} s",
            err=True,
        )

    trained = train_recipe(recipe, dataset, epochs=epochs, seed=seed, on_epoch=show)
    record = save(trained, output)
    for name, part in (("train", trained.train), ("test", trained.test)):
        click.echo(f"{name:<5} accuracy {part.accuracy:.2%}, {part.errors:,} errors")
    names = dataset.labels
    if pairs := trained.test.worst_pairs(WORST_PAIRS):
        listed = ", ".join(f"{names[t]} read as {names[a]} ×{n}" for t, a, n in pairs)
        click.echo(f"worst pairs on test: {listed}")
    click.echo(f"wrote {output} and {record.name}", err=True)
    if plots:
        drawn = write_plots(trained, plots)
        click.echo(f"wrote {', '.join(drawn)} to {plots}, each as .png and .svg", err=True)
        if "weights" not in drawn:
            click.echo(f"no weights drawn: {recipe} has more than one layer of them", err=True)
