"""The fit in C, compiled for this machine, and pictures to compare it with Python by."""

import struct
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.conftest import ROOT
from tinydigits.core import Fitted
from tinydigits.fitting import fit
from tinydigits.resampling import Grey

CORE = ROOT / "runtime" / "core"
STREAM = Path(__file__).with_name("fit_stream.c")
WARNINGS = (
    *("-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow"),
    *("-pedantic", "-Werror"),
)
SANITIZERS = ("-g1", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
HOW = ("auto", "mnist", "resize", "none")
INVERT = (False, True, None)
DOUBTS = (None, "blank", "several", "too_small")
RESULT = struct.Struct("=i784s4iBBxx")  # whether it was taken, and fit_result
# Height and width: where the reduction, the grid or the samples change, and extreme shapes.
SHAPES = (
    *((1, 1), (1, 2), (2, 1), (3, 3), (1, 28), (27, 28), (28, 28), (63, 64), (64, 64), (65, 64)),
    *((127, 128), (128, 128), (129, 97), (191, 192), (255, 255), (256, 256), (257, 200)),
    *((383, 300), (384, 300), (511, 90), (640, 480), (4000, 1), (1, 4000), (4000, 3), (3, 4000)),
)


class Case(NamedTuple):
    """A picture and how to fit it."""

    pixels: Grey
    """uint8 [H, W], [H, W, 3] or [H, W, 4]; rows may lie apart."""

    how: str = "auto"
    invert: bool | None = None

    def fitted(self) -> Fitted:
        """Return what Python makes of it."""
        return fit(Image.fromarray(self.pixels), self.how, self.invert)  # type: ignore[arg-type]

    def message(self) -> bytes:
        """Return it as fit_stream.c reads it."""
        height, width = self.pixels.shape[:2]
        channels = self.pixels.shape[2] if self.pixels.ndim == 3 else 1
        stride = self.pixels.strides[0]
        rows = np.lib.stride_tricks.as_strided(self.pixels, (height - 1, stride), (stride, 1))
        # The last row ends with its pixels.
        data = rows.tobytes() + np.ascontiguousarray(self.pixels[-1]).tobytes()
        how, invert = HOW.index(self.how), INVERT.index(self.invert)
        return struct.pack("=7i", width, height, channels, stride, how, invert, len(data)) + data


def built(folder: Path, compiler: Sequence[str], *flags: str) -> Path:
    """Compile fit_stream.c with fit.c. Return the program."""
    program = folder / f"fit{len(list(folder.iterdir()))}"
    sources = [str(CORE / "fit.c"), str(STREAM)]
    command = [*compiler, "-std=c99", *flags, f"-I{CORE}", *sources, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def answers(program: Path, messages: Iterable[bytes]) -> list[Fitted | None]:
    """Return what the C makes of each picture, or None where it refuses it. Fails where the program
    complains.
    """
    done = subprocess.run([program], input=b"".join(messages), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    found: list[Fitted | None] = []
    for taken, pixels, left, top, right, bottom, doubt, inverted in RESULT.iter_unpack(done.stdout):
        image: NDArray[np.uint8] = np.frombuffer(pixels, np.uint8).reshape(28, 28)
        box = (left, top, right, bottom) if right else None
        fitted = Fitted(image, DOUBTS[doubt], INVERT[inverted], box)  # type: ignore[arg-type]
        found.append(fitted if taken else None)
    return found


def differences(program: Path, cases: Sequence[Case]) -> list[int]:
    """Return the places of the cases in which C and Python differ."""
    found = answers(program, (case.message() for case in cases))
    assert len(found) == len(cases)
    return [
        place
        for place, (case, c) in enumerate(zip(cases, found, strict=True))
        if c is None or not same(case.fitted(), c)
    ]


def same(one: Fitted, other: Fitted) -> bool:
    return np.array_equal(one.pixels, other.pixels) and one[1:] == other[1:]


def random_case(seed: int) -> Case:
    """Return noise, one level, or strokes, lines, frames and dots on paper of some light, in every
    number of channels, with rows that lie apart.
    """
    random = np.random.default_rng(seed)
    height, width = _shape(random)
    channels = int(random.choice([1, 1, 3, 4]))
    kind = random.integers(8)
    levels: NDArray[np.float64]
    if kind == 0:
        low, high = sorted(random.integers(0, 256, 2))
        levels = random.integers(low, high + 1, (height, width, channels)).astype(float)
    elif kind == 1:
        levels = np.full((height, width, channels), float(random.integers(256)))
    else:
        levels = _drawn(random, height, width, channels)
    apart = int(random.integers(3)) * 5
    rows = random.integers(0, 256, (height, width * channels + apart), np.uint8)
    pixels = np.lib.stride_tricks.as_strided(
        rows, (height, width, channels), (rows.strides[0], channels, 1)
    )
    pixels[:] = levels.clip(0, 255).astype(np.uint8)
    how = str(random.choice(["auto", "auto", "auto", "mnist", "resize"]))
    invert = [None, None, True, False][random.integers(4)]
    return Case(pixels[..., 0] if channels == 1 else pixels, how, invert)


def _shape(random: np.random.Generator) -> tuple[int, int]:
    kind = random.integers(4)
    if kind == 0:
        return SHAPES[random.integers(len(SHAPES))]
    low, high = ((1, 40), (1, 300), (20, 200))[kind - 1]
    return int(random.integers(low, high)), int(random.integers(low, high))


def _drawn(
    random: np.random.Generator, height: int, width: int, channels: int
) -> NDArray[np.float64]:
    cover = _ink(random, height, width)[..., np.newaxis] / 255
    paper, pen = random.integers(0, 256, (2, channels)).astype(float)
    if random.integers(2):
        paper[:], pen[:] = paper[0], pen[0]
    down = np.linspace(0, 1, height)[:, np.newaxis, np.newaxis]
    across = np.linspace(0, 1, width)[np.newaxis, :, np.newaxis]
    light = 1 - random.choice([0, 0, 0.3, 0.6]) * across - random.choice([0, 0.2, 0.3]) * down
    if random.integers(6) == 0:
        light = np.where(across > random.random(), 0.4, 1) + 0 * down  # a shadow's edge
    grain = random.normal(0, random.choice([0, 0, 2, 8]), (height, width, 1))
    levels: NDArray[np.float64] = (paper * (1 - cover) + pen * cover) * light + grain
    if channels == 4 and random.integers(2):
        levels[..., 3] = cover[..., 0] * 255 if random.integers(2) else random.integers(256)
    return levels


def _ink(random: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Return how much ink there is, 0 to 255: float64 [H, W]."""
    image = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(image)
    kind, longer = random.integers(7), max(height, width)

    def point() -> tuple[int, int]:
        return int(random.integers(width)), int(random.integers(height))

    def rectangle() -> tuple[int, int, int, int]:
        (left, top), (right, bottom) = point(), point()
        return min(left, right), min(top, bottom), max(left, right), max(top, bottom)

    if kind == 4:
        for _ in range(random.integers(1, 60)):
            (x, y), size = point(), int(random.integers(max(1, longer // 12)))
            draw.ellipse((x, y, x + size, y + size), fill=int(random.integers(30, 256)))
    elif kind == 5:
        share = random.choice([0.001, 0.02, 0.3, 0.5, 0.7, 0.98])
        return np.where(random.random((height, width)) < share, 255.0, 0.0)
    elif kind == 6:
        draw.rectangle(rectangle(), fill=255)
    else:
        scale = float(random.choice([1, 0.5, 0.2, 0.1]))
        left, top = point() if scale < 1 else (0, 0)
        for _ in range(random.integers(1, 6)):
            points = [point() for _ in range(random.integers(2, 6))]
            pen = max(1, int(longer * scale * random.choice([0.003, 0.03, 0.07, 0.15])))
            draw.line([(left + x * scale, top + y * scale) for x, y in points], 255, pen)
        for _ in range(random.integers(1, 12) if kind >= 2 else 0):  # ruled, perhaps leaning
            lean, level = int(random.integers(-6, 7)), int(random.choice([60, 120, 255]))
            pen, (x, y) = int(random.integers(1, 3)), point()
            line = (0, y, width, y + lean * height // 100)
            if random.integers(2):
                line = (x, 0, x + lean * width // 100, height)
            draw.line(line, level, pen)
        for _ in range(random.integers(1, 4) if kind == 3 else 0):
            draw.rectangle(
                rectangle(), outline=255, width=int(random.integers(1, 2 + longer // 20))
            )
    return np.asarray(image).astype(float)
