"""What is wrong with one picture is said in its place, and ends nothing."""

from typing import Any

import numpy as np
import pytest

from tinydigits import Classifier
from tinydigits.fitting import fit


def test_a_picture_that_does_not_fit_into_memory_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit_some(picture: Any, *how: Any) -> Any:
        if picture.width == 50:
            raise MemoryError
        return fit(picture, *how)

    monkeypatch.setattr("tinydigits.reading.fit", fit_some)
    pictures = [np.zeros((side, side), np.uint8) for side in (40, 50, 60)]
    rows = list(Classifier("dense").classify(pictures))
    assert [row.status for row in rows] == ["uncertain", "error", "uncertain"]
    assert rows[1].reason == "too large for this machine's memory"
