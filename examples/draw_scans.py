"""Draws examples/scans, numbers and broken: `python examples/draw_scans.py`.

Each digit is one or more pen strokes, given as points that a smooth curve runs through
(Catmull-Rom), shaken a little and drawn with a round pen, so no font and no data set is involved.
"""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.pen import OVERSAMPLING, curve, drawn

HERE = Path(__file__).parent
STEPS = 60  # points of a curve between two of those that are given

# Points "x,y" in percent, x to the right, y down. The pen is lifted between strokes.
STROKES: dict[int | str, list[str]] = {
    0: ["52,5 25,30 27,75 50,95 74,70 72,25 50,5"],
    1: ["56,5 52,50 48,95"],
    2: ["22,27 40,7 68,12 70,36 48,65 20,93 48,88 80,93"],
    3: ["24,13 50,5 72,20 62,40 42,47", "42,47 70,56 76,78 50,95 22,86"],
    4: ["32,6 26,30 22,52 50,55 82,50", "68,6 64,50 60,96"],
    5: ["32,10 50,9 78,7", "32,10 28,42 56,42 74,66 58,90 22,90"],
    6: ["64,5 40,30 27,65 42,94 70,84 68,60 46,54 30,74"],
    7: ["20,11 50,10 78,8", "78,8 60,45 44,96"],
    8: ["68,16 46,6 30,22 48,46 70,70 52,95 30,76 50,48 68,16"],
    9: ["70,20 48,7 28,25 42,48 68,38 71,20", "71,20 70,55 62,95"],
    "-": ["25,52 50,50 75,51"],
}


def mask(sign: int | str, size: tuple[int, int], pen: float, seed: int) -> NDArray[np.float32]:
    """float32 [H, W]: how much of each pixel the pen covered, in [0, 1].

    `size` is (width, height) in px, `pen` the width of the stroke as a share of the height.
    """
    shake = random.Random(seed)
    width, height = (side * OVERSAMPLING for side in size)
    tall, wide = 0.68 * height, 0.62 * min(width, height)
    left, top = (width - wide) / 2, (height - tall) / 2
    slant = shake.uniform(-0.12, 0.16)
    paths = []
    for stroke in STROKES[sign]:
        points = [[int(number) / 100 for number in point.split(",")] for point in stroke.split()]
        shaken = [(x + shake.gauss(0, 0.012), y + shake.gauss(0, 0.012)) for x, y in points]
        x, y = curve(np.array(shaken), STEPS).T
        across, down = left + (x + slant * (0.5 - y)) * wide, top + y * tall
        paths.append(np.stack([across, down], axis=1))
    return drawn(paths, size, pen * height / 2).astype(np.float32) / np.float32(255)


def rows_mask(text: str, height: int, pen: float, seed: int) -> NDArray[np.float32]:
    """float32 [H, W]: lines of signs, each `height` px high, with a margin around them."""
    lines = [
        np.concatenate(
            [
                mask(
                    int(sign) if sign.isdigit() else sign,
                    (round(0.6 * height), height),
                    pen,
                    seed * 100 + row * 10 + place,
                )
                for place, sign in enumerate(line)
            ],
            axis=1,
        )
        for row, line in enumerate(text.split("\n"))
    ]
    widest = max(line.shape[1] for line in lines)
    padded = [np.pad(line, ((0, 0), (0, widest - line.shape[1]))) for line in lines]
    return np.pad(np.concatenate(padded), height // 4)


Colour = tuple[int, int, int]


def on_paper(ink: NDArray[np.float32], seed: int, pen: Colour, paper: Colour) -> Image.Image:
    """A scan: coloured ink on paper with grain and a slow change of light."""
    noise = np.random.default_rng(seed)
    height, width = ink.shape
    light = 1 - 0.12 * np.linspace(0, 1, width) * np.linspace(0.3, 1, height)[:, np.newaxis]
    ground = np.array(paper) * light[..., np.newaxis]
    grain = noise.normal(0, 3, (height, width, 1))
    cover = ink[..., np.newaxis]
    return _image(ground * (1 - cover) + np.array(pen) * cover + grain)


def white_on_black(ink: NDArray[np.float32], _seed: int) -> Image.Image:
    """Draw bright on black, as drawing programs and data sets do."""
    return Image.fromarray((ink * 255 + 0.5).astype(np.uint8))


def transparent(ink: NDArray[np.float32], _seed: int) -> Image.Image:
    """Black ink on nothing: every pixel is black, and only alpha holds the digit."""
    rgba = np.zeros((*ink.shape, 4), np.uint8)
    rgba[..., 3] = (ink * 255 + 0.5).astype(np.uint8)
    return Image.fromarray(rgba)


def _image(levels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def _paper(pen: Colour, paper: Colour) -> Callable[[NDArray[np.float32], int], Image.Image]:
    return lambda ink, seed: on_paper(ink, seed, pen, paper)


WHITE, YELLOW, GREY = (246, 245, 240), (250, 236, 150), (188, 186, 180)
black_pen = _paper((30, 30, 36), WHITE)
pencil = _paper((120, 120, 124), WHITE)
blue_pen = _paper((36, 56, 150), WHITE)
red_pen = _paper((190, 36, 40), WHITE)
green_pen = _paper((20, 110, 60), YELLOW)
on_grey = _paper((50, 48, 46), GREY)

# name, digit (None: a blank sheet), style, (width, height) in px, pen width as share of height
SCANS = [
    ("0-black-pen.png", 0, black_pen, (120, 150), 0.05),
    ("0-white-on-black.png", 0, white_on_black, (64, 64), 0.08),
    ("0-transparent.png", 0, transparent, (200, 200), 0.06),
    ("1-black-pen.jpg", 1, black_pen, (160, 200), 0.05),
    ("1-small.png", 1, white_on_black, (28, 28), 0.08),
    ("2-blue-pen.jpg", 2, blue_pen, (240, 260), 0.05),
    ("2-white-on-black.png", 2, white_on_black, (96, 96), 0.07),
    ("2-pencil.png", 2, pencil, (180, 200), 0.05),
    ("3-red-pen.jpg", 3, red_pen, (200, 220), 0.06),
    ("3-transparent.png", 3, transparent, (128, 128), 0.08),
    ("3-black-pen.bmp", 3, black_pen, (72, 80), 0.07),
    ("4-green-on-yellow.jpg", 4, green_pen, (300, 300), 0.05),
    ("4-white-on-black.png", 4, white_on_black, (256, 256), 0.06),
    ("4-black-pen.webp", 4, black_pen, (140, 140), 0.06),
    ("5-pencil.png", 5, pencil, (150, 170), 0.06),
    ("5-on-grey.jpg", 5, on_grey, (220, 240), 0.06),
    ("5-black-pen.tiff", 5, black_pen, (64, 72), 0.08),
    ("6-blue-pen.jpg", 6, blue_pen, (180, 240), 0.05),
    ("6-white-on-black.pgm", 6, white_on_black, (56, 56), 0.08),
    ("6-transparent.png", 6, transparent, (90, 120), 0.06),
    ("7-black-pen.jpg", 7, black_pen, (640, 480), 0.05),
    ("7-white-on-black.gif", 7, white_on_black, (80, 80), 0.07),
    ("7-red-pen.png", 7, red_pen, (110, 130), 0.06),
    ("8-on-grey.png", 8, on_grey, (160, 180), 0.06),
    ("8-small.png", 8, white_on_black, (32, 32), 0.08),
    ("9-blue-pen.png", 9, blue_pen, (130, 150), 0.06),
    ("9-black-pen.jpg", 9, black_pen, (400, 500), 0.05),
    ("10-blank-sheet.jpg", None, black_pen, (200, 200), 0.05),
]
# name, signs, style, height of a line in px, pen width as share of that height
NUMBERS = [
    ("2478-black-pen.png", "2478", black_pen, 90, 0.06),
    ("31415-white-on-black.png", "31415", white_on_black, 48, 0.08),
    ("5550142-blue-pen.jpg", "555-0142", blue_pen, 120, 0.05),
    ("two-lines.jpg", "1367\n2015", red_pen, 110, 0.06),
    ("90-pencil.png", "90", pencil, 150, 0.05),
]


def draw(folder: Path) -> None:
    """Write SCANS, NUMBERS with the table of their truth, and the broken files below `folder`."""
    scans, numbers, broken = (folder / name for name in ("scans", "numbers", "broken"))
    for each in (scans, numbers, broken):
        each.mkdir(exist_ok=True)
    truth = ["file,truth"]
    for seed, (name, signs, style, height, pen) in enumerate(NUMBERS):
        style(rows_mask(signs, height, pen, seed), seed).save(numbers / name)
        truth.append(f"{name},{signs.replace('-', '').replace(chr(10), ' ')}")
    (numbers / "truth.csv").write_text("\n".join(truth) + "\n")
    for seed, (name, digit, style, size, pen) in enumerate(SCANS):
        ink = np.zeros(size[::-1], np.float32) if digit is None else mask(digit, size, pen, seed)
        style(ink, seed).save(scans / name)
    whole = (scans / "0-black-pen.png").read_bytes()
    (broken / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (broken / "text.png").write_text("This is a text file with the name of an image.\n")
    (broken / "empty.png").write_bytes(b"")


if __name__ == "__main__":
    draw(HERE)
