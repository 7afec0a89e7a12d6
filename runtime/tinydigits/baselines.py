"""Base lines: which pieces form a line of writing, and in which order they are read."""

from bisect import bisect_left

import numpy as np

from tinydigits.pieces import Piece, connected

STEEPEST = 15  # degrees: how much lines may rise or fall
SIGN = 40  # of 100 of the height of the digits: smaller pieces are dots, bars and parts
WHOLE = 80  # of 100 of the height of the digits: lower signs may be halves of a broken digit
STACKED, HIGHEST = 15, 130  # likewise: the gap between such halves, and their height together
SHARED = 40  # of 100 of the height of the lower one: pieces that share more are in one line
MOST = 1000  # signs that the slope is measured by: of 4,000, all would take 8 s and 400 MB


def lines_of(pieces: list[Piece], tall: int, many: bool) -> list[list[Piece]]:
    """Return the lines from top to bottom. tall: the usual height of the digits, in px. many:
    whether there may be several.

    Neighbours decide, since lines that are slanted differently drift apart: two pieces are in one
    line if the next one to the right is at nearly the same height. The slope that all lines share
    is subtracted first.
    """
    if not many:
        return [sorted(pieces, key=_middle)]
    signs = [piece for piece in pieces if piece.height * 100 >= SIGN * tall]
    rise = _rise(signs, tall)
    pairs: list[tuple[int, int]] = []
    tops = np.array([piece.top - rise * (piece.left + piece.right) / 2 for piece in signs])
    heights = np.array([piece.height for piece in signs])
    middles = np.array([(piece.left + piece.right) / 2 for piece in signs])
    for place in range(len(signs)):
        shared = np.minimum(tops + heights, tops[place] + heights[place]) - np.maximum(
            tops, tops[place]
        )
        beside = (middles > middles[place]) & (
            shared * 100 >= SHARED * np.minimum(heights, heights[place])
        )
        if beside.any():
            apart = abs(tops + heights / 2 - tops[place] - heights[place] / 2)
            distance = np.where(beside, middles - middles[place] + 2 * apart, np.inf)
            pairs.append((place, int(distance.argmin())))
    low = [place for place, sign in enumerate(signs) if sign.height * 100 < WHOLE * tall]
    low.sort(key=lambda place: signs[place].left)
    lefts = [signs[place].left for place in low]
    pairs += [
        (place, other)
        for after, place in enumerate(low, 1)
        for other in low[after : bisect_left(lefts, signs[place].right)]  # others are beside it
        if _are_stacked(signs[place], signs[other], tall)
    ]
    groups = sorted(connected(signs, pairs), key=lambda group: _level(group, rise))
    levels = np.array([_level(group, rise) for group in groups])
    for piece in pieces:
        if piece.height * 100 < SIGN * tall and groups:
            at = _level([piece], rise)
            near = [
                min(abs(other.left - piece.right), abs(piece.left - other.right))
                for other in (min(group, key=lambda one: _apart(one, piece)) for group in groups)
            ]
            distance = abs(levels - at) + np.array(near) / 4
            groups[int(distance.argmin())].append(piece)
    return [sorted(group, key=_middle) for group in _joined(groups, tall)]


def _joined(groups: list[list[Piece]], tall: int) -> list[list[Piece]]:
    """Join a sign that is alone, and beyond the end of the line above or below, to that line: the
    last digit of a number that was written downhill.
    """
    joined: list[list[Piece]] = []
    for group in groups:
        if joined and (len(group) == 1 or len(joined[-1]) == 1):
            one, others = (group, joined[-1]) if len(group) == 1 else (joined[-1], group)
            left, right = min(each.left for each in others), max(each.right for each in others)
            aside = max(left - one[0].right, one[0].left - right)
            top, bottom = min(each.top for each in others), max(each.bottom for each in others)
            apart = max(top - one[0].bottom, one[0].top - bottom)
            if 0 <= aside <= tall and apart * 4 <= tall:
                joined[-1] += group
                continue
        joined.append(group)
    return joined


def _middle(piece: Piece) -> int:
    return piece.left + piece.right


def _are_stacked(one: Piece, other: Piece, tall: int) -> bool:
    """Tell whether two pieces may be the upper and the lower half of one broken digit."""
    beside = min(one.right, other.right) - max(one.left, other.left)
    gap = max(one.top, other.top) - min(one.bottom, other.bottom)
    height = max(one.bottom, other.bottom) - min(one.top, other.top)
    return (
        2 * beside >= min(one.width, other.width)
        and gap * 100 <= STACKED * tall
        and height * 100 <= HIGHEST * tall
    )


def _apart(one: Piece, other: Piece) -> int:
    return abs(_middle(one) - _middle(other))


def _level(group: list[Piece], rise: float) -> float:
    """Return the mean row of the middles, with the slope subtracted."""
    middles = [
        (piece.top + piece.bottom) / 2 - rise * (piece.left + piece.right) / 2 for piece in group
    ]
    return float(np.mean(middles))


def _rise(signs: list[Piece], tall: int) -> float:
    """Return the slope that makes the projection along the lines sharpest (Postl, "Detection of
    linear oblique structures and skew scan in digitized documents", 1986).
    """
    if len(signs) < 3:
        return 0.0
    signs = signs[:: -(-len(signs) // MOST)]
    middles = np.array([(piece.left + piece.right) / 2 for piece in signs])
    feet = np.array([[piece.top, piece.bottom] for piece in signs]).mean(axis=1)
    best, sharpest = 0.0, -1.0
    for degrees in sorted(range(-STEEPEST, STEEPEST + 1), key=abs):
        rise = float(np.tan(np.radians(degrees)))
        levels = feet - rise * middles
        apart = (levels[:, np.newaxis] - levels) / (0.3 * tall)
        sharpness = float(np.exp(-(apart**2)).sum()) * (1 - 0.002 * abs(degrees))
        if sharpness > sharpest:
            best, sharpest = rise, sharpness
    return best
