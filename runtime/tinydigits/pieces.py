"""Pieces: which ink belongs to the digit, and which is debris.

The ink is examined on a coarse grid, on which the pieces of a digit are connected and few cells
have to be visited.
"""

from typing import NamedTuple

import numpy as np

from tinydigits.ink import Floats, Mask

GRID = 64  # cells: the longer side of the grid
RULE_SHARE = 0.85  # of the width: a thin line this long is ruled, not written
RULE_CELLS = 3  # cells: the most that a ruled line is thick
SPECK = 0.035  # of the main piece's cells: a smaller piece is dust
PART = 0.18  # of the main piece's cells: a larger piece belongs to the digit anywhere
NEAR = 0.16  # of the main piece's longer side: a closer piece belongs to the digit


class Piece(NamedTuple):
    """Connected cells, corners included."""

    runs: list[tuple[int, int, int]]
    """Row, first column, and last column + 1."""

    cells: int
    top: int
    left: int
    bottom: int
    right: int
    """The bounding box, bottom and right exclusive."""

    def gap(self, other: "Piece") -> int:
        """Return the cells between the two boxes; 0 where they touch or overlap."""
        across = max(self.left - other.right, other.left - self.right, 0)
        down = max(self.top - other.bottom, other.top - self.bottom, 0)
        return max(across, down)


def digit_only(ink: Floats) -> Floats:
    """Set everything that is not the digit to 0. ink: float32 [H, W]."""
    factor = -(-max(ink.shape) // GRID)
    inked = _pooled(ink > 0, factor)
    mask = _without_rules(inked)
    pieces = pieces_of(mask)
    kept = _chosen(pieces, mask.shape) if pieces else []
    if not kept or (mask is inked and len(kept) == len(pieces)):
        return ink
    grid = np.zeros_like(mask)
    for piece in kept:
        for row, first, last in piece.runs:
            grid[row, first:last] = True
    whole = grid.repeat(factor, axis=0).repeat(factor, axis=1)
    return ink * whole[: ink.shape[0], : ink.shape[1]]


def _pooled(mask: Mask, factor: int) -> Mask:
    """Mark a cell where any of its factor × factor pixels is inked."""
    if factor == 1:
        return mask
    height, width = mask.shape
    cells = np.zeros((-(-height // factor) * factor, -(-width // factor) * factor), np.bool_)
    cells[:height, :width] = mask
    for _ in range(2):  # rows together, then columns
        cells = np.logical_or.reduce([cells[first::factor] for first in range(factor)]).T
    return cells


def _without_rules(mask: Mask) -> Mask:
    """Remove ruled lines and paper edges, which are thin, straight and run from border to border.
    If a stroke crosses one, the cells that are inked on both sides of the line stay.
    """
    for turned in (False, True):
        view = mask.T if turned else mask
        if min(view.shape) < 8 * RULE_CELLS:
            continue
        long = view.mean(axis=1) >= RULE_SHARE
        if not long.any() or long.mean() > 0.5:
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[False], long, [False]])))
        view = view.copy()
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if last - first > RULE_CELLS:
                continue
            above = view[first - 1] if first else np.zeros_like(view[0])
            below = view[last] if last < len(view) else np.zeros_like(view[0])
            view[first:last] = above & below
        mask = view.T if turned else view
    return mask


def pieces_of(mask: Mask) -> list[Piece]:
    """Return the pieces, connected over 8 neighbours, by a union of runs (Rosenfeld and Pfaltz,
    "Sequential operations in digital picture processing", 1966).
    """
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.bool_)
    padded[:, 1:-1] = mask
    changes = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    width = mask.shape[1] + 1
    runs = [
        (start // width, start % width, end - start + start % width)
        for start, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)
    ]
    parent = list(range(len(runs)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    above = 0
    for run, (row, first, last) in enumerate(runs):
        while runs[above][0] < row - 1:
            above += 1
        other = above
        while runs[other][0] == row - 1 and runs[other][1] <= last:
            if runs[other][2] >= first:
                parent[root(other)] = root(run)
            other += 1
        while runs[above][0] == row - 1 and runs[above][2] < first:
            above += 1
    grouped: dict[int, list[tuple[int, int, int]]] = {}
    for run, cells in enumerate(runs):
        grouped.setdefault(root(run), []).append(cells)
    return [
        Piece(
            members,
            cells=sum(last - first for _, first, last in members),
            top=members[0][0],
            left=min(first for _, first, _ in members),
            bottom=members[-1][0] + 1,
            right=max(last for _, _, last in members),
        )
        for members in grouped.values()
    ]


def _chosen(pieces: list[Piece], shape: tuple[int, int]) -> list[Piece]:
    """Return the main piece and the pieces that belong to it."""
    height, width = shape

    def sides(piece: Piece) -> set[str]:
        """Return the borders of the picture that a piece touches."""
        touched = {
            "top": piece.top == 0,
            "left": piece.left == 0,
            "bottom": piece.bottom == height,
            "right": piece.right == width,
        }
        return {side for side, touches in touched.items() if touches}

    def weight(piece: Piece) -> float:
        # A piece that touches the border is often a neighbour, a shadow or a paper edge.
        return piece.cells * (0.4 if sides(piece) else 1.0)

    main = max(pieces, key=weight)
    size = max(main.bottom - main.top, main.right - main.left)

    def belongs(piece: Piece) -> bool:
        if piece is main:
            return True
        share = piece.cells / main.cells
        if sides(piece) - sides(main):
            return share >= PART and main.gap(piece) == 0
        return share >= PART or (share >= SPECK and main.gap(piece) <= NEAR * size)

    return [piece for piece in pieces if belongs(piece)]
