"""Extra training images: digits in other ways of writing, and images without a digit.

The second kind has 0 for all targets, so that the network learns to reject it. All of them are
drawn, or made from training digits, and never from test digits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tinydigits.fitting import BOX, SIDE, fit
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.printing import printed, printed_word
from tinydigits_train.shapes import DOODLES, GREEK, LETTERS, SYMBOLS
from tinydigits_train.strokes import digit, scribble, sign, texture, word

DRAWN = 10_000  # digits
LARGE = 3 * SIDE  # px: digits are enlarged to this before they are cut or crossed out
Pixels = NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of image that holds no digit."""

    count: int  # images, where the training digits are all of MNIST
    make: Callable[[Digits, Random], Pixels]  # (training digits, random) → uint8 [28, 28]
    # Whether it may be one of the classes where these are not the ten digits: letters and signs;
    # and images that are made of digits, and that are no digits because of what a digit looks like.
    besides_digits: bool = False


def drawn_digits(seed: int, count: int = DRAWN) -> Digits:
    """Draw digits as pen strokes, the same number of each class."""
    random = np.random.default_rng([seed, 1])
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = [_fitted(digit(int(label), random)) for label in labels]
    return Digits(np.stack(images), labels)


def no_digits(seed: int, digits: Digits, share: float = 1.0, *, letters: bool = True) -> Pixels:
    """Return uint8 [N, 28, 28]: images of all KINDS.

    share: of the numbers there; there is at least one of each kind. letters: False leaves out the
    kinds that may be classes themselves where the classes are not the ten digits.
    """
    random = np.random.default_rng([seed, 2])
    return np.stack(
        [
            kind.make(digits, random)
            for kind in KINDS
            if letters or not kind.besides_digits
            for _ in range(math.ceil(kind.count * share))
        ]
    )


def _fitted(drawing: Image.Image) -> Pixels:
    """Return uint8 [28, 28]: the drawing as the network sees the picture of a user."""
    return fit(drawing, "mnist", False).pixels


def _squeezed(row: Image.Image) -> Pixels:
    """Return several signs in a row, brought into the space of one. `fit` might choose one."""
    row = row.crop(row.getbbox())
    scale = BOX / max(row.size)
    size = max(1, round(row.width * scale)), max(1, round(row.height * scale))
    squeezed = Image.new("L", (SIDE, SIDE))
    place = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    squeezed.paste(row.resize(size, Image.Resampling.BOX), place)
    pixels = np.asarray(squeezed)
    return (pixels * (255 / max(int(pixels.max()), 1))).astype(np.uint8)


def _several(digits: Digits, random: Random) -> Pixels:
    """Return two or three digits side by side, squeezed also in width, as notebooks do."""
    chosen = random.integers(len(digits.images), size=int(random.choice([2, 2, 2, 3])))
    row = np.concatenate([digits.images[one][:, 3:25] for one in chosen], axis=1)
    size = int(random.integers(20, 40)), int(random.integers(18, 29))
    return _squeezed(Image.fromarray(row).resize(size, Image.Resampling.BOX))


# By quarter turns, and by mirroring from left to right, these digits become none. 6 and 9, 2 and 5
# may become each other; 0, 1 and 8 remain what they are.
_TURNS = ((1, False, (2, 3, 4, 5, 6, 7, 8, 9)), (3, False, (2, 3, 4, 5, 6, 7, 8, 9)),
          (2, False, (3, 4, 7)), (0, True, (3, 4, 6, 7, 9)))  # fmt: skip


def _turned(digits: Digits, random: Random) -> Pixels:
    """Return a digit that lies on its side, stands on its head, or is mirrored."""
    turns, mirrored, classes = _TURNS[int(random.integers(len(_TURNS)))]
    image = _one_of(classes, digits, random)
    turned: Pixels = np.rot90(np.fliplr(image) if mirrored else image, turns)
    return turned


def _crossed_out(digits: Digits, random: Random) -> Pixels:
    """Return a digit with one or two lines through it that are longer than it is wide.

    A 1 and a 7 with a line may be meant so, and a 0 with one that is not level.
    """
    image = _one_of((0, 2, 3, 4, 5, 6, 8, 9), digits, random)
    drawing = Image.fromarray(image).resize((LARGE, LARGE), Image.Resampling.BICUBIC)
    middle, reach = LARGE / 2 + random.normal(0, 4, 2), random.uniform(0.38, 0.5) * LARGE
    draw = ImageDraw.Draw(drawing)
    steep = random.uniform(-0.9, 0.9) if random.random() < 0.5 else random.normal(0, 0.15)
    for angle in (steep, -steep)[: 1 + (random.random() < 0.3)]:
        end = reach * np.array([np.cos(angle), np.sin(angle)])
        line = [*(middle - end), *(middle + end)]
        draw.line(line, fill=int(random.integers(180, 256)), width=int(random.integers(3, 9)))
    return _fitted(drawing)


# Halves of these digits are none: of others the half may be another digit.
_HALVES = (
    ((0.0, 0.0, 1.0, 0.5), (0, 4, 5)),  # left, top, right, bottom of the half that is left
    ((0.0, 0.5, 1.0, 1.0), (0, 2)),
    ((0.0, 0.0, 0.5, 1.0), (0, 4, 8)),
    ((0.5, 0.0, 1.0, 1.0), (0,)),
)


def _half(digits: Digits, random: Random) -> Pixels:
    """Return a half of a digit."""
    sides, classes = _HALVES[int(random.integers(len(_HALVES)))]
    drawing = Image.fromarray(_one_of(classes, digits, random))
    drawing = drawing.crop(drawing.getbbox())
    if min(drawing.size) < SIDE // 3:
        return _half(digits, random)  # half of a narrow 0 is a 1
    drawing = drawing.resize((LARGE, LARGE * drawing.height // drawing.width))
    across, down = drawing.size
    left, top, right, bottom = sides
    box = (int(left * across), int(top * down), int(right * across), int(bottom * down))
    half = drawing.crop(box)
    framed = Image.new("L", (half.width + 20, half.height + 20))
    framed.paste(half, (10, 10))
    return _fitted(framed)


def _one_of(classes: Sequence[int], digits: Digits, random: Random) -> Pixels:
    """Return a digit of one of the classes, or any other where there is none."""
    places = random.integers(len(digits.images), size=50)
    wanted = [place for place in places if digits.labels[place] in classes]
    image: Pixels = digits.images[(wanted or places)[0]]
    return image


KINDS = (
    Kind(8_000, lambda _, random: _fitted(sign(LETTERS, random)), True),
    Kind(5_000, lambda _, random: _fitted(sign(GREEK, random)), True),
    Kind(5_000, lambda _, random: _fitted(sign(SYMBOLS, random)), True),
    Kind(4_000, lambda _, random: _fitted(sign(DOODLES, random)), True),
    Kind(2_000, lambda _, random: _squeezed(word(LETTERS, random)), True),
    Kind(5_000, lambda _, random: _fitted(printed(random)), True),
    Kind(2_500, lambda _, random: _squeezed(printed_word(random)), True),
    Kind(4_000, _turned, True),
    Kind(2_000, _crossed_out, True),
    Kind(1_000, _half, True),
    Kind(3_500, lambda _, random: _fitted(scribble(random))),
    Kind(3_500, lambda _, random: _fitted(texture(random))),
    Kind(4_500, _several),
    Kind(300, lambda _, __: np.zeros((SIDE, SIDE), np.uint8)),
)
