"""What a network of another's making was trained on is found by what it reads; one that reads
nothing is refused with the likely reason.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.lessons import few, linear
from tinydigits import ModelError
from tinydigits_export.ranges import RANGES, UNIT, Range, find_range
from tinydigits_train.labelled_folder import Dataset

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]


def network(data: Dataset, range_: Range = UNIT) -> Run:
    kernel, bias = linear(data.train, range_)
    return lambda pixels: pixels.reshape(len(pixels), -1) @ kernel + bias


def softmax(logits: Floats) -> Floats:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", RANGES)
def test_the_range_is_found(name: str, mnist: Dataset) -> None:
    found = find_range(network(mnist, RANGES[name]), few(mnist).test, "a network")
    assert found.range is RANGES[name]
    assert found.accuracies.keys() == RANGES.keys()
    assert found.accuracies[name] > 0.75
    assert f"takes pixels {name}: reads {found.accuracies[name]:.1%} of 500 test" in str(found)


@pytest.mark.parametrize(
    ("gives", "last"),
    [
        ("logits", lambda logits: logits),
        ("logits", lambda logits: np.log(softmax(logits) + 1e-30)),  # a log-softmax
        ("softmax", softmax),
        ("sigmoid", lambda logits: 1 / (1 + np.exp(-logits.clip(-80, 80)))),
    ],
)
@pytest.mark.parametrize("name", ["0..1", "0..255"])
def test_scores_and_logits_are_told_apart(
    gives: str, last: Callable[[Floats], Floats], name: str, mnist: Dataset
) -> None:
    run = network(mnist, RANGES[name])
    found = find_range(lambda pixels: last(run(pixels)), few(mnist).test, "a network")
    assert (found.gives, found.range.name) == (gives, name)


def test_a_network_that_reads_by_chance_is_refused_with_the_likely_reason(mnist: Dataset) -> None:
    test, run, random = few(mnist).test, network(mnist), np.random.default_rng(0)
    reasons: dict[str, Run] = {
        "may be untrained, .*--data.*--range 0..1 exports it all the same": lambda pixels: (
            pixels.reshape(len(pixels), -1) @ random.normal(size=(784, 10))
        ).astype(np.float32),
        "nearly every image the same answer, .*--range 0..1": lambda pixels: np.tile(
            np.arange(10, dtype=np.float32), (len(pixels), 1)
        ),
        "in another order .it gives output 1 to class 0": lambda pixels: np.roll(
            run(pixels), 1, axis=1
        ),
    }
    for reason, strange in reasons.items():
        with pytest.raises(ModelError, match=f"a network: reads .*no better than chance.*{reason}"):
            find_range(strange, test, "a network")
        assert find_range(strange, test, "a network", UNIT).range is UNIT
