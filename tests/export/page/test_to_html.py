"""A page's network is the Keras model, and its fit is the runtime's."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.golden.make import HERE as GOLDEN
from tests.golden.test_golden import NAMES
from tests.support.files import png
from tests.support.pages import THRESHOLDS, Opens, info_of, opened
from tinydigits import Classifier, ModelError
from tinydigits.core import Doubt
from tinydigits.fitting import fit
from tinydigits.images import decode
from tinydigits.items import Chunk
from tinydigits.reading import Found, Reading
from tinydigits_export.c.backend import MissingTool, find_tool
from tinydigits_export.keras_model import Original
from tinydigits_export.page import to_html as to_html_module
from tinydigits_export.page.browser import HtmlBackend
from tinydigits_export.page.to_html import TEMPLATES, to_html
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.tensorflow import load_tensorflow

CLANG = "14.0.6"  # of Debian 12, which compiled the file that the package ships


def network(*layers: Any, shape: tuple[int, ...] = (28, 28, 1)) -> Any:
    keras = load_tensorflow("a test", "train").keras
    last = keras.layers.Dense(10, activation="sigmoid")
    return keras.Sequential([keras.Input(shape), *layers, last], name="small")


@pytest.mark.browser
def test_the_fit_is_as_written_down(opens: Opens, dense: Original) -> None:
    files = [(GOLDEN / f"{name}.png").read_bytes() for name in NAMES]
    for name, found in zip(NAMES, opens(dense).read(files), strict=True):
        pixels, doubt, _, _, inverted, box = found
        expected = fit(decode(GOLDEN / f"{name}.png"))
        assert np.array_equal(np.array(pixels).reshape(28, 28), expected.pixels), name
        assert (doubt, inverted, box and tuple(box)) == expected[1:], name


@pytest.mark.browser
def test_pictures_are_read_as_by_the_runtime(
    opens: Opens, dense: Original, mnist_test: Digits
) -> None:
    files, fitted = [], []
    for image in mnist_test.images[:100]:
        files.append(png(image))
        fitted.append(image)
    for image in mnist_test.images[100:120]:  # as ink on beige paper, off centre, in large
        large = np.pad(image.repeat(9, 0).repeat(9, 1), ((40, 10), (5, 90))).astype(float)
        paper = 225 - large[..., np.newaxis] * [0.7, 0.6, 0.4]
        files.append(png(paper.astype(np.uint8)))
        fitted.append(fit(decode(files[-1])).pixels)
    files.append(png(np.full((50, 60, 3), 200, np.uint8)))
    fitted.append(np.zeros((28, 28), np.uint8))
    one, two = mnist_test.images[:2].repeat(4, 1).repeat(4, 2)
    pair, speck = np.concatenate([one, two], axis=1), np.zeros((28, 28), np.uint8)
    speck[10:15, 11:14] = 255
    files += [png(each) for each in (pair, speck)]
    fitted += [fit(decode(file)).pixels for file in files[-2:]]
    pixels = np.stack(fitted)
    found = opens(dense).read(files)
    seen = np.array([each[0] for each in found], np.uint8).reshape(-1, 28, 28)
    assert np.array_equal(seen, pixels)
    scores = dense.scores(seen)
    assert np.abs(np.array([each[2] for each in found]) - scores).max() < 1e-5
    doubts: list[Doubt] = ["blank", "several", "too_small"]
    assert [each[1] for each in found] == [*[None] * 120, *doubts]
    judge = Classifier("dense")
    judge.thresholds = THRESHOLDS
    reading = Reading(scores, {120 + place: Found(doubt) for place, doubt in enumerate(doubts)})
    rows = judge.judged(Chunk([None] * len(files), []), reading)
    assert {row.reason for row in rows} == {None, "low_score", "ambiguous", *doubts}
    for row, (_, _, _, judgement, *_) in zip(rows, found, strict=True):
        assert (row.status, row.reason) == (judgement["status"], judgement["reason"])
        assert row.label in (None, str(judgement["best"]))


@pytest.mark.browser
def test_conv_scores_as_keras_does(opens: Opens, conv: Original, mnist_test: Digits) -> None:
    images = mnist_test.images[:100]
    expected = conv.scores(images)
    assert np.ptp(expected) > 0.1
    found = [each[2] for each in opens(conv).read([png(image) for image in images])]
    assert np.abs(np.array(found) - expected).max() < 1e-5
    proved = HtmlBackend(to_html(conv, info_of(conv)), "a page")
    assert np.abs(proved.scores(images) - expected).max() < 1e-5
    assert proved.metadata == info_of(conv)
    assert proved.classes == 10


def networks() -> dict[str, Callable[[Any], Any]]:
    """What people bring, by what is special about it."""
    return {
        "strided": lambda k: network(k.Conv2D(4, 4, 3, "same", activation="tanh"), k.Flatten()),
        "valid": lambda k: network(k.Conv2D(4, (3, 5), (2, 1), use_bias=False), k.Flatten()),
        "multiplied": lambda k: network(
            k.Conv2D(2, 5, 3), k.DepthwiseConv2D(3, 2, "same", depth_multiplier=3), k.Flatten()
        ),
        "averaged": lambda k: network(
            k.Conv2D(3, 3, 2),
            k.AveragePooling2D(4, padding="same"),
            k.Activation("sigmoid"),
            k.GlobalAveragePooling2D(),
        ),
        "pooled": lambda k: network(
            k.Rescaling(2.0, -1.0),
            k.MaxPooling2D(3, 2, "same"),
            k.Conv2D(2, 3, activation="relu"),
            k.BatchNormalization(),
            k.Dropout(0.5),
            k.Flatten(),
        ),
        "by rows": lambda k: network(k.Dense(3), k.Reshape((84,)), shape=(28, 28)),
        "mlp": lambda k: network(
            k.Dense(784, activation="sigmoid"), k.Dense(9, activation="softmax"), shape=(784,)
        ),
    }


@pytest.mark.browser
@pytest.mark.parametrize("kind", networks())
def test_other_networks_score_as_keras_does(
    kind: str, opens: Opens, tmp_path: Path, mnist_test: Digits
) -> None:
    layers = load_tensorflow("a test", "train").keras.layers
    original, images = opened(networks()[kind](layers), tmp_path), mnist_test.images[:20]
    expected = original.scores(images)
    assert np.ptp(expected) > 0.01
    page = to_html(original, info_of(original))
    assert np.abs(HtmlBackend(page, "a page").scores(images) - expected).max() < 1e-5
    found = [each[2] for each in opens(original).read([png(image) for image in images])]
    assert np.abs(np.array(found) - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("why", "make"),
    [
        ("is a LeakyReLU, .* it knows Activation, Ave", lambda k: k.LeakyReLU()),
        ("not a plain ReLU", lambda k: k.ReLU(max_value=6)),
        ("has activation gelu", lambda k: k.Conv2D(2, 3, activation="gelu")),
        ("dilated or grouped", lambda k: k.Conv2D(2, 3, dilation_rate=2)),
    ],
)
def test_unknown_layers_are_refused_by_name(why: str, make: Any, tmp_path: Path) -> None:
    layers = load_tensorflow("a test", "train").keras.layers
    original = opened(network(make(layers), layers.Flatten()), tmp_path)
    with pytest.raises(ModelError, match=why):
        to_html(original, info_of(original))


def test_branches_and_large_networks_are_refused(
    dense: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keras: Any
) -> None:
    start = keras.Input((784,))
    sums = keras.layers.Add()([keras.layers.Dense(4)(start), keras.layers.Dense(4)(start)])
    end = keras.layers.Dense(10, activation="sigmoid")(sums)
    branched = opened(keras.Model(start, end, name="branched"), tmp_path)
    with pytest.raises(ModelError, match="plain chain"):
        to_html(branched, info_of(branched))
    monkeypatch.setattr(to_html_module, "MOST_WEIGHTS", 7849)
    with pytest.raises(ModelError, match=r"7,850 weights would make a page of 41,866 bytes"):
        to_html(dense, info_of(dense))


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff", b'<script id="model" x>{}</script>'])
def test_what_is_no_page_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"x\.html: not a page that `tinydigits export` wrote"):
        HtmlBackend(data, "x.html")


def test_the_compiled_fit_is_that_of_its_source(tmp_path: Path) -> None:
    """Compile it again: other versions of clang may write other bytes, and are skipped."""
    try:
        clang = find_tool("clang", "compiling the fit for the page", "clang lld")
        find_tool("wasm-ld", "compiling the fit for the page", "lld")
    except MissingTool as error:
        pytest.skip(str(error))
    version = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True)
    if f"version {CLANG}" not in version.stdout:
        pytest.skip(f"needs clang {CLANG}, and there is {version.stdout.splitlines()[0]}")
    script = ROOT / "runtime" / "core" / "wasm.sh"
    subprocess.run([script, tmp_path / "fit.wasm"], check=True)
    assert (tmp_path / "fit.wasm").read_bytes() == (TEMPLATES / "fit.wasm").read_bytes()
