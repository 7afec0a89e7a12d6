"""Pen strokes: digits in ways of writing that MNIST has few of, letters, scribbles, textures.

A shape is points that a smooth curve runs through (Catmull and Rom, 1974), shaken. Letters that
handwriting does not tell from a digit (O, I, l, S, Z, B, G, q, g, b, o, s, z, i) are left out.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tinydigits.pen import curve

SIDE = 84  # px: drawn at three times the size of a model input
STEPS = 12  # points of a curve between two of those that are given
# Points "x,y" in percent, x to the right, y down; "|" lifts the pen; corners are doubled points.
LETTER_SHAPES = {
    "A": "15,95 50,5 50,5 85,95|28,62 72,62",
    "A2": "20,95 30,20 50,5 70,20 80,95|25,55 75,55",
    "C": "80,20 55,5 25,25 20,60 40,93 65,92 82,80",
    "D": "25,5 25,95|25,5 60,12 82,45 70,82 25,95",
    "E": "78,6 25,6 25,6 25,94 25,94 80,94|25,50 68,50",
    "E2": "75,15 45,6 25,22 50,46 50,46 22,68 40,94 78,84",
    "F": "80,6 25,6 25,6 25,95|25,48 70,48",
    "H": "22,5 22,95|78,5 78,95|22,50 78,50",
    "J": "70,5 70,60 60,92 35,92 22,75|45,5 90,5",
    "K": "25,5 25,95|78,5 26,55 26,55 80,95",
    "L": "25,5 25,94 25,94 80,94",
    "M": "12,95 18,5 18,5 50,70 50,70 82,5 82,5 88,95",
    "N": "20,95 20,5 20,5 80,95 80,95 80,5",
    "P": "25,5 25,95|25,5 65,8 78,28 62,50 25,52",
    "Q": "50,5 22,25 20,65 50,90 80,65 78,25 50,5|55,65 90,100",
    "R": "25,5 25,95|25,5 65,8 76,28 60,48 26,50 26,50 80,95",
    "T": "10,6 90,6|50,6 50,95",
    "U": "20,5 20,60 35,92 65,92 80,60 80,5",
    "V": "15,5 50,95 50,95 85,5",
    "W": "8,5 28,95 28,95 50,35 50,35 72,95 72,95 92,5",
    "X": "15,5 85,95|85,5 15,95",
    "Y": "15,5 50,50 50,50 85,5|50,50 50,95",
    "Y2": "15,5 48,55|85,5 25,95",
    "a": "75,40 45,32 22,60 38,92 68,80 75,40 75,75 85,95",
    "d": "75,50 42,42 22,70 40,94 70,82 75,50|75,5 75,95",
    "e": "22,65 78,60 70,35 40,32 22,60 38,93 78,85",
    "f": "75,12 55,5 45,25 45,95|25,45 70,45",
    "h": "25,5 25,95|25,60 50,42 72,58 72,95",
    "k": "28,5 28,95|70,40 30,65 30,65 75,95",
    "m": "10,95 10,40 10,50 28,38 42,52 42,95 42,52 65,38 82,52 82,95",
    "n": "22,95 22,38 22,52 50,36 75,52 75,95",
    "p": "25,35 25,100|25,45 60,35 78,60 60,88 25,80",
    "r": "30,95 30,38 30,55 50,38 72,42",
    "t": "48,8 48,80 60,95 75,88|22,35 78,35",
    "u": "22,38 24,80 48,94 72,80 74,38 74,80 84,95",
    "v": "20,38 50,95 50,95 80,38",
    "w": "10,38 28,95 28,95 50,50 50,50 72,95 72,95 90,38",
    "x": "22,38 78,95|78,38 22,95",
    "+": "50,15 50,85|15,50 85,50",
    "=": "20,35 80,35|20,65 80,65",
    "#": "35,10 28,90|70,10 62,90|12,35 90,35|10,65 88,65",
    "*": "50,15 50,85|18,32 82,68|82,32 18,68",
    "?": "25,25 45,6 75,20 65,45 50,58 50,70|50,88 50,92",
    "%": "80,8 20,92|30,8 15,25 30,38 42,25 30,8|70,62 58,75 72,92 84,78 70,62",
    "&": "85,92 30,30 45,8 62,25 20,68 40,93 80,55",
    "<": "80,12 20,50 20,50 80,88",
    "/\\": "15,85 50,15 50,15 85,85",
    "tick": "12,55 38,88 38,88 90,10",
    "heart": "50,92 10,45 25,12 50,32 75,12 90,45 50,92",
    "star": "50,5 80,92 80,92 5,35 5,35 95,35 95,35 20,92 20,92 50,5",
}


# Ways of writing that MNIST, of American hands with pens, has few or none of.
DIGIT_SHAPES: dict[int, list[str]] = {
    0: [
        "50,5 20,25 20,70 50,95 80,70 78,25 50,5",
        "25,8 75,8 75,8 75,92 75,92 25,92 25,92 25,8 25,8",
        "50,6 15,40 22,85 60,92 88,55 72,12 45,8",
        "50,5 20,25 20,70 50,95 80,70 78,25 50,5|75,15 25,85",
    ],
    1: [
        "30,28 52,5 52,5 52,95|28,95 76,95",
        "22,35 55,5 55,5 55,95",
        "15,50 60,5 60,5 58,95",
        "35,20 52,5 52,5 52,95|36,95 70,95",
        "50,5 50,95",
    ],
    2: [
        "20,25 45,5 75,22 60,55 18,94 18,94 82,94",
        "20,30 40,6 72,15 68,45 25,85 25,95 45,85 82,92",
        "22,8 75,8 75,8 75,50 75,50 25,50 25,50 25,92 25,92 78,92",
    ],
    3: [
        "22,12 55,5 76,22 48,46 48,46 80,68 55,95 20,85",
        "20,7 76,7 76,7 42,42 42,42 80,66 56,95 18,88",
        "22,8 76,8 76,8 76,92 76,92 22,92|30,50 76,50",
    ],
    4: [
        "62,5 15,65 15,65 85,65|62,5 62,95",
        "25,5 20,50 20,50 80,50|75,5 72,95",
        "35,5 15,60 15,60 88,60|60,35 60,95",
    ],
    5: [
        "78,6 26,6 26,6 24,46 24,46 60,40 80,65 55,95 18,86",
        "30,8 26,48 26,48 62,45 74,72 50,94 20,88|30,8 80,8",
        "76,8 25,8 25,8 25,50 25,50 75,50 75,50 75,92 75,92 22,92",
    ],
    6: [
        "70,5 35,35 22,70 45,95 75,82 70,58 40,55 24,75",
        "62,5 28,50 30,88 65,92 76,65 50,52 28,66",
        "72,10 40,12 22,50 26,85 55,96 78,78 66,54 26,62",
    ],
    7: [
        "15,8 82,8 82,8 45,95",
        "15,8 82,8 82,8 45,95|30,50 75,50",
        "16,22 18,8 18,8 82,8 82,8 50,50 44,95",
    ],
    8: [
        "50,48 25,28 50,5 76,26 50,48 20,74 50,96 82,74 50,48",
        "72,14 42,6 28,26 72,70 52,96 26,80 72,24 66,12",
        "50,5 28,24 50,45 74,24 50,5|50,45 22,72 50,96 80,72 50,45",
    ],
    9: [
        "74,28 48,6 24,30 48,52 74,30 74,30 72,70 50,95",
        "72,22 40,8 26,38 58,50 74,24 74,24 74,95",
        "72,30 46,6 24,30 46,54 74,32 76,70 52,95 24,86",
        "75,8 25,8 25,8 25,48 25,48 75,48|75,8 75,92 75,92 28,92",
    ],
}


def digit(which: int, random: np.random.Generator) -> Image.Image:
    """Draw a digit in one way of writing, with a pen of random width."""
    ways = DIGIT_SHAPES[which]
    way = ways[int(random.integers(len(ways)))]
    return _drawn(_points(way), random, shake=random.uniform(0.5, 3.5))


def letter(random: np.random.Generator) -> Image.Image:
    """Draw one of LETTER_SHAPES, slanted, stretched and shaken, with a pen of random width."""
    names = list(LETTER_SHAPES)
    shape = LETTER_SHAPES[names[int(random.integers(len(names)))]]
    return _drawn(_points(shape), random, shake=random.uniform(0.5, 4.0))


def _points(shape: str) -> list[NDArray[np.float64]]:
    """Return the strokes of a shape, each float64 [N, 2] in percent."""
    return [
        np.array([[float(number) for number in point.split(",")] for point in stroke.split()])
        for stroke in shape.split("|")
    ]


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
