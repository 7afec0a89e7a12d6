"""The networks, one function a recipe: architecture, loss and optimiser."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

EPOCHS = 10  # passes over the training images; 5 is the shorter run
BATCH = 32  # images a step

Recipe = Callable[[ModuleType], Any]


def dense(keras: ModuleType) -> Any:
    """784 pixels → 10 sigmoids and nothing between: 7,850 parameters.

    Ten straight cuts through pixel space reach about 93 % of MNIST, on the training digits as on
    others; more epochs do not change that.
    """
    layers = [keras.layers.Dense(10, activation="sigmoid")]
    return _compiled(keras, "dense", layers)


def mlp(keras: ModuleType) -> Any:
    """784 pixels → 784 sigmoids → 10 sigmoids: 623,290 parameters, about 98 % of MNIST."""
    layers = [
        keras.layers.Dense(784, activation="sigmoid"),
        keras.layers.Dense(10, activation="sigmoid"),
    ]
    return _compiled(keras, "mlp", layers)


def _compiled(keras: ModuleType, name: str, layers: list[Any]) -> Any:
    model = keras.Sequential([keras.Input((784,), name="pixels"), *layers], name=name)
    # This loss divides the ten sigmoids by their sum, so what is learnt is their ratios: one score
    # by itself is not a probability.
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


RECIPES: Mapping[str, Recipe] = {"dense": dense, "mlp": mlp}
