"""The pen follows its curve, and covers what is within its radius."""

import numpy as np

from tinydigits.pen import curve, drawn


def test_the_curve_runs_through_its_points() -> None:
    points = np.array([[0.0, 0.0], [10.0, 5.0], [20.0, 0.0]])
    path = curve(points, 12)
    assert path.shape == (24, 2)
    for point in points:
        assert np.abs(path - point).sum(axis=1).min() < 1e-9


def test_ink_is_where_the_pen_was_and_its_edge_is_grey() -> None:
    ink = drawn([np.array([[40.0, 20.0]])], (20, 10), radius=10.0)
    assert ink.shape == (10, 20)
    rows, columns = np.indices(ink.shape)
    far = np.hypot(rows + 0.5 - 5, columns + 0.5 - 10)
    assert (ink[far < 1.5] == 255).all()
    assert (ink[far > 3.5] == 0).all()
    assert ((ink > 0) & (ink < 255)).any()
