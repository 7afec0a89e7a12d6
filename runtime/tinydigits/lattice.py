"""Lattice: all ways to take the ink of a line for digits, and the best of them.

A line is a row of atoms: pieces, or parts of pieces that may hold several digits. A candidate is
one atom or a few that follow one another. The best path through the line takes each atom for a part
of a digit or leaves it out (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
document recognition", 1998, section V).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydigits.baselines import Line
from tinydigits.cutting import cuts_of
from tinydigits.fitting import as_input
from tinydigits.pieces import Piece
from tinydigits.resampling import Grey
from tinydigits.segmentation import Page

Box = tuple[int, int, int, int]
Infer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

P = {
    "sure": 0.95,  # a piece with this score needs no cut
    "wide": 1.0,  # × tall: wider is cut even if sure
    "narrow": 0.42,  # × tall: narrower is not cut
    "join": 0.18,  # × tall: the widest gap between joined pieces
    "joined": 1.15,  # × tall: the widest join
    "atoms": 5,
    "skip": 3.0,  # nats: a whole sign left out
    "cut": 1.2,  # nats for each tall of ink that a cut crosses
    "cut0": 0.15,
    "join0": 0.25,
    "gap": 2.0,
    "small": 1.5,
    "width": 3.0,
    "tallest": 1.6,
    "floor": 1e-4,
    "power": 1.0,
}


class Atom(NamedTuple):
    number: int  # in the map of labels
    box: Box
    piece: int
    cut: float  # ink of the cut at its left, in px; 0 at the start of a piece
    cells: int


class Candidate(NamedTuple):
    first: int
    end: int
    box: Box


class Found(NamedTuple):
    """A sign that is taken for a digit."""

    scores: NDArray[np.float32]
    box: Box


def read_lines(
    page: Page, lines: list[Line], infer: Infer
) -> tuple[list[list[Found]], int]:
    """Return the digits of each line, and how many signs were left out."""
    tall = page.tall
    whole = [piece for line in lines for piece in line.pieces]
    labels = np.zeros(page.levels.shape, np.int32)
    for number, piece in enumerate(whole, 1):
        _mark(labels, piece, number)
    large = [
        number for number, piece in enumerate(whole, 1) if piece.height * 100 >= 40 * tall
    ]
    known: dict[Piece | tuple[int, int], NDArray[np.float32]] = {}
    boxes = {number: _box(whole[number - 1]) for number in large}
    scores = _scores(page.levels, labels, [(n, n + 1, boxes[n]) for n in large], infer)
    best = {number: score for number, score in zip(large, scores, strict=True)}
    rows: list[list[Atom]] = []
    number = len(whole) + 1
    sure: dict[int, NDArray[np.float32]] = {}
    at = 1
    for line in lines:
        row: list[Atom] = []
        for piece in line.pieces:
            score = best.get(at)
            cut = score is not None and piece.width > P["narrow"] * tall and (
                float(score.max()) < P["sure"] or piece.width > P["wide"] * tall
            )
            for part, (box, crossed, cells) in _parts(page.levels, labels, piece, at, cut, tall):
                labels_view = labels[box[1] : box[3], box[0] : box[2]]
                labels_view[part] = number
                if not cut and score is not None:
                    sure[number] = score
                row.append(Atom(number, box, at, crossed, cells))
                number += 1
            at += 1
        rows.append(row)
    wanted: list[tuple[int, int, Box]] = []
    lattices = []
    for row in rows:
        candidates = list(_candidates(row, tall, sure))
        lattices.append(candidates)
        wanted += [
            (row[one.first].number, row[one.end - 1].number + 1, one.box) for one in candidates
        ]
    todo = [each for each in wanted if not (each[1] == each[0] + 1 and each[0] in sure)]
    answered = iter(_scores(page.levels, labels, todo, infer))
    found, left_out = [], 0
    for row, candidates in zip(rows, lattices, strict=True):
        scored = []
        for one in candidates:
            first = row[one.first].number
            alone = one.end == one.first + 1 and first in sure
            scored.append(sure[first] if alone else next(answered))
        chosen, skipped = best_path(row, candidates, scored, tall)
        found.append(chosen)
        left_out += skipped
    return found, left_out


def _box(piece: Piece) -> Box:
    return piece.left, piece.top, piece.right, piece.bottom


def _mark(labels: NDArray[np.int32], piece: Piece, number: int) -> None:
    for row, first, last in piece.runs:
        labels[row, first:last] = number


def _parts(
    levels: Grey, labels: NDArray[np.int32], piece: Piece, number: int, cut: bool, tall: int
) -> Iterator[tuple[NDArray[np.bool_], tuple[Box, float, int]]]:
    """Yield the parts of a piece: the mask within the box, the box, the ink of the cut at its left,
    and the cells.
    """
    left, top, right, bottom = _box(piece)
    mask = labels[top:bottom, left:right] == number
    cuts = cuts_of(np.where(mask, levels[top:bottom, left:right], 0).astype(np.uint8), tall) if cut else []
    columns = np.arange(right - left)
    rest, crossed = mask, 0.0
    pieces = []
    for each in cuts:
        before = rest & (columns < each.columns[:, np.newaxis])
        if before.any():
            pieces.append((before, crossed))
            crossed = each.ink
        rest = rest & ~before
    if rest.any():
        pieces.append((rest, crossed))
    for part, ink in pieces:
        rows, cols = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        first, last, low, high = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
        box = (left + int(low), top + int(first), left + int(high), top + int(last))
        yield part[first:last, low:high], (box, ink, int(part.sum()))


def _candidates(
    row: list[Atom], tall: int, sure: dict[int, NDArray[np.float32]]
) -> Iterator[Candidate]:
    for first, atom in enumerate(row):
        left, top, right, bottom = atom.box
        yield Candidate(first, first + 1, atom.box)
        certain = atom.number in sure and float(sure[atom.number].max()) >= P["sure"]
        for end in range(first + 1, min(len(row), first + P["atoms"])):
            other = row[end]
            both = certain and other.number in sure and float(sure[other.number].max()) >= P["sure"]
            if both or other.box[0] - right > P["join"] * tall:
                break
            left, top = min(left, other.box[0]), min(top, other.box[1])
            right, bottom = max(right, other.box[2]), max(bottom, other.box[3])
            one_piece = other.piece == atom.piece
            if right - left > P["joined"] * tall and not one_piece:
                break
            if bottom - top > P["tallest"] * tall and not one_piece:
                continue
            yield Candidate(first, end + 1, (left, top, right, bottom))


def _scores(
    levels: Grey, labels: NDArray[np.int32], wanted: list[tuple[int, int, Box]], infer: Infer
) -> NDArray[np.float32]:
    inputs = np.zeros((len(wanted), 28, 28), np.uint8)
    for place, (first, end, (left, top, right, bottom)) in enumerate(wanted):
        part = labels[top:bottom, left:right]
        mask = (part >= first) & (part < end)
        inputs[place] = as_input(np.where(mask, levels[top:bottom, left:right], 0).astype(np.uint8))
    return infer(inputs)


def cost_of(
    row: list[Atom], one: Candidate, scores: NDArray[np.float32], tall: int
) -> float:
    left, top, right, bottom = one.box
    score = float(scores.max())
    cost = -np.log(max(score, P["floor"])) * P["power"]
    height, width = (bottom - top) / tall, (right - left) / tall
    cost += P["small"] * max(0.0, 0.75 - height) * 4
    cost += P["width"] * max(0.0, width - max(1.0, 1.0 * height))
    for number in range(one.first + 1, one.end):
        before, atom = row[number - 1], row[number]
        if before.piece != atom.piece:
            cost += P["join0"] + P["gap"] * max(0.0, (atom.box[0] - before.box[2]) / tall)
    return float(cost)


def best_path(
    row: list[Atom], candidates: list[Candidate], scored: list[NDArray[np.float32]], tall: int
) -> tuple[list[Found], int]:
    """Return the digits on the best path, and how many signs it leaves out."""
    best = [0.0] + [np.inf] * len(row)
    back: list[tuple[int, int | None]] = [(0, None)] * (len(row) + 1)
    by_end: dict[int, list[int]] = {}
    for place, one in enumerate(candidates):
        by_end.setdefault(one.end, []).append(place)
    for end in range(1, len(row) + 1):
        atom = row[end - 1]
        size = max(atom.box[2] - atom.box[0], atom.box[3] - atom.box[1]) / tall
        best[end] = best[end - 1] + P["skip"] * min(1.0, size) ** 2 + 0.02
        if end > 1 and row[end - 2].piece == atom.piece:
            pass
        back[end] = (end - 1, None)
        for place in by_end.get(end, ()):
            one = candidates[place]
            cost = best[one.first] + cost_of(row, one, scored[place], tall)
            start = row[one.first]
            if one.first and row[one.first - 1].piece == start.piece:
                cost += P["cut0"] + P["cut"] * start.cut / tall
            if cost < best[end]:
                best[end], back[end] = cost, (one.first, place)
    found, end, left_out = [], len(row), 0
    last_skipped = None
    while end:
        first, choice = back[end]
        if choice is None:
            piece = row[end - 1].piece
            left_out += piece != last_skipped
            last_skipped = piece
        else:
            found.append(Found(scored[choice], candidates[choice].box))
            last_skipped = None
        end = first
    return found[::-1], left_out
