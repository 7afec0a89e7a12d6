"""From a .keras file to the same decisions on a folder of PNG files, by command."""

import csv
import io
from pathlib import Path

import pytest
from PIL import Image
from tinydigits_export.original import open_original
from tinydigits_train.data import Mnist

from tests.runtime.test_cli import run


def test_a_folder_of_test_digits_is_decided_as_keras_does(
    bundle: Path, mnist: Mnist, tmp_path: Path
) -> None:
    for number, image in enumerate(mnist.test.images):
        Image.fromarray(image).save(tmp_path / f"{number}.png", compress_level=1)
    status, rows, _ = run(
        "classify", "-m", str(bundle / "digits.onnx"), "--format", "csv", str(tmp_path)
    )
    assert status == 0
    answers = [(Path(r["path"]).stem, r["label"]) for r in csv.DictReader(io.StringIO(rows))]
    decisions = open_original(bundle / "digits.keras").scores(mnist.test.images).argmax(axis=1)
    assert answers == [(str(n), str(d)) for n, d in enumerate(decisions)]


def test_export_and_verify_print_the_receipt(
    keras_path: Path, mnist_dir: Path, tmp_path: Path
) -> None:
    data = ("--data", str(mnist_dir))
    exported = run("export", str(keras_path), "-o", str(tmp_path / "out"), *data)
    assert exported[0] == 0
    assert exported[2].splitlines() == [
        f"wrote digits.onnx, digits.tflite, digits.int8.tflite to {tmp_path / 'out'}"
    ]
    lines = exported[1].splitlines()
    assert [line.split()[0] for line in lines[2:5]] == [
        *("digits.onnx", "digits.tflite", "digits.int8.tflite")
    ]
    assert all(line.endswith("  holds") for line in lines[2:5])
    verified = run("verify", str(tmp_path / "out"), *data)
    assert verified == (0, exported[1], "")
    (tmp_path / "out" / "digits.onnx").write_bytes(b"broken")
    status, table, errors = run("verify", str(tmp_path / "out"), *data)
    assert status == 1
    assert "FAILED" in table
    assert "error: digits.onnx: " in errors


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["export", "none.keras", "-o", "out"], 2, "none.keras: No such file"),
        (["export", "a.keras", "-o", "out", "--formats", "onnx,xml"], 2, "'xml': choose from"),
        (["verify", "none"], 2, "cannot be read"),
    ],
)
def test_wrong_usage_is_one_clear_error(
    words: list[str], status: int, said: str, mnist_dir: Path, tmp_path: Path
) -> None:
    found, rows, errors = run(*words, "--data", str(mnist_dir), cwd=tmp_path)
    assert (found, rows) == (status, "")
    assert said in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()
