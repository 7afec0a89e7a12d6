"""MNIST is found where it is, and what is missing is named together with the way out."""

import gc
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write_idx
from tinydigits import MissingExtra, SourceError, quiet
from tinydigits_train.data import load_data
from tinydigits_train.ready import FILES
from tinydigits_train.tensorflow import load_tensorflow


def small_mnist(folder: Path, ending: str = "", dotted: bool = False) -> Path:
    """Four IDX files with 6 training and 4 test digits."""
    random = np.random.default_rng(0)
    for name in FILES:
        count = 6 if name.startswith("train") else 4
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        array = images if "images" in name else (np.arange(count, dtype=np.uint8) % 10)
        write_idx(folder / f"{name.replace('-idx', '.idx') if dotted else name}{ending}", array)
    return folder


@pytest.mark.parametrize(("ending", "dotted"), [("", False), (".gz", False), ("", True)])
def test_an_idx_folder_is_read(tmp_path: Path, ending: str, dotted: bool) -> None:
    mnist = load_data(str(small_mnist(tmp_path, ending, dotted)))
    assert (len(mnist.train.images), len(mnist.test.labels)) == (6, 4)


def test_the_hash_is_that_of_the_digits_not_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "zipped").mkdir()
    plain = load_data(str(small_mnist(tmp_path / "plain")))
    zipped = load_data(str(small_mnist(tmp_path / "zipped", ".gz")))
    assert plain.sha256 == zipped.sha256
    changed = tmp_path / "plain" / FILES[3]
    changed.write_bytes(changed.read_bytes()[:-1] + b"\x05")
    assert load_data(str(tmp_path / "plain")).sha256 != plain.sha256


def test_the_environment_names_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYDIGITS_DATA", str(small_mnist(tmp_path)))
    assert len(load_data("mnist").train.labels) == len(load_data().train.labels) == 6


@pytest.mark.tensorflow
def test_keras_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8)
    keras = load_tensorflow("a test", "train").keras
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    monkeypatch.setattr(
        keras.datasets.mnist, "load_data", lambda: ((images, labels), (images, labels))
    )
    assert len(load_data().test.labels) == 3


@pytest.mark.tensorflow
def test_without_network_the_files_and_the_option_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable() -> None:
        raise Exception("URL fetch failure")

    keras = load_tensorflow("a test", "train").keras
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", unreachable)
    with pytest.raises(SourceError) as raised:
        load_data()
    for part in (*FILES, "--data", "URL fetch failure"):
        assert part in str(raised.value)


@pytest.mark.tensorflow
def test_only_a_process_of_tinydigits_own_no_longer_searches_tensorflow_for_garbage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An application keeps its collector as it was, switched off or on."""
    load_tensorflow("a test", "train")
    gc.unfreeze()
    for enabled in (False, True):
        (gc.enable if enabled else gc.disable)()
        load_tensorflow("a test", "train")
        assert (gc.isenabled(), gc.get_freeze_count()) == (enabled, 0)
    monkeypatch.setattr(quiet, "_is_own", True)
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    load_tensorflow("a test", "train")
    assert gc.get_freeze_count() > 100_000
    gc.unfreeze()


def test_without_tensorflow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # as if it were not installed
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    with pytest.raises(MissingExtra, match=r'pip install "tinydigits\[train\]"'):
        load_data()


def test_a_missing_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere: no such folder or file\. Pass --data FOLDER"):
        load_data(str(tmp_path / "nowhere"))
    (small_mnist(tmp_path) / FILES[2]).unlink()
    with pytest.raises(SourceError, match=f"has no {FILES[2]} nor {FILES[2]}.gz"):
        load_data(str(tmp_path))


def test_counts_that_differ_are_refused(tmp_path: Path) -> None:
    write_idx(small_mnist(tmp_path) / FILES[1], np.zeros(5, np.uint8))
    with pytest.raises(SourceError, match="6 images, but 5 labels"):
        load_data(str(tmp_path))
