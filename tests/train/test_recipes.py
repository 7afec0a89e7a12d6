"""The recipes are exactly the networks that the design names."""

import numpy as np
import pytest

from tinydigits_train.recipes import RECIPES
from tinydigits_train.tensorflow import load_tensorflow

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("recipe", "units", "parameters"),
    [("dense", [10], 7_850), ("mlp", [784, 10], 784 * 784 + 784 + 784 * 10 + 10)],
)
def test_a_recipe_is_sigmoid_dense_layers(recipe: str, units: list[int], parameters: int) -> None:
    keras = load_tensorflow("a test", "train").keras
    model = RECIPES[recipe].build(keras, 1, 10)
    assert model.input_shape == (None, 784)
    assert [type(layer) for layer in model.layers] == [keras.layers.Dense] * len(units)
    assert [layer.units for layer in model.layers] == units
    assert all(layer.activation is keras.activations.sigmoid for layer in model.layers)
    assert model.count_params() == parameters
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert model.loss == "sparse_categorical_crossentropy"


def test_each_is_named_as_in_the_table_and_has_its_epochs() -> None:
    assert (RECIPES["dense"].epochs, RECIPES["mlp"].epochs) == (5, 10)
    assert {name: recipe.name for name, recipe in RECIPES.items()} == {n: n for n in RECIPES}


def test_conv_has_no_more_parameters_than_dense() -> None:
    keras = load_tensorflow("a test", "train").keras
    model = RECIPES["conv"].build(keras, 1, 10)
    assert model.count_params() <= 7_850
    assert model.input_shape == (None, 28, 28, 1)
    teacher = RECIPES["light"].build(keras, 1, 10, RECIPES["light"].teacher)
    assert teacher.count_params() > 5 * model.count_params()
    assert model.layers[-1].activation is keras.activations.sigmoid
    assert model.loss == "binary_crossentropy"


def test_small_has_room_for_its_weights_in_5_kb_of_flash() -> None:
    keras = load_tensorflow("a test", "train").keras
    model = RECIPES["small"].build(keras, 1, 10)
    assert model.count_params() == 2_062
    convolutions = [layer for layer in model.layers if type(layer) is keras.layers.Conv2D]
    assert [layer.filters for layer in convolutions] == [4, 8, 8, 8]  # C sums them by fours
    assert RECIPES["small"].teacher is None


def test_tiny_is_written_with_whole_weights_in_layers_of_keras_alone() -> None:
    keras, recipe = load_tensorflow("a test", "train").keras, RECIPES["tiny"]
    trained = recipe.build(keras, 1, 10)
    model = recipe.finished(keras, trained)
    assert model.input_shape == (None, 784)
    assert model.layers[-1].activation is keras.activations.sigmoid
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    *bands, regions, classes = model.get_weights()
    assert all(set(np.unique(band)) == {0, 1} for band in bands)
    assert set(np.unique(regions)) <= {-2, -1, 0, 1}
    assert set(np.unique(classes)) <= set(range(-8, 8))
    assert (regions.size, classes.size) == (2_000, 200)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 784)) / np.float32(255)
    wanted, found = (each.predict(pixels, verbose=0) for each in (trained, model))
    assert found == pytest.approx(1 / (1 + np.exp(4 - 8 * wanted)), abs=1e-5)
