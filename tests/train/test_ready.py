"""Sets of ready 28×28 images are read under the names and in the forms in which they come."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write_idx
from tinydigits import SourceError
from tinydigits_train.data import load_data

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def idx_set(folder: Path, labels: list[int], train: str = "train", test: str = "t10k") -> Path:
    """Four IDX files; the image of each label has its number at the top right."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 27] = labels
    for name in (train, test):
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", np.array(labels, np.uint8))
    return folder


def test_emnist_is_read_under_its_own_names_upright_and_with_its_labels(tmp_path: Path) -> None:
    letters = [*range(1, 27)]
    idx_set(tmp_path, letters, "emnist-letters-train", "emnist-letters-test")
    data = load_data(str(tmp_path))
    assert (data.name, data.labels) == ("emnist-letters", LETTERS)
    assert data.train.labels.tolist() == [*range(26)]
    assert data.test.images[:, 27, 0].tolist() == letters  # rows and columns are exchanged in it
    idx_set(tmp_path, [0, 9], "emnist-digits-train", "emnist-digits-test")
    with pytest.raises(SourceError, match="holds emnist-digits, emnist-letters: pass one of them"):
        load_data(str(tmp_path))
    assert load_data(str(tmp_path / "emnist-letters")).labels == LETTERS
    assert load_data(str(tmp_path / "emnist-digits")).labels == tuple("0123456789")


def test_letters_in_idx_files_are_named_by_their_numbers_or_by_labels(tmp_path: Path) -> None:
    idx_set(tmp_path, [*range(1, 27)])
    assert load_data(str(tmp_path)).labels == tuple(map(str, range(1, 27)))
    data = load_data(str(tmp_path), labels=LETTERS)
    assert data.labels == LETTERS
    assert data.train.labels.tolist() == [*range(26)]
    with pytest.raises(SourceError, match=r"label 26, where 4 classes are numbered from 0: pass"):
        load_data(str(tmp_path), labels=("a", "b", "c", "d"))


def test_2_to_100_classes_are_read(tmp_path: Path) -> None:
    assert len(load_data(str(idx_set(tmp_path, [*range(100)]))).labels) == 100
    with pytest.raises(SourceError, match="101 classes, where 2 to 100"):
        load_data(str(idx_set(tmp_path, [*range(101)])))


def test_keras_s_file_is_read(tmp_path: Path) -> None:
    images, labels = np.zeros((4, 28, 28), np.uint8), np.arange(4, dtype=np.uint8)
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    data = load_data(str(path))
    assert (len(data.train.labels), len(data.test.labels), data.name) == (4, 2, "MNIST")
    np.savez(path, x_train=images)
    with pytest.raises(SourceError, match="has no array y_train"):
        load_data(str(path))
    path.write_bytes(b"PK damaged")
    with pytest.raises(SourceError, match=r"mnist\.npz: cannot be read"):
        load_data(str(path))


@pytest.mark.parametrize("named", [True, False])
def test_the_csv_of_kaggle_is_read_and_split(tmp_path: Path, named: bool) -> None:
    path = tmp_path / "train.csv"
    head = ["label", *(f"pixel{n}" for n in range(784))]
    lines = [[str(n % 10), *["0"] * 783, str(n)] for n in range(20)]
    path.write_text("\n".join(",".join(line) for line in [head] * named + lines), "utf-8")
    data = load_data(str(path))
    assert (len(data.train.labels), len(data.test.labels)) == (17, 3)
    assert np.array_equal(data.train.images[:, 27, 27] % 10, data.train.labels)
    path.write_text("label,x\n1,2\n", "utf-8")
    with pytest.raises(SourceError, match="2 columns; a label and 784 pixels a line are read"):
        load_data(str(path))
    path.write_text("a.png,7\nb.png,7\n", "utf-8")
    with pytest.raises(SourceError, match=r"cannot be read: .* columns `file` and `truth`"):
        load_data(str(path))
