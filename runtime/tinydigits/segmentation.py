"""Segmentation: the ink of a picture of several digits, in pieces, at a size that is easily read.

    grey → polarity → ink → pieces → how tall the digits are → ink and pieces again at that size
    → ruled lines removed

The pieces of one digit are not joined here, and digits that touch are not cut: see `cutting`.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from tinydigits.bands import ground_of, reduced
from tinydigits.ink import Mask, find_ink, grey_of
from tinydigits.pieces import Piece, frames, pieces_of
from tinydigits.resampling import Grey, block_means
from tinydigits.ruling import without_lines

LARGEST = 1600  # px: the longer side at which a picture is searched for digits
TALL, SHORT = 96, 36  # px: the ink of digits that are taller or shorter is found again, at READ px
READ = 56  # px: enough for a stroke of 1/20 of the digit to be 3 px wide
REACH = 8  # of the shorter side of the picture: no stroke is twice as wide
# Likewise: a low estimate of the height of the digits, and the thickest line. Lines that are left
# when heights are estimated make them too large.
GUESS = (6, 18)
STROKE = 4  # of the height of a digit: likewise
SAMPLE = 640  # px: the longer side of the sample that polarity is judged by
AROUND = (2, 4, 16)  # of the shorter side: how far the surroundings reach that ink stands out from
EDGE = 12  # tenths of the height of a digit: longer straight pieces at the border are edges
LEAST = 8  # px: pieces less tall are no digits
ONE = (16, 2)  # times its width: the most and the least height of a 1 that looks like a line
NEAR = 4  # px: a piece as near to a line stands on it
MANY = 4000  # pieces: a picture with more is a texture
SLANTED = (6, 8)  # the share and the tenths of pieces.has_walls: boxes may be slanted
SPECK = 8  # of the height of the digits: a piece that is smaller both ways is dust


class Page(NamedTuple):
    """The ink of a picture."""

    levels: Grey
    """uint8 [H, W]: 0 where there is no ink, 255 where it is strongest."""

    pieces: list[Piece]
    """Pieces that may be digits or parts of them: dust and ruled lines are left out."""

    tall: int
    """The usual height of the digits, in px of `levels`."""

    scale: int
    """How many px of the picture each px of `levels` stands for, both ways."""

    left: int
    top: int
    """The place in the picture at which `levels` begins, in px of the picture."""

    def in_picture(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """Convert a box from px of `levels` to px of the picture."""
        left, top, right, bottom = (edge * self.scale for edge in box)
        return left + self.left, top + self.top, right + self.left, bottom + self.top

    def area(self, pieces: list[Piece]) -> tuple[int, int, int, int]:
        """Return the box around pieces and the surroundings of a digit, in px of the picture."""
        return self.in_picture(
            (
                min(piece.left for piece in pieces) - 2 * self.tall,
                min(piece.top for piece in pieces) - 2 * self.tall,
                max(piece.right for piece in pieces) + 2 * self.tall,
                max(piece.bottom for piece in pieces) + 2 * self.tall,
            )
        )


def page_of(
    image: Image.Image,
    invert: bool | None,
    closer: tuple[int, tuple[int, int, int, int]] | None = None,
) -> Page | None:
    """Find the ink of a picture, of mode L, RGB or RGBA; return None where there is none.

    invert: whether the ink is darker than the paper; None detects it. closer: the height of the
    digits and the area that they are in, in px of the picture, where both are known.
    """
    ground = ground_of(image)
    scale = -(-max(image.size) // LARGEST)
    grey = grey_of(reduced(image, ground, scale))
    dark = _ink_is_dark(grey) if invert is None else invert
    left = top = 0
    if closer is None:
        shorter = min(grey.shape)
        found = _found(grey, dark, scale, shorter // REACH, *(shorter // share for share in GUESS))
        if found is None:
            return None
        levels, pieces = found
        tall = _usual_height(pieces, levels.shape)
        if tall > TALL:
            finer = tall // READ
            grey, scale, tall = block_means(grey, finer), scale * finer, tall // finer
        elif tall < SHORT and scale > 1:
            likely = [piece for piece in pieces if piece.height * 2 > tall]
            closer = tall * scale, Page(grey, [], tall, scale, 0, 0).area(likely)
    if closer is not None:
        tall, (left, top, right, bottom) = closer
        left, top, scale = max(0, left), max(0, top), max(1, tall // READ)
        area = (left, top, min(image.width, right), min(image.height, bottom))
        grey, tall = grey_of(reduced(image.crop(area), ground, scale)), tall // scale
    found = _found(grey, dark, scale, tall // STROKE, tall)
    if found is None:
        return None
    levels, pieces = found
    tall = _usual_height(pieces, levels.shape)
    pieces = [
        piece
        for piece in pieces
        if piece.extent * SPECK > tall and not _is_edge(piece, levels, tall)
    ]
    return Page(levels, pieces, tall, scale, left, top)


def _is_edge(piece: Piece, levels: Grey, tall: int) -> bool:
    """Tell whether a piece is a line at the border: the edge of a sheet, or of a frame."""
    return piece.extent * 10 > EDGE * tall and bool(piece.sides(levels > 0)) and piece.is_straight()


def _found(
    grey: Grey, dark: bool, scale: int, reach: int, tall: int, thickest: int = 0
) -> tuple[Grey, list[Piece]] | None:
    """Return the ink without ruled lines, and its pieces, without boxes around others; None where
    there is none.
    """
    ink = find_ink(grey, dark, scale > 1, reach)
    if ink is None:
        return None
    pieces = pieces_of(ink.levels > 0)
    levels = without_lines(ink.levels, pieces, tall, thickest)
    if levels is not ink.levels:
        ones = [piece for piece in pieces if _may_be_one(piece, len(grey))]
        removed = (ink.levels > 0) & (levels == 0)
        pieces = [each for each in pieces_of(levels > 0) if not _is_tick(each, removed, tall)]
        if not pieces:  # how tall the digits are was a guess
            levels, pieces = ink.levels, ones
    if not pieces:
        return None
    if len(pieces) > MANY:
        pieces = sorted(pieces, key=lambda piece: -piece.cells)[:MANY]
    large = [piece for piece in pieces if piece.extent >= LEAST]
    return levels, [
        each for each in pieces if each.extent < LEAST or not frames(each, large, *SLANTED)
    ]


def _is_tick(piece: Piece, lines: Mask, tall: int) -> bool:
    """Tell whether a piece is a short upright line that stands on a ruled one, as between the
    places for digits in a form.
    """
    if 2 * piece.height > tall or piece.height < 2 * piece.width:
        return False
    columns = slice(max(0, piece.left - NEAR), piece.right + NEAR)
    ends = (slice(max(0, end - NEAR), end + NEAR) for end in (piece.top, piece.bottom))
    return any(lines[rows, columns].any() for rows in ends)


def _may_be_one(piece: Piece, height: int) -> bool:
    slim, thick = ONE
    return slim * piece.width >= piece.height >= thick * piece.width and (
        piece.top > 0 or piece.bottom < height
    )


def _ink_is_dark(grey: Grey) -> bool:
    """Decide whether the ink is darker than the paper: it is rare, and differs much from its
    surroundings, while paper differs little from them. So the third moment has its sign.
    """
    step = -(-max(grey.shape) // SAMPLE)
    sample = grey[::step, ::step]
    height, width = sample.shape
    skewness = 0.0
    for share in AROUND:
        side = max(4, min(height, width) // share)
        around = block_means(sample, side).repeat(side, axis=0).repeat(side, axis=1)
        departure = sample.astype(np.int64) - around[:height, :width]
        second, third = int((departure**2).sum()), int((departure**3).sum())
        skewness += third / max(second, 1) ** 1.5
    return skewness < 0


def _usual_height(pieces: list[Piece], shape: tuple[int, ...]) -> int:
    """Return the height of the pieces that hold most of the ink: the median over its cells. A piece
    counts if it may be a digit: it is no lying line, and does not reach from border to border.
    """
    height, width = shape
    likely = [
        piece
        for piece in pieces
        if piece.height >= LEAST
        and piece.width < 8 * piece.height
        and not (piece.top == 0 and piece.bottom == height and len(pieces) > 1)
        and not (piece.left == 0 and piece.right == width)
    ] or pieces
    likely.sort(key=lambda piece: piece.height)
    weights = np.cumsum([min(piece.cells, piece.height**2) for piece in likely])
    return likely[int(np.searchsorted(2 * weights, weights[-1]))].height
