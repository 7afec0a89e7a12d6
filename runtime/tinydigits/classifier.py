"""Classifier: from pictures to Predictions, and the rule that says when not to trust one."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.fit import SIDE, Fit, Fitted, Invert, fit
from tinydigits.images import ImageLike, Limits, decode
from tinydigits.info import Thresholds
from tinydigits.model import load_model
from tinydigits.sources import Item

BATCH_SIZE = 256  # images a run of the network: past this, throughput grows no more


@dataclass(frozen=True, slots=True)
class Prediction:
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
    """Left, top, right, bottom of the ink in pixels. None where nobody looked."""

    scores: tuple[float, ...] | None = None
    """One for each label, in order, each in [0, 1]; they need not sum to 1. None for an error."""


class Classifier:
    """Reads digits with one model.

    `model`: a bundled model's name, the path of an .onnx or .tflite file, or None for the most
    accurate bundled one. `fit` and `invert`: see `tinydigits.fit.fit`; None takes the model's own
    fit. `min_score` in [0, 1] replaces the model's threshold. Raises ModelError, MissingExtra.
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
        self._fit: Fit = fit or self.info.fit
        self._invert: Invert = invert
        self._limits = limits or Limits()
        thresholds = self.info.thresholds
        if min_score is not None:
            thresholds = Thresholds(min_score, thresholds.max_ratio)
        self._thresholds = thresholds

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network alone. images: uint8 [N, 28, 28] or [28, 28], ink bright on dark, 0..255
        → float32 [N, K], one independent sigmoid for each label. Raises ImageError otherwise.
        """
        images = np.asarray(images)
        if images.ndim == 2:
            images = images[np.newaxis]
        if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE):
            raise ImageError(
                f"scores takes uint8 [N, 28, 28], not {images.dtype} {list(images.shape)}"
            )
        return self._backend.scores(images)

    def __call__(self, image: ImageLike) -> Prediction:
        """One picture: a path, encoded bytes, a binary file object, a Pillow image or an array.

        Raises ImageError where it cannot be read.
        """
        fitted = fit(decode(image, self._limits), self._fit, self._invert)
        path = os.fspath(image) if isinstance(image, str | os.PathLike) else None
        return self._judged(path, fitted, self.scores(fitted.pixels)[0])

    def classify(
        self,
        images: Iterable[ImageLike | Item],
        batch_size: int = BATCH_SIZE,
        on_fit: Callable[[str | None, Fitted], None] | None = None,
    ) -> Iterator[Prediction]:
        """One Prediction for each image, in order, lazily; `batch_size` of them in memory.

        An image that cannot be read is a Prediction with status `error`, never an exception.
        `on_fit` is shown each readable image's name and model input, before it is answered.
        """
        if batch_size < 1:
            raise TinydigitsError(f"batch_size {batch_size}: at least 1 was expected")
        return self._classified(iter(images), batch_size, on_fit)

    def _classified(
        self,
        remaining: Iterator[ImageLike | Item],
        batch_size: int,
        on_fit: Callable[[str | None, Fitted], None] | None,
    ) -> Iterator[Prediction]:
        while batch := [self._prepared(image) for image in islice(remaining, batch_size)]:
            for name, fitted in batch if on_fit else ():
                if on_fit and isinstance(fitted, Fitted):
                    on_fit(name, fitted)
            yield from self._answered(batch)

    def _prepared(self, image: ImageLike | Item) -> tuple[str | None, Fitted | ImageError]:
        """decode → fit, or why not."""
        if not isinstance(image, Item):
            image = Item(os.fspath(image) if isinstance(image, str | os.PathLike) else None, image)
        try:
            return image.name, fit(decode(image.image, self._limits), self._fit, self._invert)
        except ImageError as error:
            return image.name, error

    def _answered(
        self, batch: list[tuple[str | None, Fitted | ImageError]]
    ) -> Iterator[Prediction]:
        """infer → judge, errors kept in their places."""
        pixels = [fitted.pixels for _, fitted in batch if isinstance(fitted, Fitted)]
        scores = iter(self.scores(np.stack(pixels)) if pixels else ())
        for path, fitted in batch:
            if isinstance(fitted, Fitted):
                yield self._judged(path, fitted, next(scores))
            else:
                yield Prediction(path, None, None, "error", str(fitted))

    def _judged(self, path: str | None, fitted: Fitted, scores: NDArray[np.float32]) -> Prediction:
        """The accept rule: there is ink, the best score is high, and no other comes near it."""
        best = int(scores.argmax())
        second, top = (float(score) for score in np.partition(scores, -2)[-2:])
        reason = None
        if fitted.blank:
            reason = "blank"
        elif top < self._thresholds.min_score:
            reason = "low_score"
        elif second > self._thresholds.max_ratio * top:
            reason = "ambiguous"
        return Prediction(
            path,
            label=None if fitted.blank else self.info.labels[best],
            score=None if fitted.blank else top,
            status="uncertain" if reason else "ok",
            reason=reason,
            inverted=fitted.inverted,
            box=fitted.box,
            scores=tuple(scores.tolist()),
        )


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise TinydigitsError(f"{name}={value!r}: choose from {', '.join(map(str, choices))}")
