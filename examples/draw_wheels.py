"""Draws number wheels of meters as a labelled folder: `python examples/draw_wheels.py wheels`.

Each picture is a crop of 20×32 pixels, as a camera in front of a meter gives it: a printed digit,
light on dark or dark on light, at any light. The class `N` is a wheel between two digits.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

OF_A_DIGIT, BETWEEN = 30, 90  # pictures
SIZE = (20, 32)  # px
LARGE = 4  # wheels are drawn at so many times the size
STEP = 0.85  # from one digit of a wheel to the next, in heights of the window


def wheel(position: float, random: np.random.Generator) -> Image.Image:
    """Draw what the window shows. position: 3.0 shows a 3, and 3.5 the lower half of a 3 above the
    upper half of a 4.
    """
    width, height = (LARGE * side for side in SIZE)
    font = ImageFont.load_default(random.uniform(0.6, 0.8) * height)
    ink = Image.new("L", (width, height))
    draw = ImageDraw.Draw(ink)
    for digit in range(int(position) - 1, int(position) + 3):
        middle = height * (0.5 + STEP * (digit - position))
        draw.text((width / 2, middle), str(digit % 10), 255, font, anchor="mm")
    turned = ink.rotate(random.normal(0, 2), Image.Resampling.BILINEAR, translate=_shift(random))
    share = np.asarray(turned.resize(SIZE, Image.Resampling.BOX), np.float32)[..., None] / 255
    paper, print_ = _colours(random)
    return _photographed(paper + share * (print_ - paper), random)


def _shift(random: np.random.Generator) -> tuple[int, int]:
    across, down = (LARGE * random.normal(0, 1, 2)).round()
    return int(across), int(down)


def _colours(random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the colours of the wheel and of its digits, float64 [3] in 0..255."""
    colours = np.repeat([[random.uniform(10, 70)], [random.uniform(150, 230)]], 3, axis=1)
    if random.random() < 0.3:  # the wheels behind the point are red
        red = [random.uniform(*reach) for reach in ((120, 180), (20, 60), (20, 60))]
        colours[0] = np.array(red)
    return (colours[0], colours[1]) if random.random() < 0.6 else (colours[1], colours[0])


def _photographed(colours: NDArray[np.float64], random: np.random.Generator) -> Image.Image:
    """Return the wheel at some light, a little blurred, with the grain of a cheap camera."""
    slope = np.linspace(-1, 1, SIZE[1])[:, None, None] * random.normal(0, 0.15)
    lit = colours * random.uniform(0.4, 1.1) * (1 + slope) + random.normal(0, 5, colours.shape)
    picture = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0, 0.8)))


def main(folder: Path) -> None:
    """Write the pictures."""
    random = np.random.default_rng(0)
    for name in (*"0123456789", "N"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(BETWEEN if name == "N" else OF_A_DIGIT):
            if name == "N":
                position = float(random.integers(10) + random.uniform(0.3, 0.7))
            else:
                position = float(int(name) + random.normal(0, 0.04))
            wheel(position, random).save(folder / name / f"{number:03}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "wheels"))
