"""The files of bundled models are handed out at once, and are what an export would write."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.commands import run, run_without_tensorflow
from tinydigits import ModelError
from tinydigits.info import read_info
from tinydigits.model import MODELS
from tinydigits_export import ready
from tinydigits_export.bundle import export
from tinydigits_export.c.source import fit_files
from tinydigits_export.formats import FORMATS as FORMAT_TABLE
from tinydigits_export.keras_model import open_original
from tinydigits_export.ready import hand_out
from tinydigits_train.labelled_folder import Dataset

READY = sorted(path.stem for path in MODELS.glob("*.keras"))
FORMATS = ("onnx", "tflite", "int8", "c", "html")


def test_they_are_copied_with_their_receipts_and_without_tensorflow_or_data(
    mnist_dir: Path, has_all_of_mnist: bool, tmp_path: Path
) -> None:
    assert "dense" in READY
    words = ("export", "dense", "-o", "out", "--formats", "c,html")
    shown, said = run_without_tensorflow(*words, cwd=tmp_path)
    written = [*FORMAT_TABLE["c"].files("dense"), "dense.html"]
    assert said == f"wrote {', '.join(written)} to out\n"
    assert shown.startswith("dense (dense): 10,000 test images, Keras reads 92.7")
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*written, "dense.json", "dense.keras", "dense.train.json"]
    )
    assert sorted(read_info(out / "dense.json").artifacts) == sorted(written)
    for name in written:
        assert (out / name).read_bytes() == (MODELS / name).read_bytes()
    if has_all_of_mnist:
        status, table, errors = run("verify", "out", "--data", str(mnist_dir), cwd=tmp_path)
        assert (status, errors) == (0, "")
        # The last digits of a largest distance depend on the processor and on its threads.
        found, wanted = (re.sub(r"\d\.\de-\d\d", "", text) for text in (table, shown))
        assert found == wanted


def test_a_changed_file_and_a_missing_one_are_not_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(shutil.copytree(MODELS, tmp_path / "models"))
    monkeypatch.setattr(ready, "MODELS", package)
    (package / "dense.c").write_text("changed")
    with pytest.raises(ModelError, match="the file was changed or damaged"):
        hand_out(package / "dense.keras", tmp_path / "out", ("c",))
    assert not (tmp_path / "out").exists()
    assert hand_out(tmp_path / "own.keras", tmp_path / "out", ("c",)) is None


def test_the_fit_beside_them_is_the_present_one() -> None:
    """Also where the data is not at hand that the whole export is compared with."""
    for name, text in zip(("fit.c", "fit.h"), fit_files(), strict=True):
        assert (MODELS / name).read_text("utf-8") == text, "run `make bundled`"


@pytest.mark.parametrize("name", READY)
def test_they_are_what_an_export_writes(
    name: str, mnist: Dataset, has_all_of_mnist: bool, tmp_path: Path
) -> None:
    """Byte by byte, where the versions are those that wrote them and the data is that of then."""
    receipt = export(open_original(MODELS / f"{name}.keras"), tmp_path, FORMATS, mnist)
    assert receipt.failures == {}
    card = read_info(MODELS / f"{name}.json")
    assert card.artifacts.keys() == receipt.info.artifacts.keys()
    if has_all_of_mnist and card.created_by == receipt.info.created_by:
        assert receipt.info.artifacts == card.artifacts, "run `make bundled`"
