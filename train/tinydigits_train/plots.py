"""Draw plots of a training: samples, learning curves and mistakes, in up to six pictures."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinydigits.evaluation import wilson
from tinydigits.fitting import SIDE
from tinydigits.sinks.files import writing
from tinydigits_train.batches import scores_of
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.plot_style import (
    BLUE,
    CARD,
    INK,
    LINES,
    ORANGE,
    TEXT,
    card,
    contrast,
    gallery,
    percent,
    rendered,
    require_matplotlib,
    shortened,
    style,
)
from tinydigits_train.recipes import RECIPES
from tinydigits_train.training import Epoch, Evaluation, Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES = 100  # pictures on the sheet of samples, shared among the classes
WORST = 24  # mistakes that are shown
NUMBERED = 20  # classes up to which the confusion matrix has numbers


def make_folder(folder: Path) -> None:
    """Make the folder, if plots can be drawn and written there. Raises MissingExtra, SinkError."""
    require_matplotlib()
    with writing(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def write_plots(trained: Trained, folder: Path) -> list[str]:
    """Draw all plots into NAME.png and NAME.svg. Return the names. Raises SinkError."""
    figures = draw(trained)
    files = {
        f"{n}.{kind}": rendered(f, kind) for n, f in figures.items() for kind in ("png", "svg")
    }
    with writing(str(folder)):
        for name, content in files.items():
            (folder / name).write_bytes(content)
    return list(figures)


def draw(trained: Trained) -> "dict[str, Figure]":
    """Return all plots by name; `weights` is there only if the network is a single layer."""
    data, test = trained.data, trained.data.test
    pairs = {"train": (trained.train, data.train), "test": (trained.test, test)}
    read = (
        f"{name} {found.accuracy:.2%} of {len(digits.labels):,}"
        for name, (found, digits) in pairs.items()
    )
    epochs = len(trained.history)
    eased, settling, coached = RECIPES[trained.recipe].ends_of(epochs, data.is_like_mnist)
    how = f"{trained.recipe} on {shortened(data.name)}, {epochs} epoch{'s' * (epochs != 1)}"
    about = f"{how}, seed {trained.seed}: {', '.join(read)} read right"
    drawn = {
        "samples": samples(data.train, data.labels),
        "curves": curves(
            trained.history, trained.train, trained.test, about, eased + settling, coached
        ),
        "confusion": confusion(trained.test, data.labels, about),
        "classes": classes(trained.test, data.labels, about),
        "mistakes": mistakes(test, scores_of(trained.model, test.images), data.labels),
    }
    learnt = trained.model.get_weights()[0]
    if learnt.shape == (SIDE * SIDE, len(data.labels)):
        drawn["weights"] = weights(learnt, data.labels)
    return drawn


def samples(digits: Digits, labels: Sequence[str]) -> "Figure":
    """Show the first pictures of each class with its label, SAMPLES in all."""
    each = max(1, SAMPLES // len(labels))
    groups = [np.flatnonzero(digits.labels == label)[:each] for label in range(len(labels))]
    places = np.concatenate(groups)
    about = f"{len(places)} of {len(digits.labels):,} training pictures, as the network sees them"
    with style(about, labels) as (about, names):
        captions = [names[label] for label in digits.labels[places]]
        return gallery(digits.images[places], captions, 10, "What is learnt from", about)[0]


def curves(
    history: Sequence[Epoch], train: Evaluation, test: Evaluation, about: str, eased: int = 0,
    after: int = 0,
) -> "Figure":  # fmt: skip
    """Draw loss and accuracy by epoch. `conv` records no accuracy, so its plot has none. Lines mark
    the `eased` epochs, of which `after` more follow: their images are easier, so the loss falls.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    numbers, losses = [each.number for each in history], [each.loss for each in history]
    accuracies = [each.accuracy for each in history if each.accuracy is not None]
    with style(about) as (about, _):
        figure = card(7.6, 3.2, "Learning", about)
        panels = figure.subplots(1, 2 if accuracies else 1, squeeze=False)[0]
        panels[0].plot(numbers, losses, "o-", color=BLUE, markersize=4)
        panels[0].set_title("loss, mean of the epoch", loc="left")
        if 0 < 10 * min(losses) < max(losses):
            panels[0].set_yscale("log")
            panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panels[0].yaxis.set_major_formatter("{x:g}")
            panels[0].yaxis.set_minor_formatter(NullFormatter())
        if accuracies:
            panels[1].plot(
                numbers, accuracies, "o-", color=BLUE, markersize=4, label="of the epoch"
            )
            ends = ((train, "train", "D", INK), (test, "test", "s", ORANGE))
            for found, name, mark, colour in ends:
                label = f"{name}, at the end: {found.accuracy:.2%}"
                panels[1].plot(numbers[-1], found.accuracy, mark, color=colour, label=label)
            panels[1].set_title("accuracy", loc="left")
            panels[1].yaxis.set_major_formatter(percent)
            panels[1].legend(frameon=False)
        if eased and eased + after < len(history):
            start = numbers[-eased - after] - 0.5
            for edge in (start, start + eased)[: 1 + (after > 0)]:
                panels[0].axvline(edge, color=INK, linewidth=0.8, linestyle=":")
            panels[0].text(
                start, 0.97, "images less changed → ", ha="right", va="top",
                transform=panels[0].get_xaxis_transform(),
            )  # fmt: skip
        for panel in panels:
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            panel.grid(axis="y")
    return figure


def confusion(test: Evaluation, labels: Sequence[str], about: str) -> "Figure":
    """Draw truth by answer. Only mistakes are coloured: the diagonal would outshine them."""
    from matplotlib.colors import to_hex
    from matplotlib.ticker import MaxNLocator

    count = len(labels)
    wrong = np.ma.masked_array(test.confusion, np.eye(count, dtype=bool))
    most = max(int(wrong.max()), 1)
    cell, size = (0.46, TEXT) if count <= NUMBERED else (0.14, TEXT - 2)  # in, pt
    side = max(cell * count, 3.5)
    with style(about, labels) as (about, names):
        figure = card(side + 1.6, side + 1.0, "What is taken for what", about)
        axes = figure.add_subplot()
        axes.set_facecolor(LINES)  # the diagonal
        shown = axes.imshow(wrong, "Blues", vmin=0, vmax=most)
        turned = 90 if max(map(len, names)) > 2 else 0
        axes.set_xticks(range(count), names, size=size, rotation=turned)
        axes.set_yticks(range(count), names, size=size)
        axes.set_xlabel("answer")
        axes.set_ylabel("truth")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(np.arange(1, count) - 0.5, minor=True)
        axes.grid(which="minor", color=CARD, linewidth=cell * 2)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(
            shown, ax=axes, shrink=0.6, label="mistakes", ticks=MaxNLocator(integer=True)
        )
        bar.outline.set_visible(False)
        for row, column in np.argwhere(test.confusion) if count <= NUMBERED else ():
            number = int(test.confusion[row, column])
            ground = LINES if row == column else to_hex(shown.cmap(number / most))
            ink = max("#000000", "#ffffff", key=lambda ink: contrast(ink, ground))
            axes.text(column, row, f"{number:,}", ha="center", va="center", color=ink)
    return figure


def classes(test: Evaluation, labels: Sequence[str], about: str) -> "Figure":
    """Draw the share of each class that is read right, with its 95 % interval (Wilson's)."""
    totals, right = test.confusion.sum(axis=1).tolist(), np.diag(test.confusion).tolist()
    row = 0.26 if len(labels) <= 30 else 0.16  # in
    lowest = 1.0
    with style(about, labels) as (about, names):
        figure = card(7.2, max(row * len(labels), 1) + 0.5, "Accuracy of each class", about)
        axes = figure.add_subplot()
        for place, (hits, total) in enumerate(zip(right, totals, strict=True)):
            said = "no test pictures"
            if total:
                low, high = wilson(hits, total)
                lowest = min(lowest, low)
                axes.plot([low, high], [place, place], color=BLUE, solid_capstyle="round")
                axes.plot(hits / total, place, "o", color=BLUE, markersize=5, clip_on=False)
                said = f"{hits / total:.1%} of {total:,}"
            axes.text(1.02, place, said, va="center", transform=axes.get_yaxis_transform())
        axes.axvline(test.accuracy, color=ORANGE, linestyle="--", linewidth=1.2)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(max(lowest - 0.02, 0), 1)
        axes.set_yticks(range(len(labels)), names)
        axes.xaxis.set_major_formatter(percent)
        axes.set_xlabel("read right, with the interval of 95 %; dashed: all test pictures")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
    return figure


def weights(learnt: NDArray[np.float32], labels: Sequence[str]) -> "Figure":
    """Draw the weights of a single layer, float32 [784, K]: for each class a template of 28×28."""
    # A few weights of pixels that hardly any picture inks are larger than all others.
    limit = float(np.quantile(np.abs(learnt), 0.99)) or 1.0
    about = "Ink on orange speaks for the class, ink on violet against it"
    with style(about, labels) as (about, names):
        templates, columns = learnt.T.reshape(-1, SIDE, SIDE), 5 if len(names) <= 10 else 10
        figure, axes, shown = gallery(
            templates, names, columns, "The weights of each class", about,
            colours="PuOr_r", limits=(-limit, limit), below=0.5,
        )  # fmt: skip
        bar = figure.colorbar(
            shown, ax=axes, label="weight", location="bottom", aspect=50, shrink=0.6, extend="both"
        )
        bar.outline.set_visible(False)
    return figure


def mistakes(digits: Digits, scores: NDArray[np.float32], labels: Sequence[str]) -> "Figure":
    """Show the mistakes with the highest scores. scores: float32 [N, K], of the digits."""
    answers, best = scores.argmax(axis=1), scores.max(axis=1)
    wrong = np.flatnonzero(answers != digits.labels)
    worst = wrong[np.argsort(-best[wrong], kind="stable")][:WORST]
    title, of = "The worst mistakes", f"on {len(answers):,} test pictures"
    about = f"{len(worst)} of {len(wrong):,} mistakes {of}: the highest scores of wrong answers"
    with style(about if len(worst) else f"There is none {of}", labels) as (about, names):
        if not len(worst):
            return card(0, 0, title, about)
        captions = [
            f"{names[digits.labels[place]]} read as\n{names[answers[place]]}  {best[place]:.3f}"
            for place in worst
        ]
        return gallery(digits.images[worst], captions, 8, title, about)[0]
