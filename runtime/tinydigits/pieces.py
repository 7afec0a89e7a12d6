"""Pieces: which ink belongs to the digit, and which is a line, a frame, debris or a neighbour.

The ink is examined on a coarse grid, on which the pieces of a digit are connected and few cells
have to be visited. All counts are whole numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinydigits.ink import Ink, Mask
from tinydigits.resampling import Grey, block_maxima, dilated

Member = TypeVar("Member")

LINED = 24  # cells: on the longer side of a grid that may show lines beside a digit
GRID = 64  # cells: the longer side of the grid
LEVELS = (80, 128)  # of 255: how strong ink must be where weaker ink reaches across the picture
SPECK = 35  # of 1000 of the main piece's cells: a smaller piece is dust
PART = 180  # likewise: a larger piece belongs to the digit from further away
HUGGING, NEAR, FAR = 6, 16, 30  # of 100 of the main piece's longer side: distances in cells
CURVED = 40  # of 100 of a straight piece's cells: a curved one with more is the digit beside a line
SURROUNDED = 8  # a digit on a sheet is at least 1/8 as tall or wide as the grid
STRAIGHT = 60  # (length ÷ width)²: straight strokes are seven times as long as wide, or longer
LEAN = 10  # cells: what a ruled line may rise or fall from border to border
RULED = 85  # of 100 cells of a ruled line hold ink; half of them nothing but the line


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

    @property
    def height(self) -> int:
        """Rows of the bounding box."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns of the bounding box."""
        return self.right - self.left

    @property
    def extent(self) -> int:
        """The longer side of the bounding box."""
        return max(self.height, self.width)

    def sides(self, grid: Mask) -> set[str]:
        """Return the borders of the grid that the piece touches."""
        touched = {
            "top": self.top == 0,
            "left": self.left == 0,
            "bottom": self.bottom == grid.shape[0],
            "right": self.right == grid.shape[1],
        }
        return {side for side, touches in touched.items() if touches}

    def is_central(self, grid: Mask) -> bool:
        """Tell whether a cell lies in the middle half of the grid, down and across."""
        height, width = grid.shape
        return any(
            height // 4 <= row < height - height // 4
            and last > width // 4
            and first < width - width // 4
            for row, first, last in self.runs
        )

    def is_straight(self) -> bool:
        """Tell whether the cells form a thin straight line, by their second moments."""
        x = y = xx = yy = xy = 0
        for row, first, last in self.runs:
            count, across = last - first, (last - first) * (first + last - 1) // 2
            x, y, xy = x + across, y + count * row, xy + row * across
            yy += count * row * row
            xx += _squares(last) - _squares(first)
        # Spreads along x and y, and together: `cells` times the covariances.
        spread_x, spread_y = xx - x * x // self.cells, yy - y * y // self.cells
        together = abs(self.cells * xy - x * y) // self.cells
        flatness = spread_x * spread_y - together * together
        return STRAIGHT * flatness <= (spread_x + spread_y) ** 2

    def marked(self, grid: Mask) -> Grey:
        """Return 1 where the piece is and 0 elsewhere, uint8 of the grid's shape."""
        marks = np.zeros(grid.shape, np.uint8)
        for row, first, last in self.runs:
            marks[row, first:last] = 1
        return marks

    def meets(self, marks: Grey) -> bool:
        """Tell whether a cell of the piece is marked."""
        return any(marks[row, first:last].any() for row, first, last in self.runs)


def _squares(count: int) -> int:
    """Return 0² + 1² + … + (count - 1)²."""
    return (count - 1) * count * (2 * count - 1) // 6


class Digit(NamedTuple):
    """The digit of a picture."""

    levels: Grey
    """uint8 [H, W]: the ink that belongs to it, and 0 elsewhere."""

    several: bool
    """Whether other pieces look like digits too."""


class _Choice(NamedTuple):
    main: Piece
    kept: list[Piece]
    several: bool


def digit_of(ink: Ink) -> Digit:
    """Choose the ink that is the digit.

    A main piece that reaches from border to border most likely includes the lines of ruled or
    squared paper. They are mostly fainter than the digit, so weaker ink is left out until the main
    piece is free of the borders. If that does not free it, lines are removed by their shape. If
    that does not free it either, the digit itself fills the picture.
    """
    side = -(-max(ink.levels.shape) // GRID)
    attempts = _attempts(block_maxima(ink.levels, side), ink.faintest)
    least, grid, _ = next(attempts)
    choice = _chosen(grid)
    if max(grid.shape) >= LINED and _spans(choice.main.sides(grid)):
        for level, fewer, by_shape in attempts:
            attempt = _chosen(fewer)
            sides = attempt.main.sides(fewer)
            if not (_spans(sides) if by_shape else sides):
                choice, least = attempt, level
                break
    kept = np.maximum.reduce([piece.marked(grid) for piece in choice.kept])
    height, width = ink.levels.shape
    whole = kept.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
    return Digit(np.where(ink.levels >= least, ink.levels, 0) * whole, choice.several)


def _attempts(cells: Grey, faintest: int) -> Iterator[tuple[int, Mask, bool]]:
    """Yield the grids that the digit is looked for in, one after another: the level that ink must
    have, the grid, and whether lines were removed by their shape.
    """
    levels = [faintest, *(level for level in LEVELS if level > faintest)]
    for level in levels:
        yield level, cells >= level, False
    for level in levels:
        grid = cells >= level
        lines = lines_of(grid)
        if lines.any() and (grid & ~lines).any():
            yield level, grid & ~lines, True


def _spans(sides: set[str]) -> bool:
    """Tell whether opposite borders are touched."""
    return {"top", "bottom"} <= sides or {"left", "right"} <= sides


def lines_of(grid: Mask) -> Mask:
    """Mark the cells of ruled lines and sheet edges: thin, straight, and from border to border.

    A line may rise or fall by LEAN cells (the Hough transform, 1962, over few slopes). Only thin
    cells are marked, so that strokes which cross a line stay whole.
    """
    found = np.zeros_like(grid)
    for view, lines in ((grid, found), (grid.T, found.T)):
        height, width = view.shape
        thin = view & ~thick(view, 4 if min(height, width) >= 40 else 2)
        marked = np.zeros_like(view)
        inked = _counted(view)
        while True:
            counts = _counted(thin & ~marked)
            counts[(inked * 100 < RULED * width) | (counts * 2 < width)] = 0
            slope, at = np.unravel_index(int(counts.argmax()), counts.shape)
            if counts[slope, at] == 0:
                break
            rows = np.arange(height)[:, np.newaxis] - _falls(width)[slope]
            marked |= thin & (abs(2 * (rows + 2 * LEAN - at) - 1) <= 3)
        lines |= marked
    return found


def thick(mask: Mask, least: int) -> Mask:
    """Mark the cells in runs of `least` or more down a column."""
    height = len(mask)
    padded = np.pad(mask, ((least, least), (0, 0)))
    runs = np.logical_and.reduce([padded[at : at + height + least] for at in range(least)])
    marked: Mask = np.logical_or.reduce([runs[at : at + height] for at in range(1, least + 1)])
    return marked


def _falls(width: int) -> NDArray[np.intp]:
    """Return how many rows a line of each slope lies below its middle, at each column: [S, W]."""
    slopes = np.arange(-LEAN, LEAN + 1)[:, np.newaxis]
    return (slopes * (2 * np.arange(width) - width)) // (2 * width)


def _counted(mask: Mask) -> NDArray[np.intp]:
    """Count the columns that have a cell on each line, or right below it, where a thin line may be
    that leans: [S, H + 4 · LEAN], by slope and by row in the middle.
    """
    both = mask.copy()
    both[:-1] |= mask[1:]
    rows, columns = np.nonzero(both)
    rows = rows + 2 * LEAN - _falls(mask.shape[1])[:, columns]
    return np.stack([np.bincount(each, minlength=len(mask) + 4 * LEAN) for each in rows])


def _chosen(grid: Mask) -> _Choice:
    """Choose the main piece and those that belong to it."""
    pieces = pieces_of(grid)
    pieces = [
        piece for piece in pieces if not (frames(piece, pieces) or _surrounds(piece, pieces, grid))
    ]
    main = max(pieces, key=lambda piece: _weight(piece, grid))
    if len(pieces) == 1:
        return _Choice(main, pieces, several=False)
    hugging, near, far = _around(main, grid)
    curved = [piece for piece in pieces if _is_curved(piece, main, grid) and not piece.meets(far)]
    if curved and main.is_straight():
        main = max(curved, key=lambda piece: _weight(piece, grid))
        hugging, near, far = _around(main, grid)

    def belongs(piece: Piece) -> bool:
        if piece is main:
            return True
        large = piece.cells * 1000 >= PART * main.cells
        if piece.sides(grid) - main.sides(grid):  # a neighbour, a line or an edge, most likely
            whole = large and piece.is_central(grid) and not piece.is_straight()
            return whole and piece.meets(near)
        if large:
            stray = 5 * piece.extent > 4 * main.extent and piece.is_straight()
            upright = 3 * piece.width <= piece.height  # as the second stroke of an open 4 is
            return piece.meets((near if upright else hugging) if stray else far)
        return piece.cells * 1000 >= SPECK * main.cells and piece.meets(near)

    def is_other(piece: Piece) -> bool:
        if 2 * piece.height < main.height or 4 * piece.cells < main.cells or piece.sides(grid):
            return False
        leans = 2 * piece.width > piece.height or 3 * piece.extent > 4 * main.height
        return not (leans and piece.is_straight())

    kept = [piece for piece in pieces if belongs(piece)]
    others = [piece for piece in pieces if piece not in kept]
    return _Choice(main, kept, any(is_other(piece) for piece in others))


def _around(main: Piece, grid: Mask) -> list[Grey]:
    """Mark what lies within HUGGING, NEAR and FAR of the main piece, each by itself."""
    marked = main.marked(grid)
    return [dilated(marked, max(1, share * main.extent // 100)) for share in (HUGGING, NEAR, FAR)]


def _is_curved(piece: Piece, line: Piece, grid: Mask) -> bool:
    """Tell whether a piece is more likely a digit than the straight line is."""
    large = 100 * piece.cells >= CURVED * line.cells and 2 * piece.height >= piece.width
    return large and not piece.sides(grid) and not piece.is_straight()


def _weight(piece: Piece, grid: Mask) -> int:
    """Return how much speaks for a piece as the digit: its cells, fewer where it touches a border,
    and fewer still if all of it lies around the middle. A lying line counts a third.
    """
    weight = piece.cells * 100
    if piece.sides(grid):
        weight = weight * (40 if piece.is_central(grid) else 10) // 100
    if 2 * piece.width > piece.height and piece.is_straight():
        weight = weight * 3 // 10
    return weight


def frames(piece: Piece, pieces: Iterable[Piece], share: int = 16, tenths: int = 9) -> bool:
    """Tell whether a piece is a box around another one that may be a digit. share, tenths: see
    has_walls; the lower they are, the more the box may be slanted.
    """
    return has_walls(piece, share, tenths) and any(
        other.top > piece.top
        and other.left > piece.left
        and other.bottom < piece.bottom
        and other.right < piece.right
        and 4 * other.extent >= piece.extent
        and 10 * other.cells >= piece.cells
        for other in pieces
    )


def has_walls(piece: Piece, share: int, tenths: int = 9) -> bool:
    """Tell whether a piece reaches along `tenths` of all four sides of its bounding box, no further
    from them than 1/share of its longer side, and 2 cells.
    """
    marks = np.zeros((piece.height, piece.width), np.bool_)
    for row, first, last in piece.runs:
        marks[row - piece.top, first - piece.left : last - piece.left] = True
    depth = 2 + piece.extent // share
    walls = (
        *(marks[:depth].any(axis=0), marks[-depth:].any(axis=0)),
        *(marks[:, :depth].any(axis=1), marks[:, -depth:].any(axis=1)),
    )
    return all(10 * int(wall.sum()) >= tenths * wall.size for wall in walls)


def _surrounds(piece: Piece, pieces: list[Piece], grid: Mask) -> bool:
    """Tell whether a piece is the table around a sheet: it touches three borders or four, no cell
    lies in the middle half of the grid, and another piece, away from the borders, may be a digit.
    """
    if len(piece.sides(grid)) < 3 or piece.is_central(grid):
        return False
    return any(
        SURROUNDED * other.extent >= max(grid.shape) and not other.sides(grid) for other in pieces
    )


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

    def touching() -> Iterator[tuple[int, int]]:
        above = 0
        for run, (row, first, last) in enumerate(runs):
            while runs[above][0] < row - 1:
                above += 1
            other = above
            while runs[other][0] == row - 1 and runs[other][1] <= last:
                if runs[other][2] >= first:
                    yield other, run
                other += 1
            while runs[above][0] == row - 1 and runs[above][2] < first:
                above += 1

    return [
        Piece(
            members,
            cells=sum(last - first for _, first, last in members),
            top=members[0][0],
            left=min(first for _, first, _ in members),
            bottom=members[-1][0] + 1,
            right=max(last for _, _, last in members),
        )
        for members in connected(runs, touching())
    ]


def connected(members: Sequence[Member], pairs: Iterable[tuple[int, int]]) -> list[list[Member]]:
    """Return the groups that pairs of places connect. Groups, and the members of each, are in the
    order of `members`.
    """
    parent = list(range(len(members)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    for one, other in pairs:
        parent[root(one)] = root(other)
    groups: dict[int, list[Member]] = {}
    for place, member in enumerate(members):
        groups.setdefault(root(place), []).append(member)
    return list(groups.values())
