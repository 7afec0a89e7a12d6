"""Printed letters, signs and words, in the fonts that this machine has."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 56  # px: of the letters, drawn at about three times the size of a model input
# Signs that could be taken for a digit in some font, in upper or lower case, are left out.
LETTERS = "ACDEFHJKLMNPQRTUVWXYadefhkmnprtuvwxy"
GREEK = "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθκλμνξπρστφχψω"
SYMBOLS = "+−±×÷=≠≤≥<>≈~∞∫√∂∇∑∏∀∃∈⊂∩∪→←↑↓⇒↔#%&@$€£¥§?!:;*^{}[]\"'…♥★☺☀♪✓✗"
IN_WORDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+−=×"


def printed(random: np.random.Generator) -> Image.Image:
    """Print one letter or sign."""
    signs = (LETTERS, LETTERS, GREEK, SYMBOLS)[int(random.integers(4))]
    return _text(signs[int(random.integers(len(signs)))], random)


def printed_word(random: np.random.Generator) -> Image.Image:
    """Print two to eight letters, digits and signs in a row."""
    places = random.integers(len(IN_WORDS), size=int(random.integers(2, 9)))
    return _text("".join(IN_WORDS[place] for place in places), random)


def _text(text: str, random: np.random.Generator) -> Image.Image:
    fonts = _fonts()
    font = fonts[int(random.integers(len(fonts)))]
    left, top, right, bottom = font.getbbox(text)
    margin = SIZE // 3
    size = (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin)
    canvas = Image.new("L", size)
    ImageDraw.Draw(canvas).text((margin - left, margin - top), text, fill=255, font=font)
    return canvas.rotate(float(random.normal(0, 5)), Image.Resampling.BILINEAR)


@cache
def _fonts() -> list[ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """Return the fonts of Matplotlib, and Pillow's own alone where there is no Matplotlib.

    Fonts that only this machine has are not taken: the same seed is to give the same network.
    """
    try:
        import matplotlib
    except ImportError:
        return [ImageFont.load_default(SIZE)]
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    # The other fonts there have signs at the places of letters.
    names = [*folder.glob("DejaVuS*[!y].ttf"), *folder.glob("STIXGeneral*.ttf")]
    return [ImageFont.truetype(name, SIZE) for name in sorted(names)]
