"""Report: one HTML page that shows what was read; what a person should check comes first.

The page is one file that loads nothing: pictures, style and script are inside. File names go in as
JSON and are shown as text, never as markup. Page and memory are bounded, however many pictures are
read: only those that most need to be checked are kept.
"""

import heapq
import io
import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import count
from pathlib import Path
from string import Template
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.judging import Answers, Prediction
from tinydigits.sinks.files import completed, replaced, writing
from tinydigits.sinks.rows import Write
from tinydigits.text import printable

PICTURES = 10_000  # on a page: a browser shows these without effort
ERRORS = 2_000  # unreadable ones that are listed
BUDGET = 18_000_000  # bytes of pictures and text on a page
TEXT = 200  # characters of a name or a reason; a longer one is cut at the beginning

_SCORE_DIGITS = 4
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}

Truth = Callable[[Prediction], str | None]


@contextmanager
def report_sink(path: str, labels: tuple[str, ...], truth: Truth | None = None) -> Iterator[Write]:
    """Write an HTML page, which is there only when the block ends without an error.

    It takes Answers whose Reading has `fitted` and `thumbnails`. `labels` are the model's, in
    order. `truth` returns what a picture really shows, or None where that is not known; with it the
    page shows mistakes first. Raises SinkError.
    """
    page = _Page(labels, truth)
    with completed(path) as stack:
        with writing(path):  # before the first picture is read: a run may take hours
            file = stack.enter_context(replaced(Path(path)))
        yield page.add
        with writing(path):
            page.write(file)


@dataclass(slots=True)
class _Picture:
    """The parts of one picture that the page shows."""

    prediction: Prediction
    truth: str | None
    pixels: NDArray[np.uint8]  # what the model saw: uint8 [28, 28]
    original: bytes | None  # a small WebP


# Mistake or not, uncertain or not, minus the score, minus the place: the larger it is, the more the
# picture needs to be checked. No two pictures have the same.
_Need = tuple[bool, bool, float, int]


@dataclass(slots=True)
class _Page:
    """Counts everything, and keeps what is shown."""

    labels: tuple[str, ...]
    truth: Truth | None
    # A heap: its first picture needs to be checked least.
    kept: list[tuple[_Need, _Picture]] = field(default_factory=list)
    errors: list[tuple[Prediction, str | None]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    read_as: Counter[str | None] = field(default_factory=Counter)  # readable pictures by label
    mistakes: int = 0
    known: int = 0  # pictures that have a truth
    places: Iterator[int] = field(default_factory=count)

    def add(self, answers: Answers) -> None:
        fitted, thumbnails = answers.reading.fitted, answers.reading.thumbnails
        assert fitted is not None
        assert thumbnails is not None
        for each in zip(answers.predictions, fitted, thumbnails, strict=True):
            self._add(*each)

    def _add(
        self, prediction: Prediction, pixels: NDArray[np.uint8], original: bytes | None
    ) -> None:
        truth = self.truth(prediction) if self.truth else None
        mistaken = truth is not None and prediction.label != truth
        self.known += truth is not None
        self.mistakes += mistaken
        self.statuses[prediction.status] += 1
        if prediction.status == "error":
            if len(self.errors) < ERRORS:
                self.errors.append((prediction, truth))
            return
        self.read_as[prediction.label] += 1
        # A blank picture has no score. It comes after the doubtful ones, which it would crowd out.
        score = 2.0 if prediction.score is None else prediction.score
        need = mistaken, prediction.status != "ok", -score, -next(self.places)
        if len(self.kept) >= PICTURES and need < self.kept[0][0]:
            return
        # A copy, so that what is kept does not hold on to all pictures of its chunk.
        entry = need, _Picture(prediction, truth, pixels.copy(), original)
        if len(self.kept) < PICTURES:
            heapq.heappush(self.kept, entry)
        else:
            heapq.heapreplace(self.kept, entry)

    def write(self, file: BinaryIO) -> None:
        """Write the whole page. Raises OSError."""
        pictures = [picture for _, picture in sorted(self.kept, reverse=True)]
        errors = [
            _json([_shown(each.path), _shown(each.reason), truth]) for each, truth in self.errors
        ]
        rows = _rows(pictures, self.labels, BUDGET - sum(map(len, errors)))
        data = [
            *(b'{"summary":', _json(self._summary())),
            *(b',"pictures":[', b",\n".join(rows)),
            *(b'],"errors":[', b",\n".join(errors), b"]}"),
        ]
        template = files("tinydigits.sinks").joinpath("report.html").read_text("utf-8")
        file.write(Template(template).substitute(data=b"".join(data).decode()).encode())

    def _summary(self) -> dict[str, object]:
        return {
            "labels": self.labels,
            "counts": {status: self.statuses[status] for status in ("ok", "uncertain", "error")},
            "readAs": [self.read_as[label] for label in (*self.labels, None)],
            "known": self.known if self.truth else None,
            "mistakes": self.mistakes,
        }


def _rows(pictures: list[_Picture], labels: tuple[str, ...], budget: int) -> list[bytes]:
    """Return a JSON array for each picture, with as many images as the budget allows: first what
    the model saw, then the originals, beginning with the picture that most needs to be checked.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    texts = [_text(picture, numbers) for picture in pictures]
    budget -= sum(len(text) + len(b',"",""],\n') for text in texts)
    seen, budget = _affordable((_webp(picture.pixels) for picture in pictures), budget)
    originals, _ = _affordable((picture.original or b"" for picture in pictures), budget)
    return [
        b'%s,"%s","%s"]' % (text, original, inside)
        for text, original, inside in zip(texts, originals, seen, strict=True)
    ]


def _text(picture: _Picture, numbers: dict[str, int]) -> bytes:
    """Return a picture's row without its images and without the bracket that closes it."""
    answer = picture.prediction
    score = None if answer.score is None else round(answer.score, _SCORE_DIGITS)
    number = None if answer.label is None else numbers[answer.label]
    return _json([_shown(answer.path), number, score, answer.reason, picture.truth])[:-1]


def _affordable(images: Iterator[bytes], budget: int) -> tuple[list[bytes], int]:
    """Return each image as Base64, empty from the first over the budget; and what is left."""
    encoded: list[bytes] = []
    for image in images:
        image = b64encode(image)
        budget -= len(image)
        encoded.append(image if budget >= 0 else b"")
    return encoded, budget


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    """Return a lossless WebP: 200 bytes for a digit, where PNG takes 265."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True)
    return file.getvalue()


def _shown(text: str | None) -> str:
    """Return a text on one line. \\xff shows a byte that is not UTF-8."""
    whole = printable(_NOT_UTF8.sub(lambda m: f"\\x{ord(m[0]) - 0xDC00:02x}", text or ""))
    return whole if len(whole) <= TEXT else "…" + whole[1 - TEXT :]


def _json(value: object) -> bytes:
    """Return JSON for a script element: no character of it begins markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_UNSAFE).encode("utf-8", "backslashreplace")
