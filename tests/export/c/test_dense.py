"""The C form decides as Keras does, overflows for no image, and compiles without a warning."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.programs import compilers, written_by
from tinydigits import ModelError
from tinydigits.info import ModelInfo, read_info
from tinydigits_export.c.backend import CBackend, MissingTool, host_compiler
from tinydigits_export.c.dense import quantise, to_c
from tinydigits_export.c.source import CSource, c_string
from tinydigits_export.keras_model import Original
from tinydigits_export.proof import Reference, compare
from tinydigits_train.labelled_folder import Dataset
from tinydigits_train.tensorflow import load_tensorflow

# Reads images from standard input and writes class, probability and logits of each.
pytestmark = pytest.mark.usefixtures("compiler")
MAIN = """
#include <stdio.h>
#include "{name}.h"
int main(void) {{
    static uint8_t image[784];
    while (fread(image, 1, 784, stdin) == 784) {{
        int32_t logits[{guard}_CLASSES];
        uint8_t probability;
        uint8_t best = {name}_classify(image, &probability);
        {name}_scores(image, logits);
        fwrite(&best, 1, 1, stdout);
        fwrite(&probability, 1, 1, stdout);
        fwrite(logits, sizeof logits, 1, stdout);
    }}
    return 0;
}}
"""


@pytest.fixture(scope="module")
def info(bundle: Path) -> ModelInfo:
    return read_info(bundle / "digits.json")


@pytest.fixture(scope="module")
def source(original: Original, info: ModelInfo, mnist: Dataset) -> CSource:
    return to_c(original, info, mnist.train.images)


def worst_images(images: NDArray[np.uint8], weights: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Paper, ink everywhere, and for each class what makes its sum the largest and the least."""
    extreme = [255 * (sign * weights.T > 0) for sign in (1, -1)]
    every = np.concatenate([np.zeros((1, 784)), np.full((1, 784), 255), *extreme])
    return np.concatenate([every.astype(np.uint8), images[:20].reshape(-1, 784)])


def weights_of(original: Original) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    kernel, bias = original.model.layers[-1].get_weights()
    return kernel.astype(float), bias.astype(float)


def random_original(classes: int, layers: int = 1) -> Original:
    """`classes` sigmoids over 784 pixels, never trained."""
    keras = load_tensorflow("export", "export").keras
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(8, activation="relu") for _ in range(layers - 1)]
    model = keras.Sequential(
        [keras.Input((784,)), *hidden, keras.layers.Dense(classes, activation="sigmoid")]
    )
    labels = tuple(f'é"?{k}' for k in range(classes))
    return Original(Path("own_letters.keras"), model, "0" * 64, labels, {})


def info_of(original: Original) -> ModelInfo:
    return ModelInfo(original.path.stem, "dense", original.labels, 0, "0" * 64, "a test")


def test_decisions_are_those_of_keras(
    original: Original, source: CSource, mnist: Dataset, has_all_of_mnist: bool
) -> None:
    reference = Reference(original.scores(mnist.test.images), mnist.test)
    found = compare(reference, CBackend(source))
    assert found.agreement >= (0.997 if has_all_of_mnist else 0.99)
    assert abs(found.accuracy - reference.accuracy) <= (0.001 if has_all_of_mnist else 0.003)
    assert found.ties == 0


def test_classify_gives_the_best_score_as_a_byte(source: CSource, mnist: Dataset) -> None:
    images = mnist.test.images[:500]
    backend = CBackend(source)
    answers, scores = backend.classify(images), backend.scores(images)
    assert (answers[:, 0] == scores.argmax(axis=1)).all()
    assert np.abs(answers[:, 1] - 255 * scores.max(axis=1)).max() < 2.5


def test_the_bounds_in_the_comment_are_reached_and_never_passed(
    original: Original, source: CSource, mnist: Dataset
) -> None:
    model = quantise(*weights_of(original), mnist.train.images.reshape(-1, 784))
    images = worst_images(mnist.test.images, model.weights)
    logits = CBackend(source).logits(images)
    assert (logits == images.astype(int) @ model.weights * model.scales + model.biases).all()
    rows = re.findall(r"^ \* +(\d+) +(\S+) +(\S+) +(\S+) +(\S+)$", source.c, re.MULTILINE)
    said = np.array([[int(value.replace(",", "")) for value in row[1:]] for row in rows])
    assert (said[:, 2] == logits.min(axis=0)).all()
    assert (said[:, 3] == logits.max(axis=0)).all()
    assert abs(said[:, :2]).max() < 2**23


def test_warnings_and_sanitizers_have_nothing_to_say(
    original: Original, source: CSource, mnist: Dataset, tmp_path: Path
) -> None:
    main = MAIN.format(name=source.name, guard=source.name.upper())
    images = worst_images(mnist.test.images, weights_of(original)[0].astype(np.int64))
    expected = CBackend(source).logits(images).tobytes()
    for compiler in compilers():
        answers = written_by(main, source, images, compiler, tmp_path).reshape(len(images), -1)
        assert answers[:, 2:].tobytes() == expected


@pytest.mark.parametrize("classes", [2, 3, 11, 26, 100])
def test_any_number_of_classes(classes: int, mnist: Dataset) -> None:
    original = random_original(classes)
    source = to_c(original, info_of(original), mnist.train.images[:2000])
    assert source.name == "own_letters"
    images = mnist.test.images[:100]
    backend = CBackend(source)
    scores = original.scores(images)
    assert np.abs(backend.scores(images) - scores).max() < 0.01
    assert (backend.classify(images)[:, 0] == backend.logits(images).argmax(axis=1)).all()


def test_pixels_that_training_never_lit_count_for_nothing(mnist: Dataset) -> None:
    original = random_original(3)
    lit = mnist.train.images[:2000].copy()
    lit[:, :20] = 0  # a gap longer than one run can skip
    backend = CBackend(to_c(original, info_of(original), lit))
    image = mnist.test.images[:1].copy()
    before = backend.logits(image)
    image[:, :20] = 255
    assert (backend.logits(image) == before).all()


def test_weights_of_any_size_stay_within_bounds(mnist: Dataset) -> None:
    pixels = mnist.train.images[:500].reshape(-1, 784)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (784, 4))
    for kernel in (signs, np.abs(signs), 1e-9 * signs, 0 * signs, signs * [1, 10, 100, 1e-3]):
        assert quantise(kernel, np.array([0, 3.0, -30, 300]), pixels).fits
    with pytest.raises(ModelError, match="too large"):
        quantise(1e6 * signs, np.zeros(4), pixels)


def test_another_network_is_refused_with_what_it_is(mnist: Dataset) -> None:
    original = random_original(10, layers=2)
    with pytest.raises(ModelError, match="holds Dense → Dense with 6,370 parameters, where"):
        to_c(original, info_of(original), mnist.train.images)
    with pytest.raises(ModelError, match="101 classes"):
        to_c(random_original(101), info_of(original), mnist.train.images)


def test_labels_are_safe_in_c(source: CSource, original: Original) -> None:
    assert c_string('a"\\é??/') == '"a\\042\\134\\303\\251\\077\\077/"'
    assert '#define DIGITS_LABELS "0", "1"' in source.h
    assert "digits_classify" in source.sketch
    assert replace(source, name="x").classes == len(original.labels)


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(MissingTool, match="apt-get install gcc"):
        host_compiler()
