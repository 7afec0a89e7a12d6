"""The C of conv, light and small reads as Keras does, and answers alike on every processor."""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.conv_integers import logits_of
from tests.support.programs import compilers, tools_or_skip, written_by
from tinydigits import ModelError
from tinydigits.info import ModelInfo
from tinydigits_export.c.backend import CBackend, host_compiler
from tinydigits_export.c.conv import NAMES, state_bytes, to_conv, written
from tinydigits_export.c.quantise_conv import (
    CONV,
    LIGHT,
    SMALL,
    Layout,
    QuantisedConv,
    quantise_conv,
)
from tinydigits_export.c.source import CSource
from tinydigits_export.devices.simulation import Target
from tinydigits_export.devices.table import TARGETS, firmware_of
from tinydigits_export.keras_model import Original
from tinydigits_export.proof import Reference, compare
from tinydigits_train.labelled_folder import Dataset
from tinydigits_train.tensorflow import load_tensorflow

pytestmark = pytest.mark.usefixtures("compiler")

# Reads images from standard input and writes class, probability and logits of each, read at once,
# and class and probability of it read row by row.
MAIN = """
#include <stdio.h>
#include "conv.h"
int main(void) {
    static uint8_t image[784];
    while (fread(image, 1, 784, stdin) == 784) {
        int32_t logits[CONV_CLASSES];
        uint8_t answers[4], y;
        answers[0] = conv_classify(image, &answers[1]);
        conv_scores(image, logits);
        conv_begin();
        for (y = 0; y < 28; y++) conv_push(image + 28 * y);
        answers[2] = conv_end(&answers[3]);
        fwrite(answers, 4, 1, stdout);
        fwrite(logits, sizeof logits, 1, stdout);
    }
    return 0;
}
"""


class Cost(NamedTuple):
    """The most that a recipe may take."""

    maps: tuple[int, ...]
    agreement: float  # with Keras, at least, over all test digits
    accuracy: float  # likewise
    static: int  # bytes of RAM on an AVR
    # For each of TARGETS: flash, variables and stack at most, in bytes, and cycles an image.
    flash: tuple[int, ...]
    ram: tuple[int, ...]
    cycles: tuple[float, ...]


MAPS, RAM = (8, 12, 16, 16, 12), (1_800, 2_076, 2_076, 2_048)
COSTS = {
    "conv": Cost(
        MAPS, 0.9995, 0.9935, 1585, (13_000,) * 3 + (13_500,), RAM, (13e6, 6e6, 4e6, 2.5e7)
    ),
    "light": Cost(MAPS, 0.9995, 0.9935, 1274, (13_000,) * 4, RAM, (3e6, 1.5e6, 9e5, 7.2e6)),
    "small": Cost(
        (4, 8, 8, 8), 0.999, 0.9885, 614, (5_000,) * 3 + (6_000,), (1_000,) + (1_100,) * 3,
        (1.6e6, 8e5, 5e5, 3e6),
    ),
}  # fmt: skip


def info_of(original: Original) -> ModelInfo:
    return ModelInfo("conv", "conv", original.labels, 0, "0" * 64, "a test")


@pytest.fixture(scope="module", params=COSTS)
def original(request: pytest.FixtureRequest) -> Original:
    found: Original = request.getfixturevalue(f"read_{request.param}")
    return found


@pytest.fixture(scope="module")
def model(original: Original, mnist: Dataset) -> QuantisedConv:
    return quantise_conv(original, mnist.train.images)


@pytest.fixture(scope="module")
def source(original: Original, model: QuantisedConv) -> CSource:
    return written(info_of(original), model)


def hard_images(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Digits; paper, ink everywhere, noise, and ink at one pixel of the border each."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (20, 28, 28)).astype(np.uint8)
    dots = np.zeros((12, 28, 28), np.uint8)
    for dot, (y, x) in zip(dots, np.ndindex(3, 4), strict=True):
        dot[(0, 13, 27)[y], (0, 1, 26, 27)[x]] = 255
    flat = np.stack([np.zeros((28, 28)), np.full((28, 28), 255)]).astype(np.uint8)
    return np.concatenate([images[:20], noise, dots, flat])


def network(
    maps: tuple[int, ...], classes: int, layout: Layout = LIGHT, **options: Any
) -> Original:
    """The layers of the recipe, with other numbers of maps, and random weights."""
    keras = load_tensorflow("a test", "train").keras
    layers = keras.layers
    side, padding, step = layout.first
    convolutions = []
    for number, count in enumerate(maps, 1):
        first = {"kernel_size": side, "padding": padding, "strides": step}
        other = {"kernel_size": 3, "padding": "same", **options}
        convolutions += [layers.Conv2D(count, **(first if number == 1 else other)), layers.ReLU()]
        if number in layout.pooled:
            convolutions.append(layers.MaxPool2D(2))
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *convolutions,
            layers.DepthwiseConv2D(layout.quarter),
            layers.Flatten(),
            layers.Dense(classes, activation="sigmoid"),
        ],
        name="conv",
    )
    random = np.random.default_rng(0)
    model.set_weights(
        [random.normal(0, max(1, w[..., 0].size) ** -0.5, w.shape) for w in model.get_weights()]
    )
    return Original(Path("conv.keras"), model, "0" * 64, tuple(map(str, range(classes))), {})


def test_decisions_and_accuracy_are_those_of_keras(
    original: Original,
    model: QuantisedConv,
    source: CSource,
    mnist: Dataset,
    has_all_of_mnist: bool,
) -> None:
    reference = Reference(original.scores(mnist.test.images), mnist.test)
    found = compare(reference, CBackend(source))
    cost = COSTS[model.layout.recipe]
    assert found.agreement >= (cost.agreement if has_all_of_mnist else 0.997)
    assert found.accuracy >= (cost.accuracy if has_all_of_mnist else cost.accuracy - 0.0035)
    assert found.ties == 0


def test_logits_are_those_of_the_integers(
    model: QuantisedConv, source: CSource, mnist: Dataset
) -> None:
    images = hard_images(mnist.test.images)
    assert (CBackend(source).logits(images) == logits_of(model, images)).all()


@pytest.mark.parametrize(
    ("layout", "maps", "classes"),
    [
        *((layout, (8, 12, 16, 16, 12), 2) for layout in (CONV, LIGHT)),
        *((layout, (1, 2, 3, 5, 1), 3) for layout in (CONV, LIGHT)),
        *(
            (layout, (7, 31, 9, 11, 6)[: layout.convolutions], 26)
            for layout in (CONV, LIGHT, SMALL)
        ),
    ],
    ids=lambda value: getattr(value, "recipe", None),
)
def test_any_number_of_maps_and_classes(
    layout: Layout, maps: tuple[int, ...], classes: int, mnist: Dataset
) -> None:
    original = network(maps, classes, layout)
    model = quantise_conv(original, mnist.train.images[:500])
    images = hard_images(mnist.test.images)
    assert (
        CBackend(written(info_of(original), model)).logits(images) == logits_of(model, images)
    ).all()
    digits = mnist.test.images[:200]
    logits = logits_of(model, digits) / 2**model.fraction
    expected = original.scores(digits).astype(np.float64)
    assert np.abs(1 / (1 + np.exp(-logits)) - expected).max() < 0.1


def test_row_by_row_is_as_all_at_once_without_a_warning_or_an_overflow(
    model: QuantisedConv, source: CSource, mnist: Dataset, tmp_path: Path
) -> None:
    images = hard_images(mnist.test.images)
    for compiler in compilers():
        written = written_by(MAIN, source, images, compiler, tmp_path)
        answers = written.reshape(len(images), -1)
        logits = logits_of(model, images)
        assert answers[:, 4:].tobytes() == logits.astype(np.int32).tobytes()
        assert (answers[:, 0] == logits.argmax(axis=1)).all()
        probabilities = 255 / (1 + np.exp(-logits.max(axis=1) / 2**model.fraction))
        assert np.abs(answers[:, 1] - probabilities).max() < 2.5
        assert (answers[:, 2:4] == answers[:, :2]).all()


def test_rows_that_are_missing_are_paper_and_rows_too_many_nothing(
    source: CSource, mnist: Dataset, tmp_path: Path
) -> None:
    main = """
        #include <stdio.h>
        #include "conv.h"
        int main(void) {
            static uint8_t image[784];
            uint8_t probability, rows, y;
            while (fread(image, 1, 784, stdin) == 784) {
                for (rows = 0; rows <= 40; rows++) {
                    conv_begin();
                    for (y = 0; y < rows; y++) conv_push(image + 28 * (y % 28));
                    putchar(conv_end(&probability));
                    putchar(probability);
                }
            }
            return 0;
        }
        """
    image = mnist.test.images[0]
    found = written_by(main, source, image, host_compiler(), tmp_path).reshape(41, 2)
    cut = np.stack([np.where(np.arange(28)[:, None] < rows, image, 0) for rows in range(41)])
    expected = CBackend(source).classify(cut.astype(np.uint8))
    assert (found == expected).all()
    assert len(np.unique(found[:, 0])) > 1


def test_rows_after_the_end_are_nothing(source: CSource, mnist: Dataset, tmp_path: Path) -> None:
    main = """
        #include <stdio.h>
        #include "conv.h"
        int main(void) {
            static uint8_t image[784];
            uint8_t answer[2], y;
            if (fread(image, 1, 784, stdin) < 784) return 1;
            answer[0] = conv_classify(image, &answer[1]);
            for (y = 0; y < 56; y++) conv_push(image + 28 * (y % 28));
            if (conv_classify(image, &y) != answer[0] || y != answer[1]) return 2;
            return 0;
        }
        """
    assert not len(written_by(main, source, mnist.test.images[0], host_compiler(), tmp_path))


def test_the_bounds_in_the_comment_hold(
    model: QuantisedConv, source: CSource, mnist: Dataset
) -> None:
    said = {
        name: int(bound.replace(",", ""))
        for name, bound in re.findall(r"^ \*   (\w+) +([\d,]+)$", source.c, re.MULTILINE)
    }
    images = hard_images(mnist.test.images)
    first = model.convolutions[0]
    # The worst place there can be for the first convolution: ink where weights have one sign.
    worst = [255 * (sign * first.weights[:, :, 0] > 0) for sign in (1, -1)]
    sums = [np.einsum("yxo,yxo->o", ink, first.weights[:, :, 0]) + first.biases for ink in worst]
    assert (
        np.abs(sums).max() <= said["first"] <= np.abs(sums).max() + 2 * np.abs(first.biases).max()
    )
    assert np.abs(logits_of(model, images)).max() <= said["logits"] < 2**31
    assert max(said[name] for name in NAMES[: model.layout.convolutions]) < 2**23


def test_weights_too_large_for_the_integers_are_refused(mnist: Dataset) -> None:
    original = network((2, 2, 2, 2, 2), 3)
    values = original.model.get_weights()
    original.model.set_weights([*values[:-2], values[-2] * 1e7, values[-1]])
    with pytest.raises(ModelError, match="too large for sums of 24"):
        quantise_conv(original, mnist.train.images[:100])


def test_other_networks_are_refused_with_what_they_are(mnist: Dataset) -> None:
    dilated = network((2, 2, 2, 2, 2), 3, dilation_rate=2)
    with pytest.raises(ModelError, match=r"holds Conv2D → ReLU → .* where C can be written"):
        to_conv(dilated, info_of(dilated), mnist.train.images[:100])
    wide = network((2, 2, 2, 90, 2), 3)
    with pytest.raises(ModelError, match="reads 90 maps, where C can be written for 31 at most"):
        to_conv(wide, info_of(wide), mnist.train.images[:100])
    many = network((2, 2, 2, 2, 2), 101)
    with pytest.raises(ModelError, match="101 classes"):
        to_conv(many, info_of(many), mnist.train.images[:100])


def test_what_it_says_of_its_memory_is_so(model: QuantisedConv, source: CSource) -> None:
    said = re.search(r"RAM: +(\d+) bytes", source.h)
    assert said
    cost = COSTS[model.layout.recipe]
    needed = cost.static
    assert int(said[1]) == state_bytes(model.layout, list(cost.maps)) == needed
    assert "conv_push" in source.sketch
    assert f"{needed} bytes" in source.readme


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_processor_answers_as_this_one_and_has_room(
    target: Target,
    model: QuantisedConv,
    source: CSource,
    mnist: Dataset,
    tmp_path: Path,
) -> None:
    cost, kind = COSTS[model.layout.recipe], TARGETS.index(target)
    images = 1 if kind else 10  # one of conv on a CH32V003 takes half a second
    digits = mnist.test.images[: int(os.environ.get("TINYDIGITS_CONV_IMAGES", images))]
    inputs = np.concatenate([digits, hard_images(digits[:0])[19:21]]).reshape(-1, 784)
    with tools_or_skip():
        firmware = firmware_of(source, target, tmp_path)
        run = firmware.run(inputs)
    assert (run.outputs == CBackend(source).classify(inputs.reshape(-1, 28, 28))).all()
    assert run.cycles[: len(digits)].mean() < cost.cycles[kind]
    assert firmware.model.flash < cost.flash[kind]
    assert firmware.program.ram + run.stack < cost.ram[kind]
