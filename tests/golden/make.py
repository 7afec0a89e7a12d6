"""Writes the golden vectors: `python -m tests.golden.make`, only when the fit is meant to change.

Each case is a picture, NAME.png, and what the fit makes of it, NAME.28x28.png. Whoever writes the
fit again, in whatever language, is held to the same files, bit for bit.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from examples import draw_scans as scans
from tinydigits.fitting import fit
from tinydigits.images import decode

HERE = Path(__file__).parent / "fit"


def cases() -> Iterator[tuple[str, Image.Image]]:
    """Name and picture: one for each thing that the fit has to cope with."""

    def ink(digit: int, size: tuple[int, int] = (96, 112), pen: float = 0.06) -> Any:
        return scans.mask(digit, size, pen, seed=digit)

    def paper(mask: Any, pen: tuple[int, int, int], ground: tuple[int, int, int]) -> Image.Image:
        picture: Image.Image = scans.on_paper(mask, 1, pen, ground)
        return picture

    white, black = (245, 244, 240), (30, 30, 36)
    yield "dark-on-white", paper(ink(2), black, white)
    yield "white-on-black", scans.white_on_black(ink(3), 0)
    yield "transparent", scans.transparent(ink(4), 0)
    yield "blue-on-yellow", paper(ink(5), (36, 56, 170), (250, 232, 110))
    yield "green-on-beige", paper(ink(6), (120, 170, 110), (215, 195, 165))
    yield "chalk-on-dark-board", paper(ink(7), (225, 225, 220), (27, 27, 27))
    yield "faint-pencil", paper(ink(8), (205, 205, 202), white)
    yield "hair-thin", paper(ink(9, (420, 480), 0.006), black, white)
    yield "small-in-a-large-sheet", _inside(paper(ink(3, (60, 70), 0.08), black, white), (500, 400))
    yield "thick", scans.white_on_black(ink(0, (64, 64), 0.16), 0)
    yield "cut-by-the-border", paper(ink(7), black, white).crop((30, 18, 96, 112))
    yield "already-28x28", scans.white_on_black(ink(3, (28, 28), 0.08), 0)
    shaded = np.asarray(paper(ink(5), black, white)).astype(np.float64)
    shadow = np.linspace(1.0, 0.45, shaded.shape[1])[np.newaxis, :, np.newaxis]
    yield "shadow", Image.fromarray((shaded * shadow).astype(np.uint8))
    yield "debris", _with_debris(paper(ink(6), black, white))
    ruled = np.asarray(paper(ink(8), black, white)).copy()
    ruled[20:22], ruled[60:62], ruled[100:102] = (150, 170, 210), (150, 170, 210), (150, 170, 210)
    yield "ruled", Image.fromarray(ruled)
    yield "sheet-on-a-table", _on_a_table(paper(ink(7, (60, 70)), black, white))
    stray = Image.new("RGB", (200, 160), white)
    stray.paste(paper(ink(8, (60, 70)), black, white), (130, 40))
    ImageDraw.Draw(stray).line((12, 8, 24, 150), fill=black, width=4)
    yield "stray-line", stray


def _inside(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    sheet = Image.new("RGB", size, picture.getpixel((0, 0)))
    sheet.paste(picture, (60, 220))
    return sheet


def _on_a_table(digit: Image.Image) -> Image.Image:
    """Show a sheet with the digit in its middle; the table is on the left, above and below."""
    sheet = Image.new("RGB", (150, 150), digit.getpixel((0, 0)))
    sheet.paste(digit, (45, 40))
    picture = Image.new("RGB", (170, 190), (72, 64, 60))
    picture.paste(sheet, (20, 20))
    return picture


def _with_debris(picture: Image.Image) -> Image.Image:
    pixels: NDArray[np.uint8] = np.asarray(picture).copy()
    pixels[4:7, 80:83] = pixels[104:106, 8:11] = 20  # dust
    pixels[30:80, :3] = 40  # a neighbour's stroke
    return Image.fromarray(pixels)


if __name__ == "__main__":
    for name, picture in cases():
        picture.save(HERE / f"{name}.png")
        Image.fromarray(fit(decode(HERE / f"{name}.png")).pixels).save(HERE / f"{name}.28x28.png")
