"""Export leaves a proved bundle or nothing; verify finds whatever was changed since."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tinydigits import Classifier, ModelError, ProofError, SinkError
from tinydigits.info import read_info
from tinydigits_export import formats as formats_module
from tinydigits_export.bundle import export, open_bundle, verify
from tinydigits_export.keras_model import Original, open_original
from tinydigits_export.to_tflite import to_tflite
from tinydigits_train.labelled_folder import Dataset

RUNNABLE = {"digits.onnx", "digits.tflite", "digits.int8.tflite"}
PROVED = RUNNABLE | {"digits.c", "digits.html"}
BESIDE = {"digits.h", "digits.md", "digits_read.c", "digits_read.h", "fit.c", "fit.h"}
WRITTEN = PROVED | BESIDE | {"digits.ino"}


@pytest.fixture
def copied(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copied"))


def test_a_bundle_is_whole(bundle: Path, mnist: Dataset, has_all_of_mnist: bool) -> None:
    assert {p.name for p in bundle.iterdir()} == WRITTEN | {
        *("digits.json", "digits.keras", "digits.train.json")
    }
    info = read_info(bundle / "digits.json")
    assert (set(info.artifacts), set(info.parity)) == (WRITTEN, PROVED)
    for name, receipt in info.parity.items():
        assert receipt.images == len(mnist.test.labels)
        if name not in ("digits.int8.tflite", "digits.c"):
            assert receipt.max_delta <= 1e-5
            assert receipt.agreement == 1
            assert receipt.disagreeing == ()
    int8 = info.parity["digits.int8.tflite"]
    assert int8.agreement >= 0.995
    assert int8.ties < 10
    assert len(int8.disagreeing) == round((1 - int8.agreement) * int8.images)
    assert int8.accuracy >= info.parity["digits.onnx"].accuracy - 0.002
    assert not has_all_of_mnist or info.parity["digits.onnx"].accuracy >= 0.925


@pytest.mark.parametrize("name", sorted(RUNNABLE))
def test_every_artefact_classifies_alike(bundle: Path, mnist: Dataset, name: str) -> None:
    images = mnist.test.images[:300]
    answers = [p.label for p in Classifier(bundle / name).classify(images)]
    reference = [p.label for p in Classifier(bundle / "digits.onnx").classify(images)]
    assert np.mean([a == b for a, b in zip(answers, reference, strict=True)]) >= 0.98


def test_a_whole_bundle_verifies(bundle: Path, mnist: Dataset) -> None:
    for path in (bundle / "digits.keras", bundle / "digits.onnx"):
        receipt = verify(open_bundle(path), mnist.test)
        assert receipt.failures == {}
    assert set(receipt.info.artifacts) == {"digits.onnx"}


def test_a_changed_artefact_is_found(copied: Path, mnist: Dataset) -> None:
    path = copied / "digits.onnx"
    data = bytearray(path.read_bytes())
    data[15_000:16_000] = bytes(1000)  # the weights of 25 pixels in the middle
    path.write_bytes(data)
    receipt = verify(open_bundle(copied), mnist.test)
    assert set(receipt.failures) == {"digits.onnx"}
    assert "SHA-256" in receipt.failures["digits.onnx"][0]
    assert len(receipt.failures["digits.onnx"]) > 1


def test_int8_is_calibrated_on_training_digits(
    keras_path: Path, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def watched(original: Original, images: object) -> bytes:
        given.append(images)
        return to_tflite(original)

    monkeypatch.setattr(formats_module, "to_int8", watched)
    export(open_original(keras_path), tmp_path, ("int8",), mnist)
    assert len(given) == 1
    assert given[0] is mnist.train.images


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": list("9876543210")}, "its metadata differs from digits.json"),
        ({"thresholds": {"min_score": 0.1, "max_ratio": 0.5}}, "its metadata differs"),
        ({"parity": {}}, "its receipt lists no figures"),
    ],
)
def test_a_changed_description_is_found(
    copied: Path, mnist: Dataset, change: dict[str, object], said: str
) -> None:
    card = copied / "digits.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    assert said in str(verify(open_bundle(copied), mnist.test).failures["digits.onnx"])


def test_a_receipt_is_compared_with_what_is_found(copied: Path, mnist: Dataset) -> None:
    card = copied / "digits.json"
    fields = json.loads(card.read_text())
    fields["parity"]["digits.tflite"]["accuracy"] = 0.9999
    card.write_text(json.dumps(fields))
    failures = verify(open_bundle(copied), mnist.test).failures
    assert "accuracy 0.9999, ties" in str(failures["digits.tflite"])
    assert set(failures) == {"digits.tflite"}


def test_a_strange_description_and_a_misspelt_path_are_refused(copied: Path) -> None:
    card = copied / "digits.json"
    fields = json.loads(card.read_text())
    with pytest.raises(ModelError, match="no such folder or file"):
        open_bundle(copied / "digits.onxx")
    changes: list[dict[str, object]] = [
        {"name": "other"},
        {"artifacts": {}},
        {"artifacts": {"evil.onnx": {"bytes": 1, "sha256": "0"}}},
    ]
    for change in changes:
        card.write_text(json.dumps(fields | change))
        with pytest.raises(ModelError, match="where some of digits"):
            open_bundle(copied)


def test_a_broken_artefact_is_found(copied: Path, mnist: Dataset) -> None:
    (copied / "digits.tflite").write_bytes(b"broken")
    assert "not a TFLite model" in str(
        verify(open_bundle(copied), mnist.test).failures["digits.tflite"]
    )


def test_another_original_is_refused(copied: Path, mnist: Dataset) -> None:
    original = copied / "digits.keras"
    with original.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match=r"not the model that digits\.json was made from|safely"):
        verify(open_bundle(copied), mnist.test)
    original.unlink()
    with pytest.raises(ModelError, match=r"digits\.keras: No such file"):
        verify(open_bundle(copied), mnist.test)


def test_what_is_missing_is_named(copied: Path, mnist: Dataset, tmp_path: Path) -> None:
    (copied / "digits.onnx").unlink()
    with pytest.raises(ModelError, match=r"digits\.onnx: No such file.*digits\.json lists it"):
        verify(open_bundle(copied), mnist.test)
    with pytest.raises(ModelError, match="0 model descriptions"):
        verify(open_bundle(tmp_path), mnist.test)


def test_a_failed_proof_costs_that_file_alone(
    keras_path: Path, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds is written and what does not is named. If nothing holds, nothing is left."""

    def damaged(original: object) -> bytes:
        weights = original.model.get_weights()  # type: ignore[attr-defined]
        original.model.set_weights([w * np.float32(1.01) for w in weights])  # type: ignore[attr-defined]
        data = to_tflite(original)  # type: ignore[arg-type]
        original.model.set_weights(weights)  # type: ignore[attr-defined]
        return data

    monkeypatch.setattr(formats_module, "to_tflite", damaged)
    for folder in (tmp_path / "new", tmp_path):
        before = sorted(tmp_path.iterdir())
        with pytest.raises(ProofError, match=r"nothing was written: digits\.tflite: max \|Δ"):
            export(open_original(keras_path), folder, ("tflite",), mnist)
        assert sorted(tmp_path.iterdir()) == before
    receipt = export(open_original(keras_path), tmp_path, ("onnx", "tflite"), mnist)
    assert receipt.written == ("digits.onnx",)
    assert "max |Δ" in str(receipt.failures["digits.tflite"])
    assert not (tmp_path / "digits.tflite").exists()
    info = read_info(tmp_path / "digits.json")
    assert set(info.artifacts) == set(info.parity) == {"digits.onnx"}


def test_a_second_export_adds_its_formats(keras_path: Path, mnist: Dataset, tmp_path: Path) -> None:
    for format_ in ("onnx", "tflite"):
        export(open_original(keras_path), tmp_path, (format_,), mnist)
    info = read_info(tmp_path / "digits.json")
    assert set(info.artifacts) == set(info.parity) == {"digits.onnx", "digits.tflite"}


def test_what_an_earlier_model_left_is_removed(
    copied: Path, keras_path: Path, mnist: Dataset, tmp_path: Path
) -> None:
    model = open_original(keras_path).model
    model.set_weights([weights + np.float32(1e-3) for weights in model.get_weights()])
    model.save(tmp_path / "digits.keras")
    (copied / "digits.ino").write_text("a sketch that its owner changed")
    (copied / "notes.c").write_text("of somebody else")
    fields = json.loads((copied / "digits.json").read_text())
    listed = {"bytes": 16, "sha256": sha256(b"of somebody else").hexdigest()}
    for name in ("notes.c", "../digits.keras"):
        fields["artifacts"][name] = listed
    shared = {"artifacts": {"digits.tflite": fields["artifacts"]["digits.tflite"]}}
    (copied / "other.json").write_text(json.dumps(fields | {"name": "other"} | shared))
    (copied / "digits.json").write_text(json.dumps(fields))
    receipt = export(open_original(tmp_path / "digits.keras"), copied, ("onnx",), mnist)
    gone = {"digits.int8.tflite", "digits.c", "digits.html"} | BESIDE
    assert (set(receipt.removed), receipt.left) == (gone, ("digits.ino",))
    assert {path.name for path in copied.iterdir()} == (
        {"digits.onnx", "digits.ino", "digits.json", "digits.keras", "digits.train.json"}
        | {"digits.tflite", "notes.c", "other.json"}
    )
    assert (tmp_path / "digits.keras").exists()
    assert set(read_info(copied / "digits.json").artifacts) == {"digits.onnx"}
    again = export(open_original(tmp_path / "digits.keras"), copied, ("tflite",), mnist)
    assert (again.removed, again.left) == ((), ())


def test_a_tflite_file_of_another_export_is_refused(copied: Path) -> None:
    card = copied / "digits.json"
    fields = json.loads(card.read_text())
    del fields["artifacts"]["digits.tflite"]
    card.write_text(json.dumps(fields))
    with pytest.raises(ModelError, match="not among the artefacts"):
        Classifier(copied / "digits.tflite")


def test_where_it_cannot_be_written_it_is_said(
    keras_path: Path, mnist: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot be written"):
        export(open_original(keras_path), tmp_path / "file", ("onnx",), mnist)
