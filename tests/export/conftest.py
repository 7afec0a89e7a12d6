"""A trained model and its bundle, made once for all tests of this folder."""

from pathlib import Path

import pytest

from tinydigits_export.bundle import ENDINGS, export
from tinydigits_export.original import open_original
from tinydigits_train.data import Dataset, load_data
from tinydigits_train.fit import save, train


@pytest.fixture(scope="session")
def mnist(mnist_dir: Path) -> Dataset:
    return load_data(str(mnist_dir))


@pytest.fixture(scope="session")
def keras_path(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dense`, trained as a user trains it."""
    path = tmp_path_factory.mktemp("trained") / "digits.keras"
    save(train("dense", mnist, seed=0), path)
    return path


@pytest.fixture(scope="session")
def bundle(keras_path: Path, mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported to every format. Tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("bundle")
    export(open_original(keras_path), folder, tuple(ENDINGS), mnist)
    return folder
