"""Classifier: from pictures to Predictions."""

import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from tinydigits.bounds import Limits
from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.fitting import SIDE, Fit
from tinydigits.images import ImageLike
from tinydigits.info import Thresholds
from tinydigits.items import Chunk, Item, Skipped, Stack, chunked
from tinydigits.judging import Answers, Prediction, Status, judge
from tinydigits.model import Backend, BackendName, load_model, load_second
from tinydigits.number_reading import Lines, NumberReader
from tinydigits.numbers import Number, NumberAnswers, Wanted, judge_numbers
from tinydigits.pipeline import Workers, readings
from tinydigits.reading import NOTHING, Keep, Reader, Reading, Settings

BATCH_SIZE = 256  # images a worker reads at a time
Answer = TypeVar("Answer", Prediction, Number)
_PIXEL, _SHAPE = np.dtype(np.uint8), (SIDE, SIDE)  # made once: 0.15 µs of the 9 of `scores`


class Classifier:
    """Reads digits with one model.

    `model`: a bundled model's name, the path of an .onnx or .tflite file, or None for the most
    accurate bundled one. `fit`, `invert`: see `tinydigits.fit`; a `fit` of None is the model's own.
    `min_score` in [0, 1] replaces the model's threshold. `limits`: what is refused as too large;
    None means `Limits()`. `threads`: how many CPUs answer one large array. Above 1 they help
    `scores`, and not `classify`, whose `workers` do; this process must not be forked afterwards.
    `backend`: what runs the network, `onnxruntime`, `numpy` or, for TFLite, `litert`. None means
    litert for a TFLite file; for others onnxruntime, or numpy where onnxruntime does not load.

    Raises ModelError, MissingExtra, and TinydigitsError for a value out of its range.

    Attributes: `info` describes the model; `settings` holds the arguments; `thresholds` decide
    which answers are uncertain; `model_sha256` is that of the model's file; `backend` names what
    runs it.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        fit: Fit | None = None,
        invert: bool | None = None,
        min_score: float | None = None,
        limits: Limits | None = None,
        threads: int = 1,
        backend: BackendName | None = None,
    ) -> None:
        self.settings = Settings(
            model, fit, invert, min_score, limits or Limits(), threads, backend
        )
        self._backend, self.info = load_model(model, threads, backend)
        self.reader = Reader(self._backend, replace(self.settings, fit=fit or self.info.fit))
        self.thresholds = self.info.thresholds
        if min_score is not None:
            self.thresholds = Thresholds(min_score, self.thresholds.max_ratio)
        self.model_sha256, self.backend = self._backend.sha256, self._backend.name

    @classmethod
    def of(cls, settings: Settings) -> "Classifier":
        """Open the Classifier that has these settings."""
        return cls(**vars(settings))

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the settings to the other process: a network cannot be copied."""
        return Classifier.of, (self.settings,)

    def __repr__(self) -> str:
        defaults = vars(Settings(self.info.name))
        shown = {"model": self.info.name} | {
            name: value
            for name, value in vars(self.settings).items()
            if value is not None and value != defaults[name]
        }
        return f"Classifier({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network alone. images: uint8 [N, 28, 28] or [28, 28], ink bright on dark, 0..255
        → float32 [N, K], one score for each label; [1, K] for a single image. Raises ImageError for
        another array, ModelError where the network cannot answer.
        """
        images = np.asarray(images)
        if images.ndim == 2:
            images = images[np.newaxis]
        if images.dtype != _PIXEL or images.shape[1:] != _SHAPE:
            raise ImageError(
                f"scores takes uint8 [N, 28, 28], not {images.dtype} {list(images.shape)}"
            )
        return self._backend.scores(images)

    def __call__(self, image: ImageLike) -> Prediction:
        """Read one picture: a path, encoded bytes, a binary file object, a Pillow image or an
        array.

        Raises ImageError, which names the file, where it cannot be read; ModelError where the
        network cannot answer.
        """
        chunk = _chunk_of(image)
        return _readable(self.judged(chunk, self.reader.read(chunk))[0])

    def classify(
        self,
        images: ImageLike | Iterable[ImageLike | Item | Stack],
        batch_size: int = BATCH_SIZE,
        workers: Workers = 1,
    ) -> Iterator[Prediction]:
        """Yield one Prediction for each picture, in order, lazily; a few times `batch_size`
        pictures are in memory.

        `images` are many pictures, or one path. A path may be that of a folder, which is searched
        through, of an archive or of a file of arrays, and an address in object storage or on the
        web. A picture that cannot be read is a Prediction with status `error`, never an exception.
        `workers` above 1 share the work among as many processes; "auto" takes as many as this
        process may use CPUs, if there is work enough. Pictures that cannot be sent to another
        process, such as open files, are read in this one.

        Raises TinydigitsError for a value out of its range, ModelError where the network cannot
        answer, and SourceError and MissingExtra for an address with nothing to read.
        """
        chunks = self._chunks(images, batch_size, workers)
        return (row for answers in self.answers(chunks, workers) for row in answers.predictions)

    def answers(
        self, chunks: Iterable[Chunk], workers: Workers = 1, keep: Keep = NOTHING
    ) -> Generator[Answers]:
        """Yield the same for each chunk, with what `keep` asks for."""
        for chunk, reading in readings(self.reader, chunks, workers, keep):
            yield Answers(chunk, reading, self.judged(chunk, reading))

    def judged(self, chunk: Chunk, reading: Reading) -> list[Prediction]:
        """Judge a reading; see `tinydigits.judging.judge`."""
        return judge(chunk, reading, self.info.labels, self.thresholds)

    def read(self, image: ImageLike, *, digits: Wanted = None, lines: Lines = "many") -> Number:
        """Read one picture that holds several digits: a number, rows of numbers, a column.

        `digits`: the least and the most digits that it should hold; a picture with another number
        of them is uncertain. `lines`: whether it may hold several lines. With the model `conv`,
        scores are the mean of its own and of those of `light`.

        Raises ImageError, which names the file, where it cannot be read; ModelError where the
        network cannot answer; TinydigitsError for a value out of its range.
        """
        chunk = _chunk_of(image)
        return _readable(next(self.numbers_of([chunk], digits=digits, lines=lines)).predictions[0])

    def read_many(
        self,
        images: ImageLike | Iterable[ImageLike | Item | Stack],
        batch_size: int = BATCH_SIZE,
        workers: Workers = 1,
        *,
        digits: Wanted = None,
        lines: Lines = "many",
    ) -> Iterator[Number]:
        """Yield one Number for each picture, in order, lazily. The first three arguments and the
        errors are those of `classify`, and the others those of `read`.
        """
        chunks = self._chunks(images, batch_size, workers)
        answers = self.numbers_of(chunks, workers, digits=digits, lines=lines)
        return (number for each in answers for number in each.predictions)

    def numbers_of(
        self,
        chunks: Iterable[Chunk],
        workers: Workers = 1,
        keep: Keep = NOTHING,
        *,
        digits: Wanted = None,
        lines: Lines = "many",
    ) -> Generator[NumberAnswers]:
        """Yield the numbers of each chunk, with what `keep` asks for. Raises as `read` does."""
        if digits is not None and not 1 <= digits[0] <= digits[1]:
            raise TinydigitsError(f"digits {digits}: the least and the most, from 1, were expected")
        if lines not in get_args(Lines):
            raise TinydigitsError(f"lines={lines!r}: choose from {', '.join(get_args(Lines))}")
        reader = NumberReader(self._backend, self.reader.settings, self._second, lines)

        def answers() -> Generator[NumberAnswers]:
            for chunk, reading in readings(reader, chunks, workers, keep):
                judged = judge_numbers(chunk, reading, self.info, self.thresholds, digits)
                yield NumberAnswers(chunk, reading, judged)

        return answers()

    @cached_property
    def _second(self) -> Backend | None:
        """The network that is asked too where numbers are read."""
        settings = self.settings
        return load_second(settings.model, settings.threads, settings.backend)

    def _chunks(
        self,
        images: ImageLike | Iterable[ImageLike | Item | Stack],
        batch_size: int,
        workers: Workers,
    ) -> Iterator[Chunk]:
        if isinstance(images, bytes | bytearray):  # its numbers would be pictures
            raise TinydigitsError("many images were expected, not bytes: pass a list")
        if batch_size < 1:
            raise TinydigitsError(f"batch_size {batch_size}: at least 1 was expected")
        if workers != "auto" and workers < 1:
            raise TinydigitsError(f"workers {workers}: at least 1, or auto, was expected")
        from tinydigits.sources import at_hand

        many = [images] if isinstance(images, str | os.PathLike) else images
        chunks = chunked(self._items(many), batch_size)  # type: ignore[arg-type]
        return at_hand(chunks, self.settings.limits.max_bytes)

    def _items(self, images: Iterable[ImageLike | Item | Stack]) -> Iterator[Item | Stack]:
        from tinydigits.sources import Opening, open_inputs

        opening = Opening(self.settings.limits, Skipped())
        for image in images:
            if isinstance(image, Item | Stack):
                yield image
            elif isinstance(image, str | os.PathLike):
                yield from open_inputs((os.fspath(image),), opening)
            else:
                yield Item(None, image)


def _chunk_of(image: ImageLike) -> Chunk:
    name = os.fspath(image) if isinstance(image, str | os.PathLike) else None
    return Chunk([name], [image])


def _readable(answer: Answer) -> Answer:
    """Return the answer. Raises ImageError, which names the file, where it is an error."""
    if answer.status is Status.ERROR:
        raise ImageError(f"{answer.path}: {answer.reason}" if answer.path else answer.reason)
    return answer
