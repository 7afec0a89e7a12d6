"""Drawn scenes: a digit on the kinds of paper, in the light and among the lines that people have.

Each kind is a function of a sheet; SCENES names them. All is seeded, so that every run draws the
same pictures.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from examples.draw_scans import mask

Floats = NDArray[np.float64]


@dataclass
class Sheet:
    """A digit on plain paper, to be changed."""

    random: np.random.Generator
    levels: Floats
    """float64 [H, W, 3], 0..255."""

    box: tuple[int, int, int, int]
    """Left, top, right and bottom of the square that the digit was drawn into."""

    @property
    def digit_side(self) -> int:
        """The side of that square, in px."""
        return self.box[2] - self.box[0]


def scenes(kind: str, count: int) -> Iterator[tuple[Image.Image, str]]:
    """Yield `count` pictures of a kind of SCENES, each with its digit; all ten digits in turn."""
    share, change = SCENES[kind]
    for number in range(count):
        random = np.random.default_rng([*kind.encode(), number])
        sheet = _sheet(number % 10, random, share)
        change(sheet)
        levels = sheet.levels + random.normal(0, random.uniform(0, 4), (*sheet.levels.shape[:2], 1))
        yield Image.fromarray(levels.clip(0, 255).astype(np.uint8)), str(number % 10)


def _sheet(digit: int, random: np.random.Generator, share: tuple[float, float]) -> Sheet:
    width = int(random.integers(110, 420))
    height = int(width * random.uniform(0.85, 1.25))
    side = int(random.uniform(*share) * min(width, height) / 0.68)  # `mask` leaves a margin
    side = min(side, width, height)
    left, top = (int(random.uniform(0.2, 0.8) * (length - side)) for length in (width, height))
    ink = np.zeros((height, width, 1))
    pen = random.uniform(0.05, 0.09)
    seed = int(random.integers(1000))
    ink[top : top + side, left : left + side, 0] = mask(digit, (side, side), pen, seed)
    paper = random.uniform(200, 250) + random.normal(0, 8, 3)
    colour = np.array([(30, 30, 35), (30, 40, 130), (130, 30, 40), (20, 60, 70)])[digit % 4]
    return Sheet(random, paper * (1 - ink) + colour * ink, (left, top, left + side, top + side))


def _textured(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    cell = int(sheet.random.integers(3, 14))
    coarse = sheet.random.normal(0, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    sheet.levels *= np.array([0.85, 0.85, 0.45])
    sheet.levels += np.asarray(smooth)[..., np.newaxis] * sheet.random.uniform(5, 13)


def _grainy(sheet: Sheet) -> None:
    sheet.levels += sheet.random.normal(0, sheet.random.uniform(8, 20), sheet.levels.shape)


def _lined(sheet: Sheet, across: bool, strength: tuple[float, float]) -> None:
    random = sheet.random
    rows, columns = np.indices(sheet.levels.shape[:2])
    spacing = sheet.digit_side * random.uniform(0.3, 1.2)
    width = max(1.0, sheet.digit_side * random.uniform(0.008, 0.03))
    lean = random.normal(0, 0.03)
    ways = [rows + lean * columns, columns - lean * rows] if across else [rows + lean * columns]
    distances = [abs((way + random.uniform(0, spacing)) % spacing - spacing / 2) for way in ways]
    cover = np.clip(width / 2 + 0.5 - np.min(distances, axis=0), 0, 1)[..., np.newaxis]
    lines = sheet.levels * (1 - cover) + np.array([90, 110, 160]) * cover
    strong = random.uniform(*strength)
    sheet.levels = np.minimum(sheet.levels, sheet.levels * (1 - strong) + lines * strong)


def _inked(sheet: Sheet, draw: Callable[[ImageDraw.ImageDraw], object]) -> None:
    """Lay black ink over the sheet, where `draw` draws."""
    height, width = sheet.levels.shape[:2]
    canvas = Image.new("L", (width, height))
    draw(ImageDraw.Draw(canvas))
    cover = np.asarray(canvas)[..., np.newaxis] / 255
    sheet.levels = sheet.levels * (1 - cover) + 35 * cover


def _boxed(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    edge = min(width, height) * sheet.random.uniform(0.02, 0.07)
    lean = sheet.random.uniform(-0.01, 0.01) * height
    corners = [
        *((edge, edge + lean), (width - edge, edge - lean)),
        *((width - edge, height - edge - lean), (edge, height - edge + lean)),
    ]
    thick = max(1, round(min(width, height) * sheet.random.uniform(0.008, 0.025)))
    _inked(sheet, lambda draw: draw.line([*corners, corners[0]], fill=230, width=thick))


def _box_sides(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    edge = min(width, height) * sheet.random.uniform(0.01, 0.07)
    sides = (
        *((0, edge, width, edge), (0, height - edge, width, height - edge)),
        *((edge, 0, edge, height), (width - edge, 0, width - edge, height)),
    )
    thick = max(1, round(min(width, height) * sheet.random.uniform(0.01, 0.04)))
    for side in sheet.random.permutation(4)[: sheet.random.integers(1, 4)]:
        _inked(sheet, lambda draw, side=sides[side]: draw.line(side, fill=230, width=thick))  # type: ignore[misc]


def _stray(sheet: Sheet) -> None:
    """Draw a straight line that does not meet the digit."""
    height, width = sheet.levels.shape[:2]
    left, top, right, bottom = sheet.box
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    while True:
        start, end = sheet.random.uniform(0, 1, (2, 2)) * (width, height)
        along = (end - start) / max(float(np.hypot(*(end - start))), 1.0)
        away = abs(float(along[0] * (middle - start)[1] - along[1] * (middle - start)[0]))
        if away > 0.5 * sheet.digit_side and float(np.hypot(*(end - start))) > 0.4 * width:
            break
    thick = max(1, round(sheet.digit_side * sheet.random.uniform(0.02, 0.06)))
    _inked(sheet, lambda draw: draw.line([*start, *end], fill=230, width=thick))


def _shadow(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    rows, columns = np.indices((height, width))
    turn = sheet.random.uniform(0, 2 * np.pi)
    across = np.cos(turn) * (columns - width * sheet.random.uniform(0.2, 0.8))
    down = np.sin(turn) * (rows - height * sheet.random.uniform(0.2, 0.8))
    softness = sheet.random.uniform(0.003, 0.08) * max(width, height)
    dark = sheet.random.uniform(0.2, 0.55) / (1 + np.exp(-(across + down) / softness))
    sheet.levels *= 1 - dark[..., np.newaxis]


def _uneven_light(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    rows, columns = np.indices((height, width))
    turn = sheet.random.uniform(0, 2 * np.pi)
    slope = np.cos(turn) * columns / width + np.sin(turn) * rows / height
    away = (columns / width - 0.5) ** 2 + (rows / height - 0.5) ** 2
    light = (0.75 + 0.25 * slope) * (1 - 0.45 * away * sheet.random.uniform(0, 2))
    sheet.levels *= light[..., np.newaxis]


def _on_a_table(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    left, top, right, bottom = sheet.box
    share = sheet.random.uniform(0.05, 0.6, 4)
    low, high = left * share[0], width - (width - right) * share[1]
    first, last = top * share[2], height - (height - bottom) * share[3]
    lean = sheet.random.uniform(-0.04, 0.04) * height
    corners = [(low, first + lean), (high, first - lean), (high, last - lean), (low, last + lean)]
    paper = Image.new("L", (width, height))
    ImageDraw.Draw(paper).polygon(corners, fill=255)
    cover = np.asarray(paper)[..., np.newaxis] / 255
    table = sheet.random.uniform(20, 110) + sheet.random.normal(0, 10, 3)
    sheet.levels = sheet.levels * cover + table * (1 - cover)


def _thumb(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    x, y = (width * int(sheet.random.integers(2)), height * int(sheet.random.integers(2)))
    wide, tall = width * sheet.random.uniform(0.1, 0.16), height * sheet.random.uniform(0.12, 0.2)
    skin = Image.new("L", (width, height))
    ImageDraw.Draw(skin).ellipse((x - wide, y - tall, x + wide, y + tall), fill=255)
    cover = np.asarray(skin.filter(ImageFilter.GaussianBlur(2)))[..., np.newaxis] / 255
    sheet.levels = sheet.levels * (1 - cover) + np.array([190, 130, 110]) * cover


def _dusty(sheet: Sheet) -> None:
    height, width = sheet.levels.shape[:2]
    for _ in range(int(sheet.random.integers(3, 25))):
        size = sheet.digit_side * sheet.random.uniform(0.007, 0.02)
        x, y = sheet.random.uniform(0, width), sheet.random.uniform(0, height)
        dot = (x - size, y - size, x + size, y + size)
        _inked(sheet, lambda draw, dot=dot: draw.ellipse(dot, fill=200))  # type: ignore[misc]


def _compressed(sheet: Sheet) -> None:
    file = io.BytesIO()
    picture = Image.fromarray(sheet.levels.clip(0, 255).astype(np.uint8))
    picture.save(file, "JPEG", quality=int(sheet.random.integers(5, 25)))
    sheet.levels = np.asarray(Image.open(file), np.float64)


def _inverse(sheet: Sheet) -> None:
    sheet.levels = 255 - sheet.levels


def _faint(sheet: Sheet) -> None:
    paper = np.median(sheet.levels, axis=(0, 1))
    sheet.levels = paper + (sheet.levels - paper) * sheet.random.uniform(0.15, 0.3)


def _on_a_large_sheet(sheet: Sheet) -> None:
    """Put the picture, its digit 24 to 40 px tall, on a sheet that is 16 to 50 times as large."""
    tall = sheet.random.uniform(24, 40)
    paper = np.median(sheet.levels, axis=(0, 1))
    height, width = sheet.levels.shape[:2]
    shrink = tall / (0.68 * sheet.digit_side)
    small = Image.fromarray(sheet.levels.clip(0, 255).astype(np.uint8)).resize(
        (max(1, int(width * shrink)), max(1, int(height * shrink))), Image.Resampling.BOX
    )
    side = int(tall / sheet.random.uniform(0.02, 0.06))
    left, top = (int(sheet.random.uniform(0.1, 0.9) * (side - each)) for each in small.size)
    sheet.levels = np.full((side, side, 3), paper)
    sheet.levels[top : top + small.height, left : left + small.width] = np.asarray(small)


Change = Callable[[Sheet], None]
_LARGE, _MEDIUM, _SMALL = (0.4, 0.7), (0.3, 0.55), (0.25, 0.4)
# name → share of the shorter side that the digit is tall, and what is done to the sheet
SCENES: dict[str, tuple[tuple[float, float], Change]] = {
    "plain paper": (_MEDIUM, lambda _: None),
    "textured paper": (_LARGE, _textured),
    "grainy paper": (_LARGE, _grainy),
    "squared paper": (_MEDIUM, partial(_lined, across=True, strength=(0.15, 0.6))),
    "ruled paper": (_MEDIUM, partial(_lined, across=False, strength=(0.3, 1.0))),
    "in a box": (_MEDIUM, _boxed),
    "beside sides of a box": (_MEDIUM, _box_sides),
    "beside a stray line": (_SMALL, _stray),
    "across a shadow's edge": (_SMALL, _shadow),
    "uneven light": (_MEDIUM, _uneven_light),
    "sheet on a table": (_SMALL, _on_a_table),
    "thumb in a corner": (_SMALL, _thumb),
    "dust": (_MEDIUM, _dusty),
    "JPEG of low quality": (_MEDIUM, _compressed),
    "bright on dark": (_MEDIUM, _inverse),
    "faint": (_MEDIUM, _faint),
    "small on a large sheet": (_MEDIUM, _on_a_large_sheet),
}
