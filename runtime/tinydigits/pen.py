"""Draw with a round pen along smooth curves."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

OVERSAMPLING = 4  # the canvas is this much larger; averaging it down smooths the edges

Curve = NDArray[np.float64]


def curve(points: Curve, steps: int) -> Curve:
    """Return float64 [(N - 1) * steps, 2], points of the Catmull-Rom spline through `points`,
    float64 [N, 2] (Catmull and Rom, 1974).
    """
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps)[:, np.newaxis, np.newaxis]
    a, b, c, d = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    spans = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    path: Curve = spans.transpose(1, 0, 2).reshape(-1, 2)
    return path


def drawn(
    paths: Iterable[Curve], size: tuple[int, int], radius: float, scale: int = OVERSAMPLING
) -> NDArray[np.uint8]:
    """Return uint8 [H, W]: how much of each pixel the pen covers, where 255 is all of it.

    paths: float64 [N, 2] each, with points that are close together. size: (width, height) of the
    result. `paths` and `radius` are in px of a canvas that is `scale` times as large as `size`.
    """
    canvas = Image.new("L", (size[0] * scale, size[1] * scale))
    draw = ImageDraw.Draw(canvas)
    for path in paths:
        for x, y in path.tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX))
