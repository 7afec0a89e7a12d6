"""The recipes: how each network is built, what it is shown, and how it is trained."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tinydigits_train.batches import (
    Lesson,
    augmented_lesson,
    eased_lesson,
    nudged_lesson,
    picture_lesson,
    plain_lesson,
)
from tinydigits_train.tiny import settled, tiny

WARM_UP = 300  # steps until the learning rate is at its highest, at most a tenth of all
LEARNING_RATE_DENSE = 2e-3  # at the start; it falls along a cosine to nothing
LEARNING_RATE_TINY = 0.02  # there; it then falls likewise
LEARNING_RATE_CONV = 4e-3  # likewise; it falls to nearly nothing
LEARNING_RATE_EASED = 1e-3  # at the start of the eased epochs; it falls likewise
LEARNING_RATE_COACHED = 2e-3  # at the start of the coached epochs; it falls likewise
LEARNING_RATE_AGAIN = 1e-3  # of a network that is trained further
AGAIN = 0.25  # the share of the images that are shown to such a network
AVERAGING = 0.998  # a step: how much of the averaged weights stays (Polyak averaging)


Layers = Callable[[ModuleType, int], list[Any]]  # (keras, classes) → the input and the layers


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is built and trained."""

    name: str
    layers: Layers
    loss: str
    optimizer: Callable[[ModuleType, int], Any]  # (keras, steps of the training) → the optimizer
    lesson: Callable[..., Lesson]  # (tensorflow, data, batch, seed) → what is shown
    epochs: int  # on MNIST
    shown: int  # images in all, where pictures are trained on: the epochs follow from it
    batch: int  # images a step
    how: str  # how it is trained, for the model's description
    # How many of the epochs, at the end, show images that are changed less. 0 where the images are
    # shown as they are.
    eased: int = 0
    # How many more of them follow, with targets as they are. The weights are then the mean of those
    # before and after (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022): on MNIST
    # that brought 99.40 to 99.48 %, and cost nothing on digits that are changed more.
    settling: int = 0
    # The layers of a wider network that is trained first. Its scores become a part of the targets.
    teacher: Layers | None = None
    teacher_epochs: int = 0
    # The bundled network whose scores are a part of the targets in the last epochs, and how many
    # those are, where the classes are the ten digits. With `conv`, `light` reads 382 of 384 digits
    # by people (379 before), and as many of MNIST.
    coach: str | None = None
    coached: int = 0
    # (keras, trained model) → the model that is written.
    finished: Callable[[ModuleType, Any], Any] = lambda _, model: model

    @property
    def rejects(self) -> bool:
        """Whether each score is judged by itself, so that a picture may be none of the classes."""
        return self.loss == _BINARY

    def build(
        self, keras: ModuleType, steps: int, classes: int = 10, layers: Layers | None = None
    ) -> Any:
        """Return the compiled model; with other `layers`, the teacher. steps: of its training, the
        eased epochs excluded.
        """
        model = keras.Sequential((layers or self.layers)(keras, classes), name=self.name)
        # While all images are changed at random, the share that is read right would say little.
        metrics = ["accuracy"] if self.lesson in (plain_lesson, nudged_lesson) else []
        model.compile(optimizer=self.optimizer(keras, steps), loss=self.loss, metrics=metrics)
        return model

    def ease(
        self, keras: ModuleType, model: Any, steps: int, rate: float = LEARNING_RATE_EASED
    ) -> None:
        """Compile a model anew for its eased epochs, `steps` in all. rate: at their start.

        Strong augmentation teaches what people do, and costs accuracy on digits that are neatly
        done; a few epochs with little of it give that back. On the validation digits the loss fell
        from 0.0082 to 0.0072, on validation images that are no digits from 0.0041 to 0.0028.
        """
        falling = keras.optimizers.schedules.CosineDecay(rate, max(steps, 1), alpha=0.01)
        model.compile(optimizer=_averaged(keras, falling, steps), loss=self.loss, metrics=[])

    def build_again(self, keras: ModuleType, layers: list[Any], steps: int) -> Any:
        """The compiled model of layers that were trained before."""
        model = keras.Sequential(layers, name=self.name)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE_AGAIN, max(steps, 1))
        model.compile(optimizer=_averaged(keras, rate, steps), loss=self.loss)
        return model

    def epochs_of(self, steps: int, share: float) -> int:
        """How many epochs of `steps` batches show that share of `shown`."""
        return math.ceil(self.shown * share / (steps * self.batch))

    def ends_of(self, epochs: int, has_coach: bool) -> tuple[int, int, int]:
        """How many of `epochs` are eased, how many settle the weights, and how many are coached."""
        of_all = (self.eased, self.settling, self.coached if has_coach else 0)
        eased, settling, coached = (round(epochs * each / self.epochs) for each in of_all)
        return eased, settling, coached


def dense(keras: ModuleType, classes: int) -> list[Any]:
    """784 pixels → 10 sigmoids and nothing between: 7,850 parameters.

    Ten straight cuts through pixel space reach about 93 % of MNIST, on the training digits as on
    others; more epochs do not change that.
    """
    output = keras.layers.Dense(classes, activation="sigmoid")
    return [keras.Input((784,), name="pixels"), output]


def mlp(keras: ModuleType, classes: int) -> list[Any]:
    """784 pixels → 784 sigmoids → 10 sigmoids: 623,290 parameters, about 98 % of MNIST."""
    return [
        keras.Input((784,), name="pixels"),
        keras.layers.Dense(784, activation="sigmoid"),
        keras.layers.Dense(classes, activation="sigmoid"),
    ]


def conv(keras: ModuleType, classes: int) -> list[Any]:
    """Five small convolutions and one over all places of each map, then 10 sigmoids: 7,718
    parameters, fewer than `dense`, and 1.6 million multiplications an image.
    """
    layers = keras.layers
    return [
        keras.Input((28, 28, 1), name="pixels"),
        *_convolution(layers, 8),
        *_convolution(layers, 12),
        layers.MaxPool2D(2),
        *_convolution(layers, 16),
        *_convolution(layers, 16),
        layers.MaxPool2D(2),
        *_convolution(layers, 12),
        *_head(layers, 7, classes),
    ]


def light(keras: ModuleType, classes: int) -> list[Any]:
    """The same for small devices: 7,690 parameters, and 361 thousand multiplications an image.

    The first convolution takes every second pixel, and adds no border, because that of digits is
    empty. A border would cost a third more multiplications, and did not lower the validation loss.
    """
    return _light(keras, classes, (8, 12), (16, 16, 12))


def pictures(keras: ModuleType, classes: int) -> list[Any]:
    """The same with more maps, for pictures of any kind: 24,698 parameters for ten classes, and 1.2
    million multiplications. C takes 31 maps at most. On meter wheels, with as many steps, 32 maps
    read 96.9 %, 24 read 95.9 %, and as many as `light` has 94.0 %.
    """
    return _light(keras, classes, (16, 24), (28, 28, 24))


def small(keras: ModuleType, classes: int) -> list[Any]:
    """The same with a convolution less and half as many maps, for 5 kB of flash: 2,062 parameters,
    and 98 thousand multiplications.
    """
    return _light(keras, classes, (4, 8), (8, 8))


def light_teacher(keras: ModuleType, classes: int) -> list[Any]:
    """The same with more maps: 45,090 parameters."""
    return _light(keras, classes, (24, 32), (48, 48))


def _light(
    keras: ModuleType, classes: int, large: tuple[int, int], small: tuple[int, ...]
) -> list[Any]:
    """large, small: how many maps there are, of 12×12 and of 6×6 places."""
    layers = keras.layers
    return [
        keras.Input((28, 28, 1), name="pixels"),
        *_convolution(layers, large[0], size=5, step=2),
        *_convolution(layers, large[1]),
        layers.MaxPool2D(2),
        *(layer for maps in small for layer in _convolution(layers, maps)),
        *_head(layers, 6, classes),
    ]


def _convolution(layers: Any, maps: int, size: int = 3, step: int = 1) -> list[Any]:
    padding = "same" if step == 1 else "valid"
    return [
        layers.Conv2D(maps, size, step, padding=padding, use_bias=False),
        layers.BatchNormalization(momentum=0.95),
        layers.ReLU(),
    ]


def _head(layers: Any, places: int, classes: int) -> list[Any]:
    """A global depthwise convolution (Chen et al., "MobileFaceNets", 2018), then sigmoids: where a
    mark lies matters, and a dense layer over all places would cost ten times the weights.
    """
    return [
        layers.DepthwiseConv2D(places, use_bias=False),
        layers.BatchNormalization(momentum=0.95),
        layers.Flatten(),
        layers.Dense(classes, activation="sigmoid"),
    ]


def _adam_of_dense(keras: ModuleType, steps: int) -> Any:
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE_DENSE, max(steps, 1))
    return keras.optimizers.Adam(schedule)


def _adam_of_tiny(keras: ModuleType, steps: int) -> Any:
    warm_up = min(WARM_UP, steps // 10)
    # The rate has to end at nothing: else weights between two whole numbers flicker to the end.
    rate = _risen_and_fallen(keras, steps - warm_up, warm_up, LEARNING_RATE_TINY, 0.0)
    return keras.optimizers.Adam(rate, epsilon=1e-9)  # of 1e-7 come 94.5 % of the test digits


def _adam_of_conv(keras: ModuleType, steps: int) -> Any:
    warm_up = min(WARM_UP, steps // 10)
    rate = _risen_and_fallen(keras, steps, warm_up, LEARNING_RATE_CONV, 0.002)
    return _averaged(keras, rate, steps)


def _risen_and_fallen(
    keras: ModuleType, steps: int, warm_up: int, highest: float, least: float
) -> Any:
    """A rate that rises for `warm_up` steps in a straight line, then falls for `steps` along a
    cosine to `least` times the highest.
    """
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(steps, 1), warmup_target=highest, warmup_steps=warm_up, alpha=least
    )


def _averaged(keras: ModuleType, rate: Any, steps: int) -> Any:
    """Adam that averages the weights; of a short training only the end counts."""
    averaging = min(AVERAGING, 1 - 10 / max(steps, 20))
    return keras.optimizers.Adam(rate, use_ema=True, ema_momentum=averaging)


# Keras takes the categorical loss of the softmax of what goes into the last sigmoids, so `dense`
# and `mlp` learn differences between logits and not their level: one score by itself is not a
# probability. Binary cross-entropy judges each sigmoid by itself, so that all can say no.
_CATEGORICAL, _BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
_AS_THEY_ARE = "Adam, categorical cross-entropy, images as they are"
_AUGMENTED = (
    "Adam, binary cross-entropy, weights averaged, images changed at random (place, size, aspect, "
    "turn, slant, stroke width, ink, grain), less so in the last epochs, whose beginning and end "
    "are averaged; with images that are "
    "none of the classes (scribbles, textures, pairs, blanks; for digits letters, Greek letters, "
    "symbols, doodles, words, and turned, halved or crossed out digits too, and digits drawn in "
    "other ways of writing); thresholds from a tenth, at most 5,000, that was set aside"
)

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "dense", dense, _CATEGORICAL, _adam_of_dense, nudged_lesson,
            epochs=5, shown=600_000, batch=32,
            how=f"{_AS_THEY_ARE}, a copy of each that was changed a little at random, and drawn "
            "digits",
        ),
        Recipe(
            "mlp", mlp, _CATEGORICAL, lambda _keras, _steps: "adam", plain_lesson,
            epochs=10, shown=200_000, batch=32, how=_AS_THEY_ARE,
        ),
        Recipe(
            "pictures", pictures, _BINARY, _adam_of_conv, picture_lesson,
            epochs=10, shown=256_000, batch=64,
            how="Adam, binary cross-entropy, weights averaged, images changed at random as suits "
            "their preparation, the epoch that reads validation images best; thresholds from the "
            "validation images",
        ),
        Recipe(
            "conv", conv, _BINARY, _adam_of_conv, augmented_lesson,
            epochs=86, shown=1_200_000, batch=128, how=_AUGMENTED, eased=8, settling=8,
        ),
        Recipe(
            "light", light, _BINARY, _adam_of_conv, augmented_lesson,
            epochs=116, shown=1_600_000, batch=128,
            how=f"{_AUGMENTED}; targets mixed with the scores of a wider network, and in 30 more "
            "epochs with those of conv",
            eased=8, settling=8, teacher=light_teacher, teacher_epochs=15, coach="conv", coached=30,
        ),
        Recipe(
            "small", small, _BINARY, _adam_of_conv, eased_lesson,
            epochs=40, shown=1_200_000, batch=128,
            how="Adam, binary cross-entropy, weights averaged, images changed a little at random; "
            "thresholds from a tenth, at most 5,000, that was set aside",
        ),
        Recipe(
            "tiny", tiny, _CATEGORICAL, _adam_of_tiny, plain_lesson,
            epochs=200, shown=2_000_000, batch=256,
            how=f"{_AS_THEY_ARE}, weights rounded to 2 and 4 bits in every step",
            finished=settled,
        ),
    )
}  # fmt: skip
