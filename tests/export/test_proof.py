"""The proof fails where an artefact differs by more than its format may, and says by how much."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits.info import ModelInfo
from tinydigits_export.formats import FORMATS
from tinydigits_export.proof import FULL_SET, Reference, Tolerance, allowed, compare, failures
from tinydigits_train.labelled_folder import Digits

COUNT = 1000  # test images; of so many, `allowed` takes a few more than their share
TOLERANCES = {name: format_.tolerance for name, format_ in FORMATS.items()}
LABELS = np.arange(COUNT, dtype=np.uint8) % 10
SCORES = np.full((COUNT, 10), 0.1, np.float32)
SCORES[np.arange(COUNT), LABELS] = 0.9
REFERENCE = Reference(SCORES, Digits(np.zeros((COUNT, 28, 28), np.uint8), LABELS))


@dataclass
class Answers:
    """A backend that answers what it is told to."""

    given: NDArray[np.float32]
    metadata: ModelInfo | None = None
    classes: int = 10
    sha256: str = ""
    name: str = "a test"

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert len(images) == COUNT
        return self.given


def changed(rows: int, column: int, value: float) -> NDArray[np.float32]:
    scores = SCORES.copy()
    scores[:rows, column] = value
    return scores


def reasons(scores: NDArray[np.float32], tolerance: Tolerance) -> str:
    return "; ".join(failures(compare(REFERENCE, Answers(scores)), REFERENCE, tolerance))


@pytest.mark.parametrize("format_", list(TOLERANCES))
def test_equal_scores_hold(format_: str) -> None:
    receipt = compare(REFERENCE, Answers(SCORES.copy()))
    assert failures(receipt, REFERENCE, TOLERANCES[format_]) == []
    assert (receipt.accuracy, receipt.agreement, receipt.max_delta, receipt.ties) == (1, 1, 0, 0)


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_a_float_artefact_may_differ_by_a_hundred_thousandth(format_: str) -> None:
    assert not reasons(SCORES + np.float32(9e-6), TOLERANCES[format_])
    assert "max |Δ score| 1.1" in reasons(SCORES + np.float32(1.1e-5), TOLERANCES[format_])


def test_a_float_artefact_must_decide_every_image_alike() -> None:
    loose = Tolerance(max_delta=1, min_agreement=1, max_accuracy_loss=1, max_ties=None)
    assert "1 of 1,000 decided otherwise" in reasons(changed(1, 5, 0.95), loose)


def test_int8_may_decide_one_in_200_otherwise_and_lose_a_fifth_of_a_percent() -> None:
    int8 = TOLERANCES["int8"]
    wrong = compare(REFERENCE, Answers(changed(2, 5, 0.95)))
    assert wrong.disagreeing == (0, 1)
    assert failures(wrong, REFERENCE, int8) == []
    assert (allowed(1 - 0.995, FULL_SET), allowed(0.002, FULL_SET)) == (50, 20)
    assert "accuracy 0.50% below that of Keras: 5 images, allowed 5" not in reasons(
        changed(5, 5, 0.95), int8
    )
    assert "accuracy 0.60% below that of Keras: 6 images, allowed 5" in reasons(
        changed(7, 5, 0.95), int8
    )
    assert "agreement 0.9880, allowed 10" in reasons(changed(13, 9, 0.95), int8)


def test_ties_are_counted_and_limited() -> None:
    one = compare(REFERENCE, Answers(changed(1, 9, 0.9)))
    assert one.ties == 1
    assert "ties" not in reasons(changed(1, 9, 0.9), TOLERANCES["int8"])
    assert "4 ties at the top, allowed 3" in reasons(changed(4, 9, 0.9), TOLERANCES["int8"])
    assert "allowed 0" in reasons(changed(1, 9, 0.9), TOLERANCES["onnx"])


@pytest.mark.parametrize("share", [0.0009, 0.001, 0.002, 0.003, 0.005])
def test_the_bounds_follow_the_size_of_the_test_set(share: float) -> None:
    """One image of 60 may differ, the share itself of all MNIST and of more; and a file at half its
    bound fails on one test set in a thousand at most."""
    assert allowed(share, FULL_SET) == round(share * FULL_SET)
    assert allowed(share, 10 * FULL_SET) == round(share * 10 * FULL_SET)
    assert 1 <= allowed(share, 60) <= 2
    assert allowed(0.0, 60) == 0
    random = np.random.default_rng(0)
    for images in (30, 60, 200, 1000, 5000):
        bad = round(share / 2 * FULL_SET)
        found = random.hypergeometric(bad, FULL_SET - bad, images, 100_000)
        assert (found > allowed(share, images)).mean() < 0.02


def test_nan_never_holds() -> None:
    for tolerance in TOLERANCES.values():
        assert "max |Δ score| nan" in reasons(changed(1, 0, np.nan), tolerance)
