"""An application may rely on names, kinds of values and errors, and the library leaves the process
as it found it.
"""

import os
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinydigits
from tests.conftest import SCANS
from tinydigits import Classifier, ImageError, Item, Limits, MissingExtra, Prediction, Status
from tinydigits.errors import SinkRefused

SEVEN = SCANS / "7-red-pen.png"
MODEL = "dense"  # of `classifier`


def test_a_prediction_is_ok_or_says_why_not(classifier: Classifier) -> None:
    seven, blank = classifier(SEVEN), classifier(np.full((40, 40), 200, np.uint8))
    assert (seven.ok, seven.status, seven.status == "ok") == (True, Status.OK, True)
    assert (blank.ok, blank.status, blank.reason) == (False, Status.UNCERTAIN, "blank")
    assert f"{blank.status}" == "uncertain"
    assert not hasattr(seven, "__dict__")
    assert pickle.loads(pickle.dumps(seven)) == seven


def test_a_classifier_shows_what_it_was_made_of() -> None:
    assert repr(Classifier("dense")) == "Classifier(model='dense')"
    assert repr(Classifier(invert=True, threads=2)) == (
        "Classifier(model='conv', invert=True, threads=2)"
    )


def test_a_classifier_can_be_sent_to_another_process() -> None:
    made = Classifier("dense", fit="resize", invert=False, min_score=0.5, limits=Limits(10_000))
    copied = pickle.loads(pickle.dumps(made))
    assert (copied.settings, copied.thresholds) == (made.settings, made.thresholds)
    pixels = np.asarray(Image.open(SEVEN).convert("L").resize((50, 50)))
    assert copied(pixels) == made(pixels)


def test_folders_and_archives_are_inputs(classifier: Classifier, tmp_path: Path) -> None:
    import shutil

    archive = shutil.make_archive(str(tmp_path / "scans"), "zip", SCANS)
    names = sorted(path.name for path in SCANS.iterdir())
    for inputs in (str(SCANS), SCANS, [str(SCANS)]):
        rows = list(classifier.classify(inputs))
        assert sorted(Path(row.path or "").name for row in rows) == names
    rows = list(classifier.classify([archive, SEVEN, Item("mine", SEVEN.read_bytes())]))
    assert sorted((row.path or "").rpartition("/")[2] for row in rows[:-2]) == names
    assert [row.path for row in rows[-2:]] == [str(SEVEN), "mine"]


def test_errors_name_the_file(classifier: Classifier) -> None:
    with pytest.raises(ImageError, match=r"nofile\.png: No such file"):
        classifier("nofile.png")
    with pytest.raises(ValueError, match="not a PNG"):
        classifier(b"junk, without a name")


def test_errors_are_what_callers_expect_and_can_be_sent() -> None:
    extra = MissingExtra("Parquet", "PyArrow", "parquet")
    assert isinstance(extra, ImportError)
    for error in (extra, ImageError("a.png: damaged"), SinkRefused("b.csv: a folder")):
        copied = pickle.loads(pickle.dumps(error))
        assert (type(copied), str(copied)) == (type(error), str(error))


def test_fit_and_decode_are_functions_even_after_their_modules_were_imported() -> None:
    from tinydigits import decode, fit, fitting, images

    assert (fit, decode) == (fitting.fit, images.decode)
    assert tinydigits.fit(decode(SEVEN)).pixels.shape == (28, 28)


def test_threads_change_no_warning_filter() -> None:
    own = threading.local()

    def read(_: int) -> Prediction:
        if not hasattr(own, "classifier"):
            own.classifier = Classifier("dense")
        prediction: Prediction = own.classifier(SEVEN)
        return prediction

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert {row.label for row in pool.map(read, range(100))} == {"7"}
    assert list(warnings.filters) == before


def test_other_threads_keep_their_log_while_tiffs_are_read(
    classifier: Classifier, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "seven.tif"
    Image.open(SEVEN).convert("L").save(picture, compression="tiff_lzw")
    over, written = threading.Event(), 0

    def log() -> None:
        nonlocal written
        while not over.is_set():
            os.write(2, b"request\n")
            written += 1
            over.wait(0.0005)

    logger = threading.Thread(target=log)
    logger.start()
    try:
        assert {row.label for row in classifier.classify([picture] * 100)} == {"7"}
    finally:
        over.set()
        logger.join()
    assert capfd.readouterr().err.count("request") == written
