"""Start from a network that was trained before: `--from conv`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ModelError
from tinydigits.fitting import Fit
from tinydigits.info import read_info
from tinydigits.model import BUNDLED, MODELS
from tinydigits_train.batches import balanced, joined, scores_of, split
from tinydigits_train.labelled_folder import DIGITS, Dataset, Digits
from tinydigits_train.tensorflow import load_tensorflow

REHEARSED = 4_000  # training digits of MNIST that are shown among one's own
MOST_SHOWN = 30  # times an epoch that one picture is repeated for the sake of MNIST's number
MOST_FORGOTTEN = 0.002  # of the digits of MNIST that validate
TAKEN = 0.15  # the score from which a picture of none of the classes counts as read wrong
SHARES = tuple(tenths / 10 for tenths in range(11))  # of the way from old to new weights


@dataclass(frozen=True, slots=True)
class Start:
    """A trained network, its classes, and how its pictures were brought to 28×28."""

    name: str
    model: Any
    labels: tuple[str, ...]
    fit: Fit
    least: float = 0.0
    """The score below which it refuses a picture."""

    def layers(self, labels: tuple[str, ...]) -> list[Any]:
        """Return its layers for these classes. Other classes than its own get a new last layer,
        in which those that it knows keep their weights.
        """
        layers = [load_tensorflow("train", "train").keras.Input(self.model.input_shape[1:])]
        last = self.model.layers[-1]
        if labels == self.labels and last.activation.__name__ == "sigmoid":
            return [*layers, *self.model.layers]
        kernel, bias = last.get_weights()
        known = dict(zip(self.labels, zip(kernel.T, bias, strict=True), strict=True))
        random, size = np.random.default_rng(0), len(kernel)
        found = [
            known[label] if label in known else (random.normal(0, size**-0.5, size), 0)
            for label in labels
        ]
        columns, offsets = zip(*found, strict=True)
        head = type(last)(len(labels), activation="sigmoid")
        head.build((None, size))
        head.set_weights([np.stack(columns, axis=1), np.array(offsets)])
        return [*layers, *self.model.layers[:-1], head]


def open_start(name: str) -> Start:
    """Open a bundled network by its name, or a .keras file that `train` wrote. Raises ModelError,
    and MissingExtra without TensorFlow.
    """
    path = MODELS / f"{name}.keras" if name in BUNDLED else Path(name)
    if not path.is_file():
        known = f"; bundled: {', '.join(BUNDLED)}" if name not in BUNDLED else ""
        raise ModelError(f"{path}: no such file{known}; `tinydigits train` makes one")
    keras = load_tensorflow("train", "train").keras
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    # Keras raises ValueError, TypeError, KeyError, zipfile and h5py errors: no common base.
    except Exception as error:
        raise ModelError(f"{path}: Keras cannot open it safely: {error}") from error
    if type(model) is not keras.Sequential or not isinstance(model.layers[-1], keras.layers.Dense):
        raise ModelError(
            f"{path}: only a chain of layers with Dense at its end can be trained further"
        )
    if name in BUNDLED:
        info = read_info(MODELS / f"{name}.json")
        return Start(name, model, info.labels, info.fit, info.thresholds.min_score)
    try:
        record = json.loads(path.with_suffix(".train.json").read_text("utf-8"))
        least = (record["thresholds"] or {"min_score": 0.0})["min_score"]
        return Start(path.stem, model, tuple(record["labels"]), record["fit"], least)
    except (OSError, ValueError, KeyError, TypeError) as error:
        beside = path.with_suffix(".train.json").name
        raise ModelError(f"{path}: needs {beside} beside it, as `train` writes: {error}") from error


def rehearsed(data: Dataset, mnist: Dataset | None, seed: int) -> Dataset:
    """Return the data with digits of MNIST among them, so that a network does not forget what it
    knew while it learns from a few pictures. All of these are learnt from, and validate too. Other
    classes than the ten digits are returned as they are, and so is all where MNIST is not at hand.
    """
    if mnist is None or not data.is_like_mnist:
        return data
    own = data.train
    old, known = split(mnist.train, 0)  # the seed of the bundled networks: they never learnt these
    shown = Digits(old.images[:REHEARSED], old.labels[:REHEARSED])
    times = max(1, min(MOST_SHOWN, REHEARSED // (len(own.labels) + len(data.others))))
    return replace(
        data,
        train=joined(*[balanced(own, len(DIGITS), seed)] * times, shown),
        validation=joined(own, *[data.validation] if data.validation else [], known),
        others=np.repeat(data.others, times, axis=0),
        known=known,
    )


def settle(model: Any, before: Sequence[NDArray[np.float32]], data: Dataset) -> None:
    """Go back on the line from the new weights to those of `before`, to where the fewest of one's
    own pictures are read wrong, and of such places to the nearest. MOST_FORGOTTEN of the digits
    that the network knew, which are the last ones that validate, may be lost.

    The method is that of Wortsman et al., "Robust fine-tuning of zero-shot models" (2022).
    """
    validation, known, others = data.validation, data.known, data.others
    assert validation
    assert known
    others = np.unique(others, axis=0) if len(others) else others  # each is shown several times
    after, own = model.get_weights(), len(validation.labels) - len(known.labels)
    best, fewest, most = before, np.inf, np.inf
    for share in SHARES:
        pairs = zip(before, after, strict=True)
        weights = [(1 - share) * old + share * new for old, new in pairs]
        model.set_weights(weights)
        wrong = scores_of(model, validation.images).argmax(axis=1) != validation.labels
        mistakes, forgotten = int(wrong[:own].sum()), int(wrong[own:].sum())
        if len(others):
            mistakes += int((scores_of(model, others).max(axis=1) >= TAKEN).sum())
        if share == 0:
            most = forgotten + int(MOST_FORGOTTEN * len(known.labels))
        if mistakes < fewest and forgotten <= most:
            best, fewest = weights, mistakes
        if mistakes == 0:
            break
    model.set_weights(best)
