"""The best path takes the candidates that cost least together, and leaves out what fits nowhere."""

import numpy as np
from numpy.typing import NDArray

from tinydigits.lattice import (
    Atom,
    Candidate,
    Usual,
    against,
    best_path,
    candidates_of,
    skips_of,
)

USUAL = Usual(40, 200.0, (100, 500))


def atom(number: int, left: int, width: int = 25, piece: int | None = None, top: int = 20) -> Atom:
    box = (left, top, left + width, 60)
    return Atom(number, box, number if piece is None else piece, 0.0, 200.0, None)


def scores(best: float) -> NDArray[np.float32]:
    return np.array([best, *[0.0] * 9], np.float32)


def test_neighbours_are_joined_and_distant_pieces_are_not() -> None:
    atoms = [atom(1, 10, 10), atom(2, 22, 10), atom(3, 80)]
    found = [(one.first, one.end) for one in candidates_of(atoms, 40)]
    assert found == [(0, 1), (0, 2), (1, 2), (2, 3)]


def test_a_piece_in_many_parts_is_still_a_candidate_as_a_whole() -> None:
    atoms = [atom(1, 10), *(atom(2 + at, 60 + 6 * at, 6, piece=2) for at in range(7))]
    found = [(one.first, one.end) for one in candidates_of(atoms, 40)]
    assert (1, 8) in found
    assert not {(1, 7), (2, 8)} & {*found}


def test_the_cheapest_path_is_taken() -> None:
    candidates = [Candidate(first, end, (0, 0, 1, 1)) for first, end in ((0, 1), (1, 2), (0, 2))]
    skips = [(0, 1, 3.0), (1, 2, 3.0)]
    assert best_path(candidates, [1.0, 1.0, 2.5], skips) == ([0, 1], [])
    assert best_path(candidates, [1.0, 1.0, 1.5], skips) == ([2], [])
    assert best_path(candidates, [1.0, 9.0, 9.0], skips) == ([0], [1])
    assert best_path([], [], []) == ([], [])


def test_a_dot_is_left_out_sooner_than_a_digit_and_a_part_of_a_digit_last() -> None:
    whole, dot = atom(1, 10), atom(2, 40, 4, top=56)
    left, right = atom(3, 80, 15, piece=3), atom(4, 95, 15, piece=3)
    costs = {(first, end): cost for first, end, cost in skips_of([whole, dot, left, right], 40)}
    assert costs[1, 2] < costs[0, 1] / 5
    assert costs[2, 3] > costs[0, 1]
    assert costs[2, 4] < costs[2, 3] + costs[3, 4]


def test_what_speaks_against_a_candidate_is_0_for_a_plain_digit() -> None:
    plain = against([atom(1, 10, 32)], Candidate(0, 1, (10, 20, 42, 60)), scores(1.0), USUAL)
    assert all(value == 0 for value in plain.values())
    low = against([atom(1, 0, 32, top=45)], Candidate(0, 1, (0, 45, 32, 60)), scores(0.5), USUAL)
    assert low["score"] > 0.5
    assert low["short"] > 0
    assert low["wider"] > 0
    assert low["border"] == 1
