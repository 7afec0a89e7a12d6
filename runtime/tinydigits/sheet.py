"""Sheet: the signs of one picture of several digits, line by line.

page of ink and pieces → what the network says of each piece → lines → pieces cut and joined
→ what it says of each candidate → the best path through each line → words left out
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.baselines import lines_of
from tinydigits.cutting import parts_of
from tinydigits.decoders import Reduction
from tinydigits.fitting import SIDE, as_input
from tinydigits.ink import ink_box
from tinydigits.lattice import (
    SURE,
    WEIGHTS,
    Atom,
    Box,
    Candidate,
    Scores,
    Usual,
    against,
    around,
    best_path,
    candidates_of,
    skips_of,
)
from tinydigits.pieces import Piece
from tinydigits.resampling import Grey
from tinydigits.segmentation import SHORT, Page, page_of

Infer = Callable[[NDArray[np.uint8]], Scores]
"""The network: uint8 [N, 28, 28] → float32 [N, K]."""

LIKELY = 30  # of 100 of the usual height: pieces as tall are shown to the network as they are
CLEAR = 0.3  # a second score below it
NARROW, WIDE = 42, 100  # of 100 of the height: narrower pieces are not cut, wider ones always
LOW = 60  # likewise: less tall pieces are parts of a digit, or no digit, and are not cut
WORD = 70  # likewise: the gap between words
SIGN = 40  # likewise: what is less tall is a dot, a hyphen or dust
LEAST = 0.02  # signs with a lower score are left out
# The least mean score of a line's signs. A picture holds a number only if the mean of all signs
# that were read reaches it too; signs of the digits' size that were left out count as 0.
MEAN = 0.5
SMALLER, LARGER = 60, 170  # of 100 of the usual height in a line: other sizes are doubted
SLIM, TALLER = 35, 125  # of 100: slim signs that are taller are doubted, as the side of a box is
LEFT_OUT = 45  # likewise: signs beside a taller one that was left out may be doubted
# Of 150 drawn photographs and rows, 6.7 % are wrong and not doubted, and without it 9.3 %; no more
# right ones are doubted.
POSSIBLE = 0.5  # the score from which a sign at an end that was left out may be a digit


class Sign(NamedTuple):
    """One sign that is taken for a digit."""

    scores: Scores
    """float32 [K], one score for each label."""

    box: Box
    """Left, top, right, bottom in pixels of the upright picture, right and bottom exclusive."""

    doubted: bool = False
    """Whether it is of another size than the other signs of its line, or beside one that was left
    out and may be a digit."""


class Sheet(NamedTuple):
    """The signs of one picture."""

    lines: tuple[tuple[Sign, ...], ...]
    """In reading order."""

    left_out: int
    """How many signs are no digits."""

    blank: bool
    """Whether no ink was found."""

    def in_whole(self, reduction: Reduction) -> Self:
        """Return the signs with boxes in px of the picture that was decoded at a reduced scale."""
        return self._replace(
            lines=tuple(
                tuple(sign._replace(box=reduction.in_whole(sign.box)) for sign in line)
                for line in self.lines
            )
        )


def read_sheet(image: Image.Image, invert: bool | None, many: bool, infer: Infer) -> Sheet:
    """Read a picture of mode L, RGB or RGBA. invert: whether the ink is darker than the paper; None
    detects it. many: whether there may be several lines.
    """
    page = page_of(image, invert)
    if page is None:
        return Sheet((), 0, blank=True)
    pieces = _Pieces(page, infer)
    if pieces.usual.tall < SHORT and page.scale > 1 and pieces.clear:
        tall = pieces.usual.tall
        likely = [piece for piece in page.pieces if tall < 2 * piece.height < 4 * tall]
        closer = page_of(image, invert, (tall * page.scale, page.area(likely)))
        if closer is not None:
            page, pieces = closer, _Pieces(closer, infer)
    lines, left_out = _lines(page, pieces, many, infer)
    if len(pieces.scores) == 1 and _is_one_sign(lines):
        lines, left_out = [], 1
    shown = tuple(
        tuple(sign._replace(box=page.in_picture(sign.box)) for sign in line) for line in lines
    )
    return Sheet(shown, left_out, blank=False)


def _is_one_sign(lines: Sequence[Sequence[Sign]]) -> bool:
    """Tell whether the signs of a single piece are taller than wide: two digits that touch are
    wider, and a letter that looks like two is not.
    """
    signs = [sign for line in lines for sign in line]
    if len(signs) < 2:
        return False
    left, top, right, bottom = signs[0].box
    for sign in signs:
        left, top, right, bottom = around(sign.box, (left, top, right, bottom))
    return right - left < bottom - top


class _Pieces:
    """The pieces of a page, and what the network says of each as it is."""

    def __init__(self, page: Page, infer: Infer) -> None:
        self.labels = np.zeros(page.levels.shape, np.int32)
        for number, piece in enumerate(page.pieces, 1):
            for row, first, last in piece.runs:
                self.labels[row, first:last] = number
        shown = [
            (number, piece)
            for number, piece in enumerate(page.pieces, 1)
            if piece.height * 100 >= LIKELY * page.tall
        ]
        asked = [(number, number + 1, _box(piece)) for number, piece in shown]
        answers = _asked(page.levels, self.labels, asked, infer)
        self.scores = {number: each for (number, _), each in zip(shown, answers, strict=True)}
        self.numbers = {id(piece): number for number, piece in enumerate(page.pieces, 1)}
        self.clear = [
            piece
            for number, piece in shown
            if self.scores[number].max() >= SURE
            and np.partition(self.scores[number], -2)[-2] < CLEAR
        ]
        tall, strengths = page.tall, [_strength(page.levels, _box(each)) for each in self.clear]
        if len(self.clear) > 1:
            tall = int(np.median([piece.height for piece in self.clear]))
        strength = float(np.median(strengths)) if strengths else 255.0
        self.usual = Usual(tall, strength, page.levels.shape)


def _lines(page: Page, pieces: _Pieces, many: bool, infer: Infer) -> tuple[list[list[Sign]], int]:
    """Return the signs of each line that has any, and how many signs are no digits."""
    usual = pieces.usual
    labels = np.zeros_like(pieces.labels)  # in the order of the lines, and with parts of pieces
    rows: list[list[Atom]] = []
    number = 1
    for line in lines_of(page.pieces, usual.tall, many):
        atoms: list[Atom] = []
        for piece in line:
            own = pieces.numbers[id(piece)]
            left, top, right, bottom = _box(piece)
            mask = pieces.labels[top:bottom, left:right] == own
            levels = np.where(mask, page.levels[top:bottom, left:right], 0).astype(np.uint8)
            scores = pieces.scores.get(own)
            is_cut = _may_hold_several(piece, scores, usual.tall)
            for part in parts_of(levels, usual.tall) if is_cut else [(levels > 0, 0.0)]:
                held, crossed = part
                labels[top:bottom, left:right][held] = number
                inner = ink_box(held)
                box = left + inner[0], top + inner[1], left + inner[2], top + inner[3]
                strength = float(np.percentile(levels[held], 80))
                known = None if is_cut else scores
                atoms.append(Atom(number, box, own, crossed, strength, known))
                number += 1
        rows.append(atoms)
    lattices = [list(candidates_of(atoms, usual.tall)) for atoms in rows]
    known = [
        [_known(atoms, one) for one in lattice]
        for atoms, lattice in zip(rows, lattices, strict=True)
    ]
    asked = [
        (atoms[one.first].number, atoms[one.end - 1].number + 1, one.box)
        for atoms, lattice, answers in zip(rows, lattices, known, strict=True)
        for one, answer in zip(lattice, answers, strict=True)
        if answer is None
    ]
    answers = iter(_asked(page.levels, labels, asked, infer))
    lines: list[list[Sign]] = []
    others: list[Box] = []
    for atoms, lattice, some in zip(rows, lattices, known, strict=True):
        scores = [next(answers) if each is None else each for each in some]
        signs, left_out = _without_words(*_best(atoms, lattice, scores, usual), usual.tall)
        others += left_out
        if sum(float(sign.scores.max()) for sign in signs) < MEAN * len(signs):
            others += [sign.box for sign in signs]  # a hair, or dirt
        elif signs:
            likely = [
                one.box
                for one, each in zip(lattice, scores, strict=True)
                if each.max() >= POSSIBLE and one.box[3] - one.box[1] > usual.tall * LEFT_OUT / 100
            ]
            lines.append(_doubted(signs, left_out, likely))
    alike = [box for box in others if SMALLER <= 100 * (box[3] - box[1]) / usual.tall <= LARGER]
    read = [float(sign.scores.max()) for line in lines for sign in line]
    if sum(read) < MEAN * (len(read) + len(alike)):
        return [], len(others) + len(read)
    return lines, len(others)


def _known(atoms: Sequence[Atom], one: Candidate) -> Scores | None:
    return atoms[one.first].scores if one.end == one.first + 1 else None


def _may_hold_several(piece: Piece, scores: Scores | None, tall: int) -> bool:
    if scores is None or piece.width * 100 <= NARROW * tall or piece.height * 100 < LOW * tall:
        return False
    return float(scores.max()) < SURE or piece.width * 100 > WIDE * max(tall, piece.height)


def _best(
    atoms: Sequence[Atom], lattice: Sequence[Candidate], scores: Sequence[Scores], usual: Usual
) -> tuple[list[Sign], list[Box]]:
    """Return the digits on the best path, and the boxes of the signs that it leaves out.

    If two pieces of the line are surely digits, others are judged by their height: of 40 drawn
    pairs of rows, one about twice as tall as the other, 37 are then read exactly, and otherwise 11.
    """
    heights = [atom.box[3] - atom.box[1] for atom in atoms if atom.sure]
    if len(heights) > 1:
        usual = usual._replace(tall=int(np.median(heights)))
    costs = []
    for one, each in zip(lattice, scores, strict=True):
        reasons = against(atoms, one, each, usual)
        costs.append(sum(WEIGHTS[name] * value for name, value in reasons.items()))
    skips = list(skips_of(atoms, usual.tall))
    taken, left_out = best_path(lattice, costs, skips)
    others: dict[int, Box] = {}
    for place in left_out:
        for atom in atoms[slice(*skips[place][:2])]:
            others[atom.piece] = around(atom.box, others.get(atom.piece, atom.box))
    signs = []
    for place in taken:
        if scores[place].max() >= LEAST:
            signs.append(Sign(scores[place], lattice[place].box))
        else:
            others[-place] = lattice[place].box
    return signs, list(others.values())


def _without_words(signs: list[Sign], others: list[Box], tall: int) -> tuple[list[Sign], list[Box]]:
    """Leave out the letters of words that look like digits: signs in a group of which a third are
    no digits. The first and the last sign of a group may be a currency's, a unit's or a bracket.
    """
    marks: list[tuple[Box, Sign | None]] = [(sign.box, sign) for sign in signs]
    marks += [(box, None) for box in others if (box[3] - box[1]) * 100 >= SIGN * tall]
    marks.sort(key=lambda mark: mark[0][0] + mark[0][2])
    words: list[Sign] = []
    group: list[tuple[Box, Sign | None]] = []
    for place, mark in enumerate(marks):
        group.append(mark)
        end = max(box[2] for box, _ in group)
        if place + 1 == len(marks) or (marks[place + 1][0][0] - end) * 100 > WORD * tall:
            digits = [sign for _, sign in group if sign is not None]
            inside = sum(sign is None for _, sign in group[1:-1])
            if 2 * inside > len(digits) or 2 * len(digits) < len(group):
                words += digits
            group = []
    if not words:
        return signs, others
    left_out = {sign.box for sign in words}
    return [sign for sign in signs if sign.box not in left_out], [*others, *left_out]


def _doubted(line: list[Sign], left_out: Sequence[Box], likely: Sequence[Box]) -> list[Sign]:
    """Doubt the signs that are of another size than the others of their line, slim ones that are
    taller, and those after which or before which, in the same group of signs, a tall one was left
    out between digits, or one that may be a digit. likely: what may be one.
    """
    usual = float(np.median([sign.box[3] - sign.box[1] for sign in line]))

    def is_unusual(left: int, top: int, right: int, bottom: int) -> bool:
        height = 100 * (bottom - top)
        is_side = 100 * (right - left) < SLIM * (bottom - top) and height > TALLER * usual
        return is_side or not SMALLER * usual <= height <= LARGER * usual

    doubted = [is_unusual(*sign.box) for sign in line]
    for left, top, right, bottom in left_out:
        after = sum(sign.box[0] + sign.box[2] < left + right for sign in line)
        near = [
            place
            for place in (after, after - 1)
            if 0 <= place < len(line)
            and max(line[place].box[0] - right, left - line[place].box[2]) * 100 < WORD * usual
        ]
        may_be_one = len(near) == 2 or any(left <= box[0] and box[2] <= right for box in likely)
        if near and may_be_one and LEFT_OUT * usual <= 100 * (bottom - top) <= LARGER * usual:
            doubted[near[0]] = True
    return [sign._replace(doubted=each) for sign, each in zip(line, doubted, strict=True)]


def _box(piece: Piece) -> Box:
    return piece.left, piece.top, piece.right, piece.bottom


def _strength(levels: Grey, box: Box) -> float:
    """Return the level that four fifths of the ink in a box are weaker than."""
    left, top, right, bottom = box
    part = levels[top:bottom, left:right]
    return float(np.percentile(part[part > 0], 80))


def _asked(
    levels: Grey, labels: NDArray[np.int32], asked: list[tuple[int, int, Box]], infer: Infer
) -> Scores:
    """Ask the network about ranges of labels, each first, end and box, together.

    It is asked again about what it neither is sure of nor rules out, moved by 1 px each way: the
    mean, in which the first answer counts twice, is right for 99.39 % of MNIST digits in drawn rows
    (the first answer for 99.27 %).
    """
    inputs = np.zeros((len(asked), SIDE, SIDE), np.uint8)
    for place, (first, end, (left, top, right, bottom)) in enumerate(asked):
        part = labels[top:bottom, left:right]
        held = (part >= first) & (part < end)
        inputs[place] = as_input(np.where(held, levels[top:bottom, left:right], 0).astype(np.uint8))
    scores = infer(inputs)
    best = scores.max(axis=1, initial=0)
    unsure = np.flatnonzero((best >= LEAST) & (best < SURE))
    if len(unsure):
        moved = [np.roll(inputs[unsure], step, axis) for axis in (1, 2) for step in (-1, 1)]
        again = infer(np.concatenate(moved)).reshape(len(moved), len(unsure), -1)
        scores[unsure] = (2 * scores[unsure] + again.sum(axis=0)) / (2 + len(moved))
    return scores
