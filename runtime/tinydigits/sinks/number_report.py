"""Report of numbers: each picture with a box around each digit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tinydigits.numbers import Number, NumberAnswers
from tinydigits.sinks.report import Box, Card, report_page
from tinydigits.sinks.rows import Write

Truth = Callable[[Number], str | None]


@contextmanager
def number_report_sink(path: str, truth: Truth | None = None) -> Iterator[Write]:
    """Write an HTML page of numbers; see `report_page`.

    It takes NumberAnswers whose reading has `thumbnails`. `truth` returns what a picture really
    shows, with a blank between lines, or None where that is not known. Raises SinkError.
    """
    with report_page(path, None) as add:

        def write(answers: NumberAnswers) -> None:
            sizes, originals = answers.reading.sizes, answers.reading.thumbnails
            assert originals is not None
            for number, size, original in zip(answers.predictions, sizes, originals, strict=True):
                add(_card(number, size, original, truth(number) if truth else None))

        yield write


def _card(
    number: Number, size: tuple[int, int] | None, original: bytes | None, truth: str | None
) -> Card:
    width, height = size or (1, 1)
    boxes = tuple(
        Box(each.label, each.score, left / width, top / height, right / width, bottom / height)
        for line in number.lines
        for each in line
        for left, top, right, bottom in (each.box,)
    )
    text = number.text and number.text.replace("\n", " ")
    reason = number.reason if number.detail is None else f"{number.reason} ({number.detail})"
    answer = number.path, text, number.score, number.status, reason
    return Card(*answer, truth, original, boxes=boxes)
