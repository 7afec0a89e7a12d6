"""Extra training images: digits in other ways of writing, and images without a digit.

The second kind has 0 for all targets, so that the network learns to reject it. All of them are
drawn, or made from training digits, and never from test digits.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.fitting import SIDE, fit
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.strokes import digit, letter, scribble, texture

DRAWN = 10_000  # digits
LETTERS, SCRIBBLES, TEXTURES, PAIRS, BLANKS = 12_000, 3_500, 3_500, 4_500, 300


def drawn_digits(seed: int, count: int = DRAWN) -> Digits:
    """Draw digits as pen strokes, the same number of each class."""
    random = np.random.default_rng([seed, 1])
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = [_fitted(digit(int(label), random)) for label in labels]
    return Digits(np.stack(images), labels)


def no_digits(
    seed: int, digits: Digits, share: float = 1.0, *, letters: bool = True
) -> NDArray[np.uint8]:
    """Return uint8 [N, 28, 28]: letters, scribbles, textures, pairs of `digits`, and blanks.

    share: of the numbers above; there is at least one of each. letters: False leaves them out.
    """
    random = np.random.default_rng([seed, 2])
    counts = {letter: LETTERS if letters else 0, scribble: SCRIBBLES, texture: TEXTURES}
    drawn = [
        _fitted(draw(random))
        for draw, count in counts.items()
        for _ in range(math.ceil(count * share))
    ]
    pairs = [_pair(digits.images, random) for _ in range(math.ceil(PAIRS * share))]
    blanks = [np.zeros((SIDE, SIDE), np.uint8)] * math.ceil(BLANKS * share)
    return np.stack(drawn + pairs + blanks)


def _fitted(drawing: Image.Image) -> NDArray[np.uint8]:
    """Return uint8 [28, 28]: the drawing as the network sees the picture of a user."""
    return fit(drawing, "mnist", False).pixels


def _pair(images: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return two digits side by side, squeezed into the space of one."""
    one, other = random.integers(len(images), size=2)
    both = np.concatenate([images[one][:, 3:25], images[other][:, 3:25]], axis=1)
    width, height = int(random.integers(20, SIDE)), int(random.integers(11, 21))
    small = np.asarray(Image.fromarray(both).resize((width, height), Image.Resampling.BOX))
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    pair = np.zeros((SIDE, SIDE), np.uint8)
    pair[top : top + height, left : left + width] = small
    return pair
