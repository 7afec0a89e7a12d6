"""The proof fails where an artefact differs by more than its format may, and says by how much."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits.info import ModelInfo
from tinydigits_export.formats import FORMATS
from tinydigits_export.proof import Reference, Tolerance, compare, failures
from tinydigits_train.labelled_folder import Digits

COUNT = 1000
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
    assert "accuracy 0.30% below that of Keras" in reasons(changed(3, 5, 0.95), int8)
    assert "agreement 0.9930" in reasons(changed(7, 9, 0.95), int8)


def test_ties_are_counted_and_limited() -> None:
    one = compare(REFERENCE, Answers(changed(1, 9, 0.9)))
    assert one.ties == 1
    assert "ties" not in reasons(changed(1, 9, 0.9), TOLERANCES["int8"])
    assert "2 ties at the top, allowed 1" in reasons(changed(2, 9, 0.9), TOLERANCES["int8"])
    assert "allowed 0" in reasons(changed(1, 9, 0.9), TOLERANCES["onnx"])


def test_nan_never_holds() -> None:
    for tolerance in TOLERANCES.values():
        assert "max |Δ score| nan" in reasons(changed(1, 0, np.nan), tolerance)
