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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.judging import Answers
from tinydigits.numbers import NumberAnswers, on_one_line
from tinydigits.sinks.files import completed, replaced, writing
from tinydigits.sinks.rows import Write
from tinydigits.text import printable

PICTURES = 10_000  # on a page: a browser shows these without effort
ERRORS = 2_000  # unreadable ones that are listed
BUDGET = 18_000_000  # bytes of pictures and text on a page
NAMES = 2_000_000  # bytes of names that are not as they are shown, which corrections.csv needs
TEXT = 200  # characters of a name or a reason; a longer one is cut at the beginning
NUMBERS = "numbers"  # the only class of a page that shows whole numbers

_SCORE_DIGITS = 4
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}

Truth = Callable[[Any], str | None]
"""Returns what the picture of a Prediction or a Number really shows, if that is known."""


class Box(NamedTuple):
    """One digit of a number. The edges are shares of the picture's width and height, in [0, 1]."""

    text: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(slots=True)
class Card:
    """What the page shows of one picture."""

    name: str | None
    text: str | None
    """The answer: a label, or the digits of a number, rows parted by a blank; None for none."""

    score: float | None
    status: str
    """`ok`, `uncertain` or `error`."""

    reason: str | None
    truth: str | None = None
    """What the picture really shows, written as `text` is; None where that is not known."""

    original: bytes | None = None
    """A small WebP of the upright picture."""

    seen: NDArray[np.uint8] | None = None
    """uint8 [28, 28]: what the model saw; None for a number."""

    boxes: tuple[Box, ...] = ()
    """The digits of a number, which are drawn over `original`."""

    @property
    def mistaken(self) -> bool:
        """Whether the picture was read, and not as what it shows."""
        return self.status != "error" and self.truth is not None and self.text != self.truth


@contextmanager
def report_sink(
    path: str, labels: tuple[str, ...] | None, truth: Truth | None = None
) -> Iterator[Write]:
    """Write an HTML page of what is read; see `report_page`.

    It takes Answers whose Reading has `fitted` and `thumbnails`; where `labels` is None, it takes
    NumberAnswers whose reading has `thumbnails`. `truth` returns what a picture really shows, with
    a blank between the lines of a number, or None where that is not known. Raises SinkError.
    """
    cards = _number_cards if labels is None else _cards
    with report_page(path, labels) as add:

        def write(answers: Any) -> None:
            for answer, card in zip(answers.predictions, cards(answers), strict=True):
                card.truth = truth(answer) if truth else None
                add(card)

        yield write


def _cards(answers: Answers) -> Iterator[Card]:
    fitted, thumbnails = answers.reading.fitted, answers.reading.thumbnails
    assert fitted is not None
    assert thumbnails is not None
    for each, seen, original in zip(answers.predictions, fitted, thumbnails, strict=True):
        answer = each.path, each.label, each.score, each.status, each.reason
        yield Card(*answer, original=original, seen=seen)


def _number_cards(answers: NumberAnswers) -> Iterator[Card]:
    sizes, thumbnails = answers.reading.sizes, answers.reading.thumbnails
    assert thumbnails is not None
    for number, size, original in zip(answers.predictions, sizes, thumbnails, strict=True):
        width, height = size or (1, 1)
        boxes = tuple(
            Box(each.label, each.score, left / width, top / height, right / width, bottom / height)
            for line in number.lines
            for each in line
            for left, top, right, bottom in (each.box,)
        )
        reason = number.reason if number.detail is None else f"{number.reason} ({number.detail})"
        answer = number.path, on_one_line(number), number.score, number.status, reason
        yield Card(*answer, original=original, boxes=boxes)


@contextmanager
def report_page(path: str, labels: tuple[str, ...] | None) -> Iterator[Callable[[Card], None]]:
    """Write an HTML page, which is there only when the block ends without an error. Yield the
    function that adds a picture to it.

    `labels` are the classes, in order; None where whole numbers are read. If cards have a truth,
    the page shows mistakes first. Raises SinkError.
    """
    page = _Page(labels)
    with completed(path) as stack:
        with writing(path):  # before the first picture is read: a run may take hours
            file = stack.enter_context(replaced(Path(path)))
        yield page.add
        with writing(path):
            page.write(file)


# Mistake or not, uncertain or not, minus the score, minus the place: the larger it is, the more the
# picture needs to be checked. No two pictures have the same.
_Need = tuple[bool, bool, float, int]


@dataclass(slots=True)
class _Page:
    """Counts everything, and keeps what is shown."""

    labels: tuple[str, ...] | None
    # A heap: its first picture needs to be checked least.
    kept: list[tuple[_Need, Card]] = field(default_factory=list)
    errors: list[Card] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    read_as: Counter[str | None] = field(default_factory=Counter)  # readable pictures by class
    sure: Counter[str | None] = field(default_factory=Counter)  # those that are ok and no mistakes
    mistakes: int = 0
    known: int = 0  # pictures that have a truth
    places: Iterator[int] = field(default_factory=count)

    def add(self, card: Card) -> None:
        self.known += card.truth is not None
        self.mistakes += card.mistaken
        self.statuses[card.status] += 1
        if card.status == "error":
            if len(self.errors) < ERRORS:
                self.errors.append(card)
            return
        class_ = NUMBERS if self.labels is None and card.text is not None else card.text
        self.read_as[class_] += 1
        self.sure[class_] += card.status == "ok" and not card.mistaken
        # A blank picture has no score. It comes after the doubtful ones, which it would crowd out.
        score = 2.0 if card.score is None else card.score
        need = card.mistaken, card.status != "ok", -score, -next(self.places)
        if len(self.kept) >= PICTURES and need < self.kept[0][0]:
            return
        if card.seen is not None:  # a copy does not hold on to all pictures of its chunk
            card.seen = card.seen.copy()
        if len(self.kept) < PICTURES:
            heapq.heappush(self.kept, (need, card))
        else:
            heapq.heapreplace(self.kept, (need, card))

    def write(self, file: BinaryIO) -> None:
        """Write the whole page. Raises OSError."""
        cards = [card for _, card in sorted(self.kept, reverse=True)]
        errors = [
            _json([_shown(each.name), _shown(each.reason), each.truth]) for each in self.errors
        ]
        rows = _rows(cards, BUDGET - sum(map(len, errors)))
        data = [
            *(b'{"summary":', _json(self._summary())),
            *(b',"pictures":[', b",\n".join(rows)),
            *(b'],"errors":[', b",\n".join(errors), b"]}"),
        ]
        template = files("tinydigits.sinks").joinpath("report.html").read_bytes()
        before, _, after = template.partition(b"$data")
        file.writelines((before, *data, after))

    def _summary(self) -> dict[str, object]:
        classes = (NUMBERS,) if self.labels is None else self.labels
        return {
            "labels": classes,
            "numbers": self.labels is None,
            "counts": {status: self.statuses[status] for status in ("ok", "uncertain", "error")},
            "readAs": [self.read_as[each] for each in (*classes, None)],
            "sure": [self.sure[each] for each in (*classes, None)],
            "known": self.known,
            "mistakes": self.mistakes,
        }


def _rows(cards: list[Card], budget: int) -> list[bytes]:
    """Return a JSON array for each picture, with as many images as the budget allows: first what
    the model saw, then the originals, beginning with the picture that most needs to be checked.
    """
    texts, names = [], NAMES
    for card in cards:
        file: str | int | None = card.name
        shown = _shown(card.name)
        if file == shown:
            file = 0  # nothing to add
        elif (names := names - len(_json(file))) < 0:
            file = None  # a correction cannot name it
        texts.append(_text(card, shown, file))
    budget -= sum(len(text) + len(b',"",""],\n') for text in texts)
    seen, budget = _affordable((_webp(card.seen) for card in cards), budget)
    originals, _ = _affordable((card.original or b"" for card in cards), budget)
    return [
        b'%s,"%s","%s"]' % (text, original, inside)
        for text, original, inside in zip(texts, originals, seen, strict=True)
    ]


def _text(card: Card, shown: str, file: str | int | None) -> bytes:
    """Return a picture's row without its images and without the bracket that closes it."""
    score = None if card.score is None else round(card.score, _SCORE_DIGITS)
    boxes = [[text, *(round(part, 4) for part in rest)] for text, *rest in card.boxes] or 0
    return _json([shown, card.text, score, card.reason, card.truth, file, boxes])[:-1]


def _affordable(images: Iterable[bytes], budget: int) -> tuple[list[bytes], int]:
    """Return each image as Base64, empty from the first over the budget; and what is left."""
    encoded: list[bytes] = []
    for image in images:
        image = b64encode(image)
        budget -= len(image)
        encoded.append(image if budget >= 0 else b"")
    return encoded, budget


def _webp(pixels: NDArray[np.uint8] | None) -> bytes:
    """Return a lossless WebP: 200 bytes for a digit, where PNG takes 265; no bytes for None."""
    if pixels is None:
        return b""
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
