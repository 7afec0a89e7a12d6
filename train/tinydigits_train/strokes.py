"""Pen strokes: digits in ways of writing that MNIST has few of, signs, words, scribbles, textures.

A shape of `shapes` becomes smooth curves (Catmull and Rom, 1974), shaken, slanted and stretched,
drawn with a pen of random width.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tinydigits.pen import curve
from tinydigits_train.shapes import DIGIT_SHAPES

SIDE = 84  # px: drawn at three times the size of a model input
STEPS = 12  # points of a curve between two of those that are given
CIRCLE = np.linspace(0, 2 * np.pi, 9)  # rad: the points of a circle that a curve runs through


def digit(which: int, random: np.random.Generator) -> Image.Image:
    """Draw a digit in one way of writing, with a pen of random width."""
    ways = DIGIT_SHAPES[which]
    way = ways[int(random.integers(len(ways)))]
    return _drawn(_strokes(way), random, shake=random.uniform(0.5, 3.5))


def sign(shapes: Mapping[str, str], random: np.random.Generator) -> Image.Image:
    """Draw one of `shapes`."""
    shape = list(shapes.values())[int(random.integers(len(shapes)))]
    return _drawn(_strokes(shape), random, shake=random.uniform(0.5, 4.0))


def word(shapes: Mapping[str, str], random: np.random.Generator) -> Image.Image:
    """Draw 2 to 5 of `shapes` in a row."""
    drawings = [sign(shapes, random) for _ in range(int(random.integers(2, 6)))]
    cropped = [drawing.crop(drawing.getbbox()) for drawing in drawings]
    gap = int(random.integers(2, 12))
    row = Image.new("L", (sum(one.width + gap for one in cropped), SIDE))
    left = 0
    for one in cropped:
        row.paste(one, (left, SIDE - one.height))
        left += one.width + gap
    return row


def _strokes(shape: str) -> list[NDArray[np.float64]]:
    """Return the strokes of a shape, each float64 [N, 2] in percent."""
    return [_stroke(stroke) for stroke in shape.split("|")]


def _stroke(stroke: str) -> NDArray[np.float64]:
    if stroke.startswith("o"):
        x, y, radius = map(float, stroke[1:].split(","))
        return np.array([x, y]) + radius * np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], axis=1)
    return np.array([[float(number) for number in point.split(",")] for point in stroke.split()])


def scribble(random: np.random.Generator) -> Image.Image:
    """Draw strokes through random points, with too many turns for a digit."""
    strokes = [
        random.uniform(5, 95, (int(random.integers(4, 9)), 2))
        for _ in range(int(random.integers(1, 4)))
    ]
    if len(strokes) == 1:
        strokes[0] = random.uniform(5, 95, (int(random.integers(7, 14)), 2))
    return _drawn(strokes, random, shake=0)


def texture(random: np.random.Generator) -> Image.Image:
    """Draw noise of one scale, with or without a threshold, or stripes."""
    kind = random.integers(4)
    if kind == 3:
        angle, period = random.uniform(0, np.pi), random.uniform(4, 30)
        rows, columns = np.indices((SIDE, SIDE))
        waves = np.sin((rows * np.sin(angle) + columns * np.cos(angle)) * 2 * np.pi / period)
        levels = (waves > random.uniform(-0.5, 0.5)) * 255.0
    else:
        grid = int(random.integers(3, 40))
        small = Image.fromarray(random.uniform(0, 255, (grid, grid)).astype(np.uint8))
        levels = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float64)
        if kind:
            levels = (levels > np.quantile(levels, random.uniform(0.4, 0.95))) * 255.0
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def _drawn(
    strokes: list[NDArray[np.float64]], random: np.random.Generator, shake: float
) -> Image.Image:
    canvas = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(canvas)
    width = int(random.integers(2, 12))
    slant, stretch = random.normal(0, 0.15), random.uniform(0.6, 1.0, 2)
    turn = random.normal(0, 0.08)
    for stroke in strokes:
        points = stroke + random.normal(0, max(shake, 1e-9), stroke.shape)
        x, y = (points.T - 50) * stretch[:, np.newaxis]
        x, y = x - slant * y - turn * y, y + turn * x
        path = curve(np.stack([x, y], axis=1) * (0.8 * SIDE / 100) + SIDE / 2, STEPS)
        draw.line([(float(a), float(b)) for a, b in path], fill=255, width=width, joint="curve")
        for a, b in (path[0], path[-1]):
            draw.ellipse((a - width / 2, b - width / 2, a + width / 2, b + width / 2), fill=255)
    return canvas
