"""Spreads and ratios are those of the textbook, a percentile is shown only for enough samples, and
the interval of a ratio holds the true one as often as it says.
"""

import numpy as np
import pytest

from tinydigits.bench.stats import Figure, Metric, Spread, percentiles, ratio, ratios, spread


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], Spread(7, 7, 7)),
        ([1.0, 3.0], Spread(1.5, 2, 2.5)),
        ([5.0, 1.0, 4.0, 2.0, 3.0], Spread(2, 3, 4)),
        ([1.0, 2.0, 3.0, 4.0], Spread(1.75, 2.5, 3.25)),
        ([1.0] * 8 + [1000.0], Spread(1, 1, 1)),  # one disturbed turn of nine moves nothing
    ],
)
def test_a_spread_is_the_median_and_the_quartiles(values: list[float], expected: Spread) -> None:
    assert spread(values) == expected


def test_ratios_are_taken_pair_by_pair() -> None:
    # The machine is half as fast in the second turn: the ratio does not move, the medians do.
    ours, theirs = (10.0, 20.0, 10.0), (5.0, 10.0, 5.0)
    assert ratios(ours, theirs) == (2, 2, 2)
    with pytest.raises(ValueError, match="shorter"):
        ratios((1.0, 2.0), (1.0,))


def metric(blocks: list[float], unit: str = "s") -> Metric:
    return Metric(Figure("infer", "conv", unit=unit), len(blocks), tuple(blocks))


def test_percentiles_are_those_of_the_samples() -> None:
    samples = [float(value) for value in np.random.default_rng(0).permutation(10_001)]
    assert percentiles(samples) == pytest.approx((5000, 9000, 9900, 9990))


@pytest.mark.parametrize(
    ("samples", "stated"),
    [(1, 1), (19, 1), (99, 1), (100, 2), (999, 2), (1000, 3), (9999, 3), (10_000, 4)],
)
def test_ten_samples_lie_beyond_each_percentile_above_the_median_that_is_stated(
    samples: int, stated: int
) -> None:
    found = percentiles([1.0] * samples)
    assert [value for value in found if value is not None] == [1.0] * stated


def test_figures_have_names_of_their_own() -> None:
    assert Figure("python").name == "python"
    assert Figure("batch", "conv", batch=32).name == "batch 32 conv"
    assert Figure("end to end", "conv", "28×28 PNG").name == "end to end conv, 28×28 PNG"
    assert Figure("decode", pictures="28×28 PNG").name == "decode, 28×28 PNG"


def test_a_run_against_itself_is_1_and_against_twice_the_time_2() -> None:
    blocks = [1.0, 1.02, 0.99, 1.01, 1.0, 0.98]
    same = ratio(metric(blocks), metric(blocks))
    assert same.low is not None
    assert same.high is not None
    assert same.value == 1
    assert same.low < 1 < same.high
    double = ratio(metric(blocks), metric([2 * block for block in blocks]))
    assert double.value == pytest.approx(2)
    assert (double.low, double.high) == pytest.approx((2 * same.low, 2 * same.high))


def test_fewer_images_a_second_are_a_ratio_above_1() -> None:
    found = ratio(metric([100.0] * 5, "images/s"), metric([80.0] * 5, "images/s"))
    assert found == (1.25, 1.25, 1.25)


def test_there_is_no_interval_of_two_blocks() -> None:
    assert ratio(metric([1.0, 1.0]), metric([2.0] * 9)) == (2.0, None, None)
    assert ratio(metric([1.0] * 9), metric([2.0, 2.0])) == (2.0, None, None)


@pytest.mark.parametrize("blocks", [5, 10])
def test_the_interval_holds_the_true_ratio_95_times_of_100(blocks: int) -> None:
    """Also where one block in five is slow, as beside other programs."""
    random = np.random.default_rng(7)

    def run(scale: float) -> Metric:
        slow = (random.random(blocks) < 0.2) * random.exponential(0.3, blocks)
        return metric((scale * np.exp(random.normal(0, 0.03, blocks) + slow)).tolist())

    hits = 0
    for _ in range(300):
        found = ratio(run(1.0), run(1.2))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 1.2 <= found.high
    assert 0.93 <= hits / 300 < 1
