"""Classifier: from pictures to Predictions, and the rule that says when not to trust one."""

import os
from collections.abc import Generator, Iterable, Iterator
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.fitting import SIDE, Fit, Invert
from tinydigits.images import ImageLike, Limits
from tinydigits.info import Thresholds
from tinydigits.items import Chunk, Item, Stack, chunked
from tinydigits.model import load_model
from tinydigits.pipeline import Workers, readings
from tinydigits.reading import NOTHING, Found, Keep, Reading, Settings, read
from tinydigits.sharing import sharing

BATCH_SIZE = 256  # images a worker reads at a time
_PIXEL, _SHAPE = np.dtype(np.uint8), (SIDE, SIDE)  # made once: 0.15 µs of the 9 of `scores`


class Prediction(NamedTuple):
    """What was read in one picture."""

    path: str | None
    """The file's name as it was given or found; None for a picture that has none."""

    label: str | None
    """The best class. None for a blank picture and for one that could not be read."""

    score: float | None
    """Of the best class, in [0, 1]. None where `label` is."""

    status: str
    """`ok`, `uncertain` or `error`."""

    reason: str | None
    """None for ok; `blank`, `low_score` or `ambiguous` for uncertain; a sentence for error."""

    inverted: bool | None = None
    """The ink was found darker than its ground. None where nobody looked."""

    box: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom of the ink, in pixels of the upright picture, right and bottom
    exclusive. None where nobody looked."""

    scores: tuple[float, ...] | None = None
    """One for each label, in order, each in [0, 1]; they need not sum to 1. None for an error."""


class Answers(NamedTuple):
    """A chunk, and what was read in it."""

    chunk: Chunk
    reading: Reading
    predictions: list[Prediction]


class Classifier:
    """Reads digits with one model.

    `model`: a bundled model's name, the path of an .onnx or .tflite file, or None for the most
    accurate bundled one. `fit` and `invert`: see `tinydigits.fitting.fit`; None takes the model's own
    fit. `min_score` in [0, 1] replaces the model's threshold. `limits`: what is refused as too
    large; None takes the default ones. Raises ModelError, MissingExtra, and TinydigitsError for a
    value out of its range.

    Attributes: `info`, what the model says of itself; `settings`, how pictures are read;
    `thresholds`, below or beyond which an answer is uncertain; `model_sha256`, of the model's file.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        fit: Fit | None = None,
        invert: Invert = "auto",
        min_score: float | None = None,
        limits: Limits | None = None,
    ) -> None:
        _check_choice("fit", fit, (None, *get_args(Fit)))
        _check_choice("invert", invert, get_args(Invert))
        if min_score is not None and not 0 <= min_score <= 1:
            raise TinydigitsError(f"min_score {min_score}: a number in [0, 1] was expected")
        self._backend, self.info = load_model(model)
        self._shared = sharing(self._backend)
        self.settings = Settings(fit or self.info.fit, invert, limits or Limits())
        self.thresholds = self.info.thresholds
        if min_score is not None:
            self.thresholds = Thresholds(min_score, self.thresholds.max_ratio)
        self.model_sha256 = self._backend.sha256
        self._made_from = (model, fit, invert, min_score, limits)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as what it was made from: a network cannot be copied."""
        return _made, self._made_from

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network alone. images: uint8 [N, 28, 28] or [28, 28], ink bright on dark, 0..255
        → float32 [N, K], one independent sigmoid for each label; [1, K] of a single image. Large
        arrays are shared between all CPUs of this process. Raises ImageError for another array,
        ModelError where the network cannot answer.
        """
        images = np.asarray(images)
        if images.ndim == 2:
            images = images[np.newaxis]
        if images.dtype != _PIXEL or images.shape[1:] != _SHAPE:
            raise ImageError(
                f"scores takes uint8 [N, 28, 28], not {images.dtype} {list(images.shape)}"
            )
        return self._shared.scores(images)

    def __call__(self, image: ImageLike) -> Prediction:
        """One picture: a path, encoded bytes, a binary file object, a Pillow image or an array.

        Raises ImageError where it cannot be read, ModelError where the network cannot answer.
        """
        item = _item(image)
        chunk = Chunk([item.name], [image])
        prediction = self.judged(chunk, self.read(chunk))[0]
        if prediction.status == "error":
            raise ImageError(prediction.reason)
        return prediction

    def classify(
        self,
        images: Iterable[ImageLike | Item | Stack],
        batch_size: int = BATCH_SIZE,
        workers: Workers = 1,
    ) -> Iterator[Prediction]:
        """One Prediction for each image, in order, lazily; a few times `batch_size` in memory.

        An image that cannot be read is a Prediction with status `error`, never an exception.
        `workers` above 1 share the work among as many processes, and "auto" among as many as this
        machine gives, if there is work enough; what cannot be sent to them, as open files, is read
        in this process.

        Raises TinydigitsError for a value out of its range and for a path or bytes in place of many
        pictures, ModelError where the network cannot answer.
        """
        if isinstance(images, str | bytes | os.PathLike):  # its letters would be pictures
            raise TinydigitsError(
                f"classify takes many images, not one {type(images).__name__}: pass a list: "
                "classify([path])"
            )
        if batch_size < 1:
            raise TinydigitsError(f"batch_size {batch_size}: at least 1 was expected")
        if workers != "auto" and workers < 1:
            raise TinydigitsError(f"workers {workers}: at least 1, or auto, was expected")
        chunks = chunked(map(_item, images), batch_size)
        return (row for answers in self.answers(chunks, workers) for row in answers.predictions)

    def answers(
        self, chunks: Iterable[Chunk], workers: Workers = 1, keep: Keep = NOTHING
    ) -> Generator[Answers]:
        """The same by the chunk, with what the sinks want kept of it."""
        for chunk, reading in readings(self, chunks, workers, keep):
            yield Answers(chunk, reading, self.judged(chunk, reading))

    def read(self, chunk: Chunk, keep: Keep = NOTHING) -> Reading:
        """decode → fit → infer, without judging."""
        return read(chunk, self._backend, self.settings, keep)

    def judged(self, chunk: Chunk, reading: Reading) -> list[Prediction]:
        """The accept rule: there is ink, the best score is high, and no other comes near it."""
        scores = reading.scores.astype(np.float64)
        best = scores.argmax(axis=1).tolist()
        second, top = np.partition(scores, -2, axis=1)[:, -2:].T
        low = top < self.thresholds.min_score
        doubtful = low | (second > self.thresholds.max_ratio * top)
        labels = self.info.labels
        predictions = []
        for place, (name, number, score, doubt, each) in enumerate(
            zip(chunk.names, best, top.tolist(), doubtful.tolist(), scores.tolist(), strict=True)
        ):
            found = reading.found.get(place, _AS_IT_WAS)
            if isinstance(found, str):
                predictions.append(Prediction(name, None, None, "error", found))
                continue
            label, reason = labels[number], None
            if found.blank:
                label, score, reason = None, None, "blank"
            elif doubt:
                reason = "low_score" if low[place] else "ambiguous"
            status = "uncertain" if reason else "ok"
            _, inverted, box = found
            predictions.append(
                Prediction(name, label, score, status, reason, inverted, box, tuple(each))
            )
        return predictions


_AS_IT_WAS = Found()


def _made(
    model: str | os.PathLike[str] | None,
    fit: Fit | None,
    invert: Invert,
    min_score: float | None,
    limits: Limits | None,
) -> Classifier:
    return Classifier(model, fit=fit, invert=invert, min_score=min_score, limits=limits)


def _item(image: ImageLike | Item | Stack) -> Item | Stack:
    if isinstance(image, Item | Stack):
        return image
    return Item(os.fspath(image) if isinstance(image, str | os.PathLike) else None, image)


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise TinydigitsError(f"{name}={value!r}: choose from {', '.join(map(str, choices))}")
