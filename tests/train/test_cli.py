"""`tinydigits train`: progress and figures for people, and nothing written when the data is bad."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write_idx
from tests.support.commands import run, run_apart
from tests.train.test_data import small_mnist
from tests.train.test_labelled_folder import shapes
from tinydigits_train import batches
from tinydigits_train.ready import FILES

pytestmark = pytest.mark.tensorflow


def test_train_shows_progress_and_figures(tmp_path: Path) -> None:
    data = small_mnist(tmp_path)
    output = tmp_path / "digits.keras"
    status, figures, progress = run_apart(
        "train", "--data", str(data), "--epochs", "2", "-o", str(output)
    )
    assert status == 0
    assert output.exists()
    assert output.with_suffix(".train.json").exists()
    assert "epoch  1/2  loss" in progress
    assert "epoch  2/2  loss" in progress
    lines = figures.splitlines()
    assert lines[0].startswith("train accuracy ")
    assert lines[1].startswith("test  accuracy ")
    assert "read as" in lines[2]
    assert len(progress.splitlines()) == 4  # nothing of TensorFlow's own


def test_the_smallest_folder_trains_conv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FEWEST_SHOWN", 640)
    data = shapes(tmp_path / "data", {"round": 5, "tick": 5})
    words = ("--recipe", "conv", "--fit", "auto", "--epochs", "2", "-o", "own.keras")
    status, figures, progress = run("train", "--data", str(data), *words, cwd=tmp_path)
    assert status == 0, progress
    assert figures.startswith("train accuracy ")
    assert 0 < json.loads((tmp_path / "own.train.json").read_text())["thresholds"]["max_ratio"] <= 1


def test_where_all_is_read_right_there_are_no_worst_pairs(tmp_path: Path) -> None:
    data = shapes(tmp_path / "here", {"round": 20, "tick": 20})
    words = ("--data", ".", "--recipe", "dense", "--fit", "auto", "--epochs", "1")
    status, figures, progress = run("train", *words, "-o", str(tmp_path / "own.keras"), cwd=data)
    assert status == 0
    assert figures.splitlines()[1:] == ["test  accuracy 100.00%, 0 errors"]
    assert "34 images of here from its own pictures" in progress


def test_a_fit_is_refused_for_digits_that_are_fitted(tmp_path: Path) -> None:
    data, output = small_mnist(tmp_path), tmp_path / "digits.keras"
    words = ("--data", str(data), "--fit", "resize", "-o", str(output))
    status, figures, errors = run("train", *words)
    assert (status, figures) == (2, "")
    assert "MNIST is 28×28 as it is" in errors
    assert not output.exists()


@pytest.mark.parametrize("damage", ["empty", "truncated", "magic", "counts", "labels"])
def test_bad_data_gives_one_error_and_no_file(tmp_path: Path, damage: str) -> None:
    data = small_mnist(tmp_path)
    images, labels = data / FILES[0], data / FILES[1]
    if damage == "empty":
        images.write_bytes(b"")
    elif damage == "truncated":
        images.write_bytes(images.read_bytes()[:-1])
    elif damage == "magic":
        images.write_bytes(b"\x00\x00\x08\x01" + images.read_bytes()[4:])
    elif damage == "counts":
        write_idx(labels, np.zeros(5, np.uint8))
    else:
        write_idx(labels, np.full(6, 200, np.uint8))
    output = tmp_path / "digits.keras"
    status, figures, errors = run("train", "--data", str(data), "-o", str(output))
    assert (status, figures) == (2, "")
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1
    assert not output.exists()
    assert not output.with_suffix(".train.json").exists()


@pytest.mark.parametrize(
    ("output", "said"), [("digits.h5", "must end in .keras"), ("none/d.keras", "no such folder")]
)
def test_a_bad_output_is_refused_before_training(tmp_path: Path, output: str, said: str) -> None:
    status, _, errors = run("train", "-o", output, cwd=tmp_path)
    assert status == 2
    assert said in errors


def test_plots_are_drawn_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    data, folder = small_mnist(tmp_path), tmp_path / "new" / "plots"
    words = ("train", "--data", str(data), "--epochs", "1", "--plots", str(folder), "-o")
    status, _, progress = run(*words, str(tmp_path / "dense.keras"))
    assert status == 0
    assert f"weights to {folder}, each as .png and .svg" in progress
    assert len(list(folder.iterdir())) == 12
    status, _, progress = run(*words, str(tmp_path / "mlp.keras"), "--recipe", "mlp")
    assert status == 0
    assert progress.endswith("no weights drawn: mlp has more than one layer of them\n")


def test_a_folder_that_cannot_hold_plots_is_refused_before_training(tmp_path: Path) -> None:
    data, output = small_mnist(tmp_path), tmp_path / "digits.keras"
    file = data / FILES[0]
    for folder, expected, said in (
        (file, 2, "is a file"),
        (file / "plots", 1, f"error: {file / 'plots'}: cannot be written: Not a directory"),
    ):
        words = ("--plots", str(folder), "-o", str(output))
        status, figures, errors = run("train", "--data", str(data), *words)
        assert (status, figures) == (expected, "")
        assert said in errors
        assert "epoch" not in errors
    assert not output.exists()


def test_ctrl_c_keeps_the_best_so_far(tmp_path: Path) -> None:
    data = shapes(tmp_path / "data", {"round": 8, "tick": 8})
    words = ("train", "--data", str(data), "--recipe", "dense", "--fit", "auto")
    command = [sys.executable, "-m", "tinydigits", *words, "--epochs", "100000", "-o", "own.keras"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "epoch  2/" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    record = json.loads((tmp_path / "own.train.json").read_text())
    assert 2 <= record["epochs"] < 1000
    assert record["history"][-1]["validation"] == 1


def test_folders_with_splits_are_trained_and_evaluated_by_them(tmp_path: Path) -> None:
    for name, count in (("train", 6), ("val", 2), ("test", 3)):
        shapes(tmp_path / "data" / name, {"round": count, "tick": count})
    words = ("--recipe", "dense", "--fit", "auto", "--epochs", "4", "-o", "own.keras")
    status, _, progress = run("train", "--data", "data", *words, cwd=tmp_path)
    assert status == 0
    assert "12 images of data from its own pictures, fit auto, 4 epochs" in progress
    formats = ("own.keras", "-o", "out", "--data", "data", "--formats", "onnx")
    status, figures, _ = run("export", *formats, cwd=tmp_path)
    assert (status, figures.partition(",")[0]) == (0, "own (dense): 6 test images")
    status, figures, said = run("evaluate", "data", "-m", "out/own.onnx", cwd=tmp_path)
    assert status == 0
    assert "data holds splits: these are the pictures in data/test" in said
    assert " of 6; 95 % interval" in figures


def test_labels_must_differ(tmp_path: Path) -> None:
    status, _, errors = run("train", "--labels", "aa", "-o", "a.keras", cwd=tmp_path)
    assert status == 2
    assert "must be printable and differ" in errors
