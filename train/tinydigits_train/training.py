"""Seeded training, evaluation, and the .keras file with its record."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import SinkError, __version__
from tinydigits.info import Thresholds
from tinydigits.sinks.files import replaced_path, writing
from tinydigits_train.batches import calibrated, remembered, scores_of, softened
from tinydigits_train.labelled_folder import Dataset, Digits
from tinydigits_train.recipes import AGAIN, LEARNING_RATE_COACHED, RECIPES, Recipe
from tinydigits_train.starting import open_start, settle
from tinydigits_train.tensorflow import load_tensorflow

COACHED = 3  # added to the seed of what is drawn in the coached epochs
FEWEST_PATIENT = 8  # epochs without a better one, at least, before training ends early
# Batches from arrays that Keras trains on before it returns to Python, which takes 1 ms: a third of
# the time of `dense`. The weights are the same.
TOGETHER = 50


class NothingTrainedError(Exception):
    """Training was stopped before there was a network to keep."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images. The figures are running means during the pass."""

    number: int
    loss: float
    # In [0, 1]. None if the images are augmented: it would say little.
    accuracy: float | None
    # Share of the validation images read right, in [0, 1]. None if there are none.
    validation: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The accuracy of a trained network on a set of digits."""

    accuracy: float  # share read right, in [0, 1]
    errors: int
    confusion: NDArray[np.int64]  # int64 [K, K]: rows are truths, columns are answers

    def worst_pairs(self, count: int) -> list[tuple[int, int, int]]:
        """Return up to `count` mistakes as (truth, answer, how often), most frequent first."""
        mistakes = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-mistakes, axis=None, kind="stable")[:count]
        pairs = (divmod(int(place), mistakes.shape[1]) for place in order)
        return [(*pair, int(mistakes[pair])) for pair in pairs if mistakes[pair]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network and the record of its training."""

    model: Any
    recipe: str
    seed: int
    history: tuple[Epoch, ...]
    train: Evaluation
    test: Evaluation
    # Calibrated on validation images; None if the recipe sets none aside.
    thresholds: Thresholds | None
    data: Dataset
    # More about the data, for the model's card, such as how its preparation was chosen.
    notes: Mapping[str, str]


def train(
    recipe: str,
    data: Dataset,
    *,
    epochs: int | None = None,
    seed: int = 0,
    start: Sequence[Any] | None = None,
    notes: Mapping[str, str] | None = None,
    on_epoch: Callable[[Epoch, int, str], None] = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train one recipe for `epochs`, by default the number of the recipe, or on pictures the number
    that shows them often enough. On one machine the same seed gives the same weights, bit for bit.

    On pictures the weights of the epoch with the best validation loss are kept, and training ends
    where that has not fallen for long. start: layers that were trained before, which are trained
    further. on_epoch: is called after each epoch with the number of all, and the name of what is
    trained. stop: is asked after every few batches whether to end with what there is.

    Raises NothingTrainedError where that is nothing.
    """
    tensorflow = load_tensorflow("train", "train")
    keras = tensorflow.keras
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    tensorflow.config.experimental.enable_op_determinism()
    chosen = RECIPES[recipe]
    shown = chosen.lesson(tensorflow, data, chosen.batch, seed)
    if start or data.from_pictures:
        epochs = epochs or chosen.epochs_of(shown.steps, AGAIN if start else 1.0)
    epochs = epochs or chosen.epochs
    last, settling, coached = chosen.ends_of(epochs, data.is_like_mnist and not start)
    first = epochs - last - settling - coached
    steps, classes = shown.steps * first, len(data.labels)
    if start:
        model = chosen.build_again(keras, list(start), steps)
    else:
        model = chosen.build(keras, steps, classes)
    images, eased = shown.images, shown.eased
    before = model.get_weights()
    if start:
        images = eased  # few steps, and from a network that bears strong changes already
    if start and model.input_shape[1:] != (28, 28, 1):
        shape = (-1, *model.input_shape[1:])
        images = images.map(lambda some, wanted: (tensorflow.reshape(some, shape), wanted))
    if data.known:
        knowing = keras.models.clone_model(model)
        knowing.set_weights(before)
        images = remembered(tensorflow, knowing, images)
    if chosen.teacher and not start:
        taught = max(1, round(chosen.teacher_epochs * epochs / chosen.epochs))
        teacher = chosen.build(keras, shown.steps * taught, classes, chosen.teacher)
        watch = _watch(keras, None, 0, lambda epoch: on_epoch(epoch, taught, "teacher"), stop)
        teacher.fit(images, epochs=taught, shuffle=False, verbose=0, callbacks=[watch])
        if stop():
            raise NothingTrainedError
        images, eased = (softened(teacher, batches) for batches in (images, eased))

    aside = shown.validation if data.from_pictures else None
    patience = max(FEWEST_PATIENT, epochs // 3)
    watch = _watch(keras, aside, patience, lambda epoch: on_epoch(epoch, epochs, recipe), stop)
    if start and aside:  # training may make it no better
        watch.best, watch.least = before, _doubt(scores_of(model, aside.images), aside.labels)
    callbacks = [watch]
    if aside and model.optimizer.use_ema:
        # The averaged weights are what is validated and kept.
        callbacks.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    shuffle = shown.labels is not None  # a Dataset shuffles itself
    learning = model
    if shuffle and not aside:
        learning, images = _learning_layers(keras, model, images)
    learning.steps_per_execution = TOGETHER if shuffle else 1  # `compile` would write it into files
    learning.fit(
        images, shown.labels, batch_size=shown.batch, shuffle=shuffle, epochs=first,
        verbose=0, callbacks=callbacks,
    )  # fmt: skip
    model.steps_per_execution = 1
    if last and not stop():
        chosen.ease(keras, model, shown.steps * last)
        model.fit(eased, epochs=last, shuffle=False, verbose=0, callbacks=callbacks)
    if settling and not stop():
        before = model.get_weights()
        chosen.ease(keras, model, shown.steps * settling)
        model.fit(shown.eased, epochs=settling, shuffle=False, verbose=0, callbacks=callbacks)
        pairs = zip(before, model.get_weights(), strict=True)
        model.set_weights([(one + other) / 2 for one, other in pairs])
    if coached and not stop():
        _coach(tensorflow, chosen, data, seed, model, coached, callbacks)
    if watch.best is not None:
        model.set_weights(watch.best)
    if data.known:
        settle(model, before, data)
    model = chosen.finished(keras, model)
    read, tested = (_evaluated(model, digits, classes) for digits in (data.train, data.test))
    # Corrections validate too, and are hard: thresholds that suit them would refuse too little.
    validation = data.known or shown.validation
    thresholds = calibrated(scores_of(model, validation.images)) if validation else None
    history = tuple(watch.history)
    return Trained(model, recipe, seed, history, read, tested, thresholds, data, notes or {})


def _learning_layers(
    keras: Any, model: Any, images: NDArray[np.float32]
) -> tuple[Any, NDArray[np.float32]]:
    """Return the layers from the first that learns, compiled, and their input. The layers before
    it compute the same in every epoch; in `tiny` they take three quarters of the time.
    """
    first = next(place for place, layer in enumerate(model.layers) if layer.trainable_weights)
    if first == 0:
        return model, images
    fixed = keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers[:first]])
    learning = keras.Sequential([keras.Input(fixed.output_shape[1:]), *model.layers[first:]])
    learning.compile(model.optimizer, model.loss, metrics=["accuracy"])
    return learning, fixed.predict(images, batch_size=1000, verbose=0)


def _coach(
    tensorflow: Any, recipe: Recipe, data: Dataset, seed: int, model: Any, epochs: int,
    callbacks: Sequence[Any],
) -> None:  # fmt: skip
    """Train a network further, with the scores of the recipe's coach as a part of the targets. All
    that is not in the data is drawn anew.
    """
    assert recipe.coach
    tensorflow.keras.utils.set_random_seed(seed + COACHED)
    shown = recipe.lesson(tensorflow, data, recipe.batch, seed, again=COACHED)
    images = softened(open_start(recipe.coach).model, shown.images)
    recipe.ease(tensorflow.keras, model, shown.steps * epochs, LEARNING_RATE_COACHED)
    model.fit(images, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)


def _watch(
    keras: Any, aside: Digits | None, patience: int, told: Callable[[Epoch], None],
    stop: Callable[[], bool],
) -> Any:  # fmt: skip
    """Return the callback that validates each epoch, remembers the best weights in `best`, and ends
    the training where `stop` asks for it or where no epoch of the last `patience` was better.
    """

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        best: list[Any] | None = None
        least, at = np.inf, 0
        history: list[Epoch] = []  # noqa: RUF012 - there is one Watch of this class

        def on_train_batch_end(self, _: int, logs: object = None) -> None:  # noqa: ARG002
            self.model.stop_training |= stop()

        def on_epoch_end(self, _: int, logs: Mapping[str, float]) -> None:
            right = None
            if aside:
                scores = scores_of(self.model, aside.images)
                right = float((scores.argmax(axis=1) == aside.labels).mean())
                loss = _doubt(scores, aside.labels)
                if loss <= self.least:
                    self.best, self.least = self.model.get_weights(), loss
                    self.at = len(self.history)
                self.model.stop_training |= len(self.history) - self.at >= patience
            epoch = Epoch(len(self.history) + 1, float(logs["loss"]), logs.get("accuracy"), right)
            self.history.append(epoch)
            told(epoch)

    return Watch()


def _doubt(scores: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Return the cross-entropy of the true class, scores taken for shares of their sum."""
    true = scores[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(true / scores.sum(axis=1), 1e-7)).mean())


def _evaluated(model: Any, digits: Digits, classes: int) -> Evaluation:
    scores = scores_of(model, digits.images)
    answers = scores.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (digits.labels, answers), 1)
    errors = int((answers != digits.labels).sum())
    return Evaluation(1 - errors / len(digits.labels), errors, confusion)


def save(trained: Trained, path: Path) -> Path:
    """Write the .keras file and, beside it, NAME.train.json. Return the path of the second.

    Both are written under other names first, so a failure leaves what was there. Raises SinkError.
    """
    record_path = path.with_suffix(".train.json")
    for target in (path, record_path):
        if target.is_dir():
            raise SinkError(f"{target}: a folder is in the way")
    with writing(str(path)), replaced_path(record_path) as record_part, replaced_path(path) as part:
        trained.model.save(part)
        record = json.dumps(_record(trained, part.read_bytes()), indent=2)
        record_part.write_text(record + "\n", "utf-8")
    return record_path


def _record(trained: Trained, keras_bytes: bytes) -> dict[str, object]:
    tensorflow = load_tensorflow("train", "train")
    data = trained.data
    shown = ["number", "loss", "accuracy"] + ["validation"] * data.from_pictures
    return {
        "recipe": trained.recipe,
        "labels": data.labels,
        "fit": data.fit,
        "parameters": trained.model.count_params(),
        "seed": trained.seed,
        "epochs": len(trained.history),
        "history": [
            {name: value for name, value in asdict(epoch).items() if name in shown}
            for epoch in trained.history
        ],
        "metrics": {
            name: {"accuracy": round(part.accuracy, 6), "errors": part.errors}
            for name, part in (("train", trained.train), ("test", trained.test))
        },
        "thresholds": trained.thresholds and trained.thresholds._asdict(),
        "confusion": trained.test.confusion.tolist(),
        "data": {
            "name": data.name,
            "source": data.source,
            "train_images": len(data.train.labels),
            "test_images": len(data.test.labels),
            "sha256": data.sha256,
            "unreadable": len(data.unreadable),
            **trained.notes,
        },
        "keras_sha256": hashlib.sha256(keras_bytes).hexdigest(),
        "versions": {
            "tinydigits": __version__,
            "python": platform.python_version(),
            "tensorflow": tensorflow.__version__,
            "keras": tensorflow.keras.__version__,
            "numpy": np.__version__,
        },
    }
