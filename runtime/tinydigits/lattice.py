"""Lattice: all ways to take the ink of a line for digits, and the best of them.

A line is a row of atoms: pieces, or parts of pieces that may hold several digits. A candidate is
one atom or a few that follow one another. The best path through the line takes each atom for a part
of a digit or leaves it out (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
document recognition", 1998, section V).

The reasons against each step are weighed in nats. The weights were found by a random search over
lines of MNIST digits (`benchmarks.harness.rows`), for the most lines read exactly.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Scores = NDArray[np.float32]

SURE = 0.95  # a piece with this score is neither cut nor joined to another one
MOST_ATOMS = 5  # of a candidate that is not a whole piece
GAP = 18  # of 100 of the height of the digits: the widest gap between pieces of one digit
WIDEST, TALLEST = 115, 160  # likewise: the largest digit that is joined from pieces
FLOOR = 1e-4  # the lowest score that counts

# Natural logarithm of width ÷ height of the digits 0 to 9 in MNIST: mean and deviation. Classes of
# other models are taken to be of any width.
ASPECT = ((-0.11, 0.21), (-0.94, 0.48), (-0.08, 0.24), (-0.24, 0.22), (-0.25, 0.22),
          (-0.07, 0.28), (-0.35, 0.23), (-0.27, 0.22), (-0.29, 0.23), (-0.41, 0.21))  # fmt: skip
ANY_ASPECT = (-0.2, 1.0)

# The reasons against a candidate (see `against`), and the weight of each.
WEIGHTS = {
    "score": 1.0,
    "second": 0.25,
    "short": 5.0,
    "tall": 8.0,
    "broad": 8.0,
    "wider": 0.55,
    "narrower": 0.3,
    "joins": 0.15,
    "gaps": 1.0,
    "part": 0.5,
    "cut": 0.6,
    "crossed": 2.0,
    "border": 2.0,
    "faint": 6.0,
}
# The reasons against leaving out an atom of the height of a digit: a whole piece may be another
# sign or dirt, but a part of one mostly belongs to a digit.
PIECE, PART = 3.0, 5.0
SIGN_WIDTH = 0.7  # of the height of a digit: wider pieces hold several signs
SPARE = 0.02  # for any atom, however small


class Atom(NamedTuple):
    """A piece, or a part of one."""

    number: int
    """Its number in the map of labels."""

    box: Box
    piece: int
    """The number of its piece."""

    crossed: float
    """How much ink the cut at its left crosses, in px; 0 for the first part of a piece."""

    strength: float
    """The level of its stronger ink: four fifths are weaker."""

    scores: Scores | None
    """Those of a whole piece that was read already."""

    @property
    def sure(self) -> bool:
        """Whether the piece is a digit as it is."""
        return self.scores is not None and float(self.scores.max()) >= SURE


class Candidate(NamedTuple):
    """Atoms that may be a digit."""

    first: int
    end: int
    """The place of the first atom in the line, and the place after the last."""

    box: Box


class Usual(NamedTuple):
    """The digits of a picture, by which candidates are judged."""

    tall: int
    """Height in px."""

    strength: float
    """The ink's strength, as an Atom has it."""

    limits: tuple[int, ...]
    """Height and width of the picture."""


def candidates_of(atoms: Sequence[Atom], tall: int) -> Iterator[Candidate]:
    """Yield all candidates of a line."""
    for first, atom in enumerate(atoms):
        box = atom.box
        yield Candidate(first, first + 1, box)
        begins = first == 0 or atoms[first - 1].piece != atom.piece
        for end, other in enumerate(atoms[first + 1 :], first + 2):
            if (atom.sure and other.sure) or (other.box[0] - box[2]) * 100 > GAP * tall:
                break
            box = around(box, other.box)
            if other.piece != atom.piece:
                if end - first > MOST_ATOMS or (box[2] - box[0]) * 100 > WIDEST * tall:
                    break
                if (box[3] - box[1]) * 100 > TALLEST * tall:
                    continue
            ends = end == len(atoms) or atoms[end].piece != atom.piece
            if end - first <= MOST_ATOMS or (begins and ends):
                yield Candidate(first, end, box)


def around(one: Box, other: Box) -> Box:
    """Return the box around two boxes."""
    return (
        *(min(one[0], other[0]), min(one[1], other[1])),
        *(max(one[2], other[2]), max(one[3], other[3])),
    )


def against(
    atoms: Sequence[Atom], one: Candidate, scores: Scores, usual: Usual
) -> dict[str, float]:
    """Return what speaks against a candidate, each 0 or more."""
    left, top, right, bottom = one.box
    label = int(scores.argmax())
    second, best = np.partition(scores, -2)[-2:].tolist()
    best = max(best, FLOOR)
    height, width = (bottom - top) / usual.tall, (right - left) / usual.tall
    mean, deviation = ASPECT[label] if label < len(ASPECT) else ANY_ASPECT
    departure = (float(np.log(width / height)) - mean) / deviation
    parts = atoms[one.first : one.end]
    gaps = [
        max(0.0, (after.box[0] - before.box[2]) / usual.tall)
        for before, after in pairwise(parts)
        if before.piece != after.piece
    ]
    is_cut = one.first > 0 and atoms[one.first - 1].piece == parts[0].piece
    is_part = is_cut or (one.end < len(atoms) and atoms[one.end].piece == atoms[one.end - 1].piece)
    reaches = left <= 0 or top <= 0 or right >= usual.limits[1] or bottom >= usual.limits[0]
    strength = max(part.strength for part in parts)
    return {
        "score": -float(np.log(best)),
        "second": second / best,
        "short": max(0.0, 0.75 - height),
        "tall": max(0.0, height - 1.4),
        "broad": max(0.0, width - max(1.0, height)),
        "wider": max(0.0, departure - 1),
        "narrower": max(0.0, -departure - 1),
        "joins": len(gaps),
        "gaps": sum(gaps),
        "part": -float(np.log(best)) if is_part else 0.0,
        "cut": is_cut,
        "crossed": parts[0].crossed / usual.tall if is_cut else 0.0,
        "border": reaches,
        "faint": max(0.0, 0.7 - strength / usual.strength),
    }


def skips_of(atoms: Sequence[Atom], tall: int) -> Iterator[tuple[int, int, float]]:
    """Yield what may be left out, single atoms and whole pieces: the place of the first atom, the
    place after the last, and what speaks against it.
    """
    for _, group in groupby(range(len(atoms)), lambda place: atoms[place].piece):
        places = list(group)
        box = atoms[places[0]].box
        for place in places:
            box = around(box, atoms[place].box)
            if len(places) > 1:
                yield place, place + 1, SPARE + PART * _size(atoms[place].box, tall)
        signs = max(1.0, (box[2] - box[0]) / (SIGN_WIDTH * tall))
        yield places[0], places[-1] + 1, SPARE + PIECE * signs * _size(box, tall) ** 2


def _size(box: Box, tall: int) -> float:
    left, top, right, bottom = box
    return min(1.0, max(right - left, bottom - top) / tall)


def best_path(
    candidates: Sequence[Candidate], costs: Sequence[float], skips: Sequence[tuple[int, int, float]]
) -> tuple[list[int], list[int]]:
    """Return the places of the candidates on the path that costs least, from left to right, and the
    places of the skips.
    """
    edges = [(one.end, one.first, cost) for one, cost in zip(candidates, costs, strict=True)]
    edges += [(end, first, cost) for first, end, cost in skips]
    # By the number of atoms so far: the least cost, the number before the last step, and the step.
    best: dict[int, tuple[float, int, int]] = {0: (0.0, 0, 0)}
    for place in sorted(range(len(edges)), key=lambda place: edges[place][:2]):
        end, first, cost = edges[place]
        way = (best[first][0] + cost, first, place)
        best[end] = min(way, best.get(end, way))
    taken: list[int] = []
    at = max(best)
    while at:
        _, at, place = best[at]
        taken.append(place)
    taken.reverse()
    count = len(candidates)
    return [each for each in taken if each < count], [
        each - count for each in taken if each >= count
    ]
