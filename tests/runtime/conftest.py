"""A Classifier for the tests of this folder."""

import pytest

from tinydigits import Classifier


@pytest.fixture(scope="module")
def classifier(request: pytest.FixtureRequest) -> Classifier:
    """That of the model which MODEL of the file names."""
    return Classifier(request.module.MODEL)
