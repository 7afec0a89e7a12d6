"""The networks, one function a recipe: architecture, loss and optimiser."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

EPOCHS = 10  # passes over the training images for dense and mlp; 5 is the shorter run
EPOCHS_CONV, EPOCHS_EASED = 70, 8  # with full augmentation, then with less
BATCH, BATCH_CONV = 32, 128  # images a step
WARM_UP = 300  # steps until the conv recipe's learning rate is at its highest
LEARNING_RATE = 4e-3  # there; it then falls along a cosine to nearly nothing
LEARNING_RATE_EASED = 1e-3  # at the start of the eased epochs; it falls likewise
AVERAGING = 0.998  # a step: how much of the averaged weights stays (Polyak averaging)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is built and trained."""

    build: Callable[[ModuleType, int, int], Any]
    """(keras, steps of the whole training, classes) → a compiled model."""

    epochs: int
    batch: int

    how: str
    """How it is trained, for the card of the model."""

    eased: int = 0
    """How many of the epochs, at the end, are shown less augmented images. A recipe that has any is
    trained on changed digits and on things that are no digits, with a validation split."""

    def eased_of(self, epochs: int) -> int:
        """How many are eased of another number of epochs."""
        return round(epochs * self.eased / self.epochs)


def dense(keras: ModuleType, _steps: int, classes: int = 10) -> Any:
    """784 pixels → 10 sigmoids and nothing between: 7,850 parameters.

    Ten straight cuts through pixel space reach about 93 % of MNIST, on the training digits as on
    others; more epochs do not change that.
    """
    layers = [keras.layers.Dense(classes, activation="sigmoid")]
    return _categorical(keras, "dense", layers)


def mlp(keras: ModuleType, _steps: int, classes: int = 10) -> Any:
    """784 pixels → 784 sigmoids → 10 sigmoids: 623,290 parameters, about 98 % of MNIST."""
    layers = [
        keras.layers.Dense(784, activation="sigmoid"),
        keras.layers.Dense(classes, activation="sigmoid"),
    ]
    return _categorical(keras, "mlp", layers)


def _categorical(keras: ModuleType, name: str, layers: list[Any]) -> Any:
    model = keras.Sequential([keras.Input((784,), name="pixels"), *layers], name=name)
    # Keras takes this loss of the softmax of what goes into the sigmoids, so differences between
    # logits are learnt and not their level: one score by itself is not a probability.
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def conv(keras: ModuleType, steps: int, classes: int = 10) -> Any:
    """Five small convolutions and one over all places of each map, then 10 sigmoids: 7,718
    parameters, fewer than `dense`.

    Binary cross-entropy judges each sigmoid by itself, so that all ten can say no.
    """
    layers = keras.layers

    def convolution(maps: int) -> list[Any]:
        return [
            layers.Conv2D(maps, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.95),
            layers.ReLU(),
        ]

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), name="pixels"),
            *convolution(8),
            *convolution(12),
            layers.MaxPool2D(2),
            *convolution(16),
            *convolution(16),
            layers.MaxPool2D(2),
            *convolution(12),
            # Global depthwise convolution (Chen et al., "MobileFaceNets", 2018): where a mark lies
            # matters, and a dense layer over all places would cost ten times the weights.
            layers.DepthwiseConv2D(7, use_bias=False),
            layers.BatchNormalization(momentum=0.95),
            layers.Flatten(),
            layers.Dense(classes, activation="sigmoid"),
        ],
        name="conv",
    )
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(steps, 1),
        warmup_target=LEARNING_RATE,
        warmup_steps=min(WARM_UP, steps // 10),
        alpha=0.002,
    )
    averaging = min(AVERAGING, 1 - 10 / max(steps, 20))  # of a short training only the end counts
    optimizer = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=averaging)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=[])
    return model


def ease(keras: ModuleType, model: Any, steps: int) -> None:
    """Compiles a model anew for its last epochs, `steps` in all.

    Strong augmentation teaches what people do, and costs accuracy on digits that are neatly done;
    a few epochs with little of it give that back. On the validation digits the loss fell from
    0.0082 to 0.0072, on validation images that are no digits from 0.0041 to 0.0028.
    """
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE_EASED, max(steps, 1), alpha=0.01)
    averaging = min(AVERAGING, 1 - 10 / max(steps, 20))
    optimizer = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=averaging)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=[])


RECIPES: Mapping[str, Recipe] = {
    "dense": Recipe(
        dense, EPOCHS, BATCH, how="Adam, categorical cross-entropy, images as they are"
    ),
    "mlp": Recipe(mlp, EPOCHS, BATCH, how="Adam, categorical cross-entropy, images as they are"),
    "conv": Recipe(
        conv,
        EPOCHS_CONV + EPOCHS_EASED,
        BATCH_CONV,
        how="Adam, binary cross-entropy, weights averaged, images changed at random (place, size, "
        "aspect, turn, slant, stroke width, ink, grain), less so in the last epochs; with images "
        "that are none of the classes (scribbles, textures, pairs, blanks; for digits letters too, "
        "and digits drawn in other ways of writing); thresholds from a tenth, at most 5,000, that "
        "was set aside",
        eased=EPOCHS_EASED,
    ),
}
