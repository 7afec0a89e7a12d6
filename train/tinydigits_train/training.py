"""Seeded training, evaluation, and the .keras file with its record."""

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import SinkError, __version__
from tinydigits.info import Thresholds
from tinydigits.sinks.files import replaced_path, writing
from tinydigits_train.batches import calibrated, scores_of, softened
from tinydigits_train.data import Dataset
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.recipes import RECIPES
from tinydigits_train.tensorflow import load_tensorflow


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images. The figures are running means during the pass."""

    number: int
    loss: float
    # In [0, 1]. None if the images are augmented: it would say little.
    accuracy: float | None


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


def train(
    recipe: str,
    data: Dataset,
    *,
    epochs: int | None = None,
    seed: int = 0,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Trained:
    """Train one recipe for `epochs`, by default the number of the recipe. On one machine the same
    seed gives the same weights, bit for bit.
    """
    tensorflow = load_tensorflow("train", "train")
    keras = tensorflow.keras
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    tensorflow.config.experimental.enable_op_determinism()
    chosen = RECIPES[recipe]
    epochs = epochs or chosen.epochs
    shown = chosen.lesson(tensorflow, data.train, data.labels, chosen.batch, seed)
    last = chosen.eased_of(epochs)
    model = chosen.build(keras, shown.steps * (epochs - last), len(data.labels))
    history: list[Epoch] = []

    def record(_: int, logs: dict[str, float]) -> None:
        history.append(Epoch(len(history) + 1, float(logs["loss"]), logs.get("accuracy")))
        on_epoch(history[-1])

    images, eased = shown.images, shown.eased
    if chosen.teacher:
        taught = max(1, round(chosen.teacher_epochs * epochs / chosen.epochs))
        teacher = chosen.build_teacher(keras, shown.steps * taught, len(data.labels))
        teacher.fit(images, epochs=taught, shuffle=False, verbose=0)
        images, eased = (softened(teacher, batches) for batches in (images, eased))

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=record)]
    shuffle = shown.labels is not None  # a Dataset shuffles itself
    model.fit(
        images, shown.labels, batch_size=shown.batch, shuffle=shuffle, epochs=epochs - last,
        verbose=0, callbacks=callbacks,
    )  # fmt: skip
    if last:
        chosen.ease(keras, model, shown.steps * last)
        model.fit(eased, epochs=last, shuffle=False, verbose=0, callbacks=callbacks)
    model = chosen.finished(keras, model)
    classes = len(data.labels)
    read, tested = (_evaluated(model, digits, classes) for digits in (data.train, data.test))
    validation = shown.validation
    thresholds = calibrated(scores_of(model, validation.images)) if validation else None
    return Trained(model, recipe, seed, tuple(history), read, tested, thresholds, data)


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
    with (
        writing(str(path)),
        replaced_path(record_path) as record_part,
        replaced_path(path) as part,
    ):
        trained.model.save(part)
        record = json.dumps(_record(trained, part.read_bytes()), indent=2)
        record_part.write_text(record + "\n", "utf-8")
    return record_path


def _record(trained: Trained, keras_bytes: bytes) -> dict[str, object]:
    tensorflow = load_tensorflow("train", "train")
    data = trained.data
    return {
        "recipe": trained.recipe,
        "labels": data.labels,
        "fit": data.fit,
        "parameters": trained.model.count_params(),
        "seed": trained.seed,
        "epochs": len(trained.history),
        "history": [asdict(epoch) for epoch in trained.history],
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
