"""Printed signs are inked, varied, repeatable, and there without any font file."""

import sys

import numpy as np
import pytest

from tinydigits_train import printing
from tinydigits_train.printing import printed, printed_word


@pytest.mark.parametrize("draw", [printed, printed_word])
@pytest.mark.parametrize("with_matplotlib", [True, False])
def test_signs_are_printed(draw, with_matplotlib, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    if not with_matplotlib:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    printing._fonts.cache_clear()

    def prints(seed: int) -> list[bytes]:
        random = np.random.default_rng(seed)
        images = [draw(random) for _ in range(40)]
        assert np.mean([np.asarray(image).max() > 100 for image in images]) > 0.9
        return [image.tobytes() for image in images]

    assert prints(1) == prints(1) != prints(2)
    assert len(set(prints(1))) > 25
    printing._fonts.cache_clear()
