"""From a .keras file to the same decisions on a folder of PNG files, by command."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.support.commands import run, run_apart
from tests.support.lessons import keras_linear
from tests.train.test_labelled_folder import shapes
from tinydigits import Classifier
from tinydigits_export.bundle import export
from tinydigits_export.formats import FORMATS
from tinydigits_export.keras_model import open_original
from tinydigits_export.ranges import RANGES
from tinydigits_train import batches
from tinydigits_train.labelled_folder import Dataset
from tinydigits_train.training import save, train


@pytest.fixture(autouse=True)
def _short_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show one's own pictures less often; conv has to learn shapes."""
    monkeypatch.setattr(batches, "FEWEST_PICTURES_SHOWN", 640)
    monkeypatch.setattr(batches, "FEWEST_SHOWN", 6_000)


def test_a_folder_of_test_digits_is_decided_as_keras_does(
    bundle: Path, mnist: Dataset, tmp_path: Path
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


def test_export_and_verify_print_the_receipt_and_leave_no_temporary_file(
    keras_path: Path, few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do so, too, where another backend of Keras is chosen, which may not be installed."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    data = ("--data", str(few_digits))
    exported = run_apart("export", str(keras_path), "-o", str(tmp_path / "out"), *data)
    assert exported[0] == 0
    assert exported[2].splitlines() == [
        f"wrote digits.onnx, digits.tflite, digits.int8.tflite to {tmp_path / 'out'}"
    ]
    lines = exported[1].splitlines()
    assert [line.split()[0] for line in lines[2:5]] == [
        *("digits.onnx", "digits.tflite", "digits.int8.tflite")
    ]
    assert all(line.endswith("  holds") for line in lines[2:5])
    verified = run_apart("verify", str(tmp_path / "out"), *data)
    assert verified == (0, exported[1], "")
    assert list(temporary.iterdir()) == []
    (tmp_path / "out" / "digits.onnx").write_bytes(b"broken")
    status, table, errors = run("verify", str(tmp_path / "out"), *data)
    assert status == 1
    assert "FAILED" in table
    assert "error: digits.onnx: " in errors


def test_a_failed_proof_exits_1_and_leaves_nothing(
    keras_path: Path, few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No artefact can be nearer than nothing, whatever the processor.
    strict = replace(FORMATS["onnx"].tolerance, max_delta=-1.0)
    monkeypatch.setitem(FORMATS, "onnx", replace(FORMATS["onnx"], tolerance=strict))
    words = ("export", str(keras_path), "-o", "out", "--formats", "onnx", "--data", str(few_digits))
    status, _, errors = run(*words, cwd=tmp_path)
    assert status == 1
    assert "so nothing was written: digits.onnx: max" in errors
    assert list(tmp_path.iterdir()) == []


def test_mlp_reaches_97_percent_and_is_proved(
    mnist: Dataset, has_all_of_mnist: bool, tmp_path: Path
) -> None:
    # Of a few digits it reaches nothing of note however long it trains.
    trained = train("mlp", mnist, epochs=7 if has_all_of_mnist else 2, seed=0)
    if has_all_of_mnist:
        assert trained.test.accuracy >= 0.975
        assert trained.train.accuracy >= 0.97
    save(trained, tmp_path / "mlp.keras")
    receipt = export(
        open_original(tmp_path / "mlp.keras"), tmp_path, ("onnx", "tflite", "int8", "html"), mnist
    )
    assert receipt.failures == {}


def test_ones_own_labels_go_all_the_way(tmp_path: Path) -> None:
    """Train, export, prove and classify with classes that are no digits, and uneven ones."""
    data = shapes(tmp_path / "data", {"round": 60, "tick": 20, "10 bars": 40})
    (data / "tick" / "broken.png").write_bytes(b"")
    options = ("--recipe", "conv", "--epochs", "1", "--data", str(data))
    status, figures, told = run("train", *options, "-o", "shapes.keras", cwd=tmp_path)
    assert status == 0
    assert f"unreadable: {data / 'tick' / 'broken.png'}: an empty file" in told
    assert "test  accuracy 100.00%" in figures
    status, table, errors = run(
        "export", "shapes.keras", "-o", "out", "--data", str(data), cwd=tmp_path
    )
    assert status == 0, errors
    assert table.count("  holds") == 3
    assert run("verify", "out", "--data", str(data), cwd=tmp_path)[0] == 0
    new = shapes(tmp_path / "new", {"round": 5, "tick": 5, "10 bars": 5}, seed=9)
    for model in ("out/shapes.onnx", "out/shapes.int8.tflite"):
        rows = run("classify", "-m", model, "--format", "csv", str(new), cwd=tmp_path)[1]
        for row in csv.DictReader(io.StringIO(rows)):
            assert row["label"] == Path(row["path"]).parent.name
    status, _, errors = run("verify", "out", "--data", str(ROOT / "examples"), cwd=tmp_path)
    assert status == 2
    assert "readable pictures" in errors


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["export", "none.keras", "-o", "out"], 2, "none.keras: No such file"),
        (["export", "a.keras", "-o", "out", "--formats", "onnx,xml"], 2, "'xml': choose from"),
        (["verify", "none"], 2, "none: no such folder or file"),
        (["verify", "a.keras"], 2, "run `tinydigits export a.keras -o out`, which proves it"),
    ],
)
def test_wrong_usage_is_one_clear_error(
    words: list[str], status: int, said: str, few_digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.keras").touch()
    found, rows, errors = run(*words, "--data", str(few_digits), cwd=tmp_path)
    assert (found, rows) == (status, "")
    assert said in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def test_a_model_of_a_notebook_is_exported_and_says_what_was_found(
    few_digits: Path, mnist: Dataset, tmp_path: Path, keras: Any
) -> None:
    """It was trained on 0..255 with logits at its end, and saved as .h5."""
    keras_linear(keras, mnist.train, RANGES["0..255"], None).save(tmp_path / "notebook.h5")
    words = ("notebook.h5", "-o", "out", "--formats", "onnx,html", "--data", str(few_digits))
    status, table, errors = run("export", *words, cwd=tmp_path)
    assert status == 0, errors
    assert table.count("  holds") == 2
    assert "notebook.h5: takes pixels 0..255: reads " in errors
    assert "ends in logits, which get a softmax" in errors
    info = Classifier(tmp_path / "out" / "notebook.onnx").info
    assert (info.activation, info.trained_on) == ("softmax", {"range": "0..255"})
    assert info.thresholds.min_score > 0.1
    assert (
        "scores       softmax: they sum to 1" in run("info", "out/notebook.onnx", cwd=tmp_path)[1]
    )
    assert run("verify", "out", "--data", str(few_digits), cwd=tmp_path) == (0, table, "")


def test_a_network_that_a_converter_does_not_know_costs_that_format_alone(
    few_digits: Path, tmp_path: Path, keras: Any
) -> None:
    """The error is one sentence that names the format, the layer and what can be written, even if
    the converter ends its process, as that of int8 does with an LSTM."""
    layers = keras.layers
    networks = {
        "gelu": [layers.Flatten(), layers.Dense(4, activation="gelu", name="first")],
        "mixed": [
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(2, 3, 3, dtype="mixed_float16", name="half"),
            layers.Flatten(),
        ],
        "lstm": [layers.LSTM(2, name="rows")],
    }
    for name, first in networks.items():
        end = layers.Dense(10, activation="sigmoid", dtype="float32")
        model = keras.Sequential([keras.Input((28, 28)), *first, end])
        model.save(tmp_path / f"{name}.keras")

    def exported(name: str, formats: str) -> tuple[int, str, str]:
        words = (f"{name}.keras", "-o", name, "--formats", formats, "--range", "0..1")
        return run("export", *words, "--data", str(few_digits), cwd=tmp_path)

    status, table, errors = exported("gelu", "onnx")
    assert (status, table) == (2, "")
    assert errors.startswith("error: gelu.onnx: gelu.keras: layer first (Dense, gelu) cannot be ")
    assert "this network can be written with --formats tflite,int8" in errors
    assert not (tmp_path / "gelu").exists()
    status, _, errors = exported("mixed", "onnx,tflite")
    assert status == 1
    assert "layer half (Conv2D, mixed_float16) cannot be converted" in errors
    status, table, errors = exported("lstm", "onnx,int8")
    assert (status, table.count("  holds")) == (1, 1)
    assert "error: lstm.int8.tflite: lstm.keras: layer rows (LSTM) cannot be converted: " in errors
    assert "the converter crashed" in errors
    assert "wrote lstm.onnx to lstm" in errors


def test_c_and_the_page_are_written_proved_and_proved_again(
    keras_path: Path, few_digits: Path, tmp_path: Path
) -> None:
    out, data = tmp_path / "out", ("--data", str(few_digits))
    words = ("export", str(keras_path), "-o", str(out), "--formats", "c,html", *data)
    status, table, _ = run(*words)
    assert status == 0
    for file in FORMATS["c"].files("digits"):
        assert f"\n{file} " in table
    assert "\ndigits.html " in table
    assert "ATmega328P" in table
    assert run("verify", str(out), *data)[0] == 0
    changed = ("digits.c", "digits.h", "digits_read.c", "fit.c", "digits.html")
    for name in changed:
        with (out / name).open("a", encoding="utf-8") as changing:
            changing.write("\n")
    status, _, errors = run("verify", str(out), *data)
    assert status == 1
    for name in changed:
        assert f"{name}: its SHA-256 is not the one listed" in errors
    for ending in (".ino", ".md"):
        assert f"digits{ending}: " not in errors


def test_c_wants_a_name_that_c_can_have(keras_path: Path, few_digits: Path, tmp_path: Path) -> None:
    for name, said in {"my-digits": "rename the file", "fit": "writes a fit.c of its own"}.items():
        named = tmp_path / f"{name}.keras"
        named.write_bytes(keras_path.read_bytes())
        words = ("export", str(named), "-o", str(tmp_path / "out"), "--formats", "c")
        status, _, errors = run(*words, "--data", str(few_digits))
        assert status == 2
        assert said in errors
    assert not (tmp_path / "out").exists()


def test_the_smallest_folder_goes_all_the_way_to_the_c_of_tiny(tmp_path: Path) -> None:
    """It answers the class alone: no distance of scores is shown."""
    data = ("--data", str(shapes(tmp_path / "data", {"round": 5, "tick": 5})))
    recipe = ("--recipe", "tiny", "--fit", "auto", "--epochs", "2", "-o", "own.keras")
    status, _, errors = run("train", *data, *recipe, cwd=tmp_path)
    assert status == 0, errors
    words = ("export", "own.keras", "-o", "out", "--formats", "onnx,c")
    status, table, errors = run(*words, *data, cwd=tmp_path)
    assert status == 0, errors
    head, onnx, c = table.splitlines()[1:4]
    at = slice(head.index("max |Δ|"), head.index("max |Δ|") + len("max |Δ|"))
    assert "e-" in onnx[at] or "e+" in onnx[at]
    assert not c[at].strip()
    assert "nan" not in (tmp_path / "out" / "own.c").read_text()
    assert "own_begin();" in (tmp_path / "out" / "own.md").read_text()
    assert run("verify", "out", *data, cwd=tmp_path)[0] == 0


def test_the_smallest_folder_goes_all_the_way_to_c(tmp_path: Path) -> None:
    """Two classes of five pictures; and each file of it can be named to `verify`."""
    data = ("--data", str(shapes(tmp_path / "data", {"round": 5, "tick": 5})))
    status, _, errors = run(
        "train", *data, "--recipe", "dense", "--epochs", "9", "-o", "_own.keras", cwd=tmp_path
    )
    assert status == 0, errors
    words = ("export", "_own.keras", "-o", "out", "--formats", "onnx,c", *data)
    status, table, errors = run(*words, cwd=tmp_path)
    assert status == 0, errors
    head, *rows = table.splitlines()[1:11]
    listed = [row.split()[0] for row in rows]
    assert listed == ["_own.onnx", *FORMATS["c"].files("_own")]
    hashes = [re.search(r"  [0-9a-f]{12}  ", row) for row in rows]
    assert {found.start() + 2 for found in hashes if found} == {head.index("SHA-256")}
    for name in (*listed, "_own.json", ""):
        status, _, errors = run("verify", f"out/{name}", *data, cwd=tmp_path)
        assert (status, errors) == (0, ""), name
    (tmp_path / "out" / "other.c").touch()
    status, _, errors = run("verify", "out/other.c", *data, cwd=tmp_path)
    assert status == 2
    assert "out/other.c: no other.json nor other manifest beside it lists it" in errors
