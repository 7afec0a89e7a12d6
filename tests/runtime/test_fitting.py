"""fit leaves a model input as it is and brings every other picture to what MNIST has."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tinydigits import ImageError
from tinydigits.fitting import fit
from tinydigits_train.labelled_folder import Digits


def seven(size: tuple[int, int], ink: int, paper: int) -> Image.Image:
    """A 7 of two lines, its ink from a quarter to three quarters of the picture."""
    image = Image.new("L", size, paper)
    x, y = size
    points = [(x * 0.3, y * 0.25), (x * 0.7, y * 0.25), (x * 0.45, y * 0.75)]
    ImageDraw.Draw(image).line(points, fill=ink, width=max(2, x // 14), joint="curve")
    return image


def centre_of_mass(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    rows, columns = np.indices(pixels.shape)
    return (
        float((rows * pixels.astype(float)).sum() / pixels.sum()),
        float((columns * pixels.astype(float)).sum() / pixels.sum()),
    )


def test_every_mnist_digit_passes_untouched(mnist_test: Digits) -> None:
    for image in mnist_test.images[:2000]:
        fitted = fit(Image.fromarray(image))
        assert np.array_equal(fitted.pixels, image)
        assert (fitted.doubt, fitted.inverted, fitted.box) == (None, None, None)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (90, 200), (230, 27), (20, 60)])
def test_ink_becomes_bright_on_black_whatever_its_level(ink: int, paper: int) -> None:
    fitted = fit(seven((120, 140), ink, paper))
    assert fitted.inverted is (ink < paper)
    assert fitted.pixels.max() > 200
    assert fitted.pixels[:, [0, -1]].max() == 0


def test_the_ink_is_scaled_to_20_and_centred_by_mass() -> None:
    fitted = fit(seven((90, 200), 0, 255))
    rows = np.flatnonzero(fitted.pixels.any(axis=1))
    assert rows[-1] - rows[0] + 1 == 20
    assert centre_of_mass(fitted.pixels) == pytest.approx((14, 14), abs=0.6)


def test_the_box_is_that_of_the_ink() -> None:
    fitted = fit(seven((100, 100), 0, 255))
    assert fitted.box == pytest.approx((28, 22, 72, 78), abs=5)


def test_a_transparent_picture_is_read_by_its_alpha() -> None:
    ink = 255 - np.asarray(seven((80, 80), 0, 255))
    for colour in (0, 255):
        rgba = np.full((80, 80, 4), colour, np.uint8)
        rgba[..., 3] = ink
        fitted = fit(Image.fromarray(rgba))
        assert fitted.inverted is (colour == 0)
        assert np.array_equal(fitted.pixels, fit(seven((80, 80), colour, 255 - colour)).pixels)


@pytest.mark.parametrize("level", [0, 27, 128, 255])
def test_an_even_picture_is_blank(level: int) -> None:
    for size in ((60, 60), (28, 28), (700, 500)):
        assert fit(Image.new("L", size, level)).doubt == "blank"


def test_shaded_and_grainy_paper_is_blank() -> None:
    shade = np.linspace(250, 200, 200)[:, np.newaxis] * np.ones(160)
    grain = np.random.default_rng(0).normal(0, 3, shade.shape)
    assert fit(Image.fromarray((shade + grain).clip(0, 255).astype(np.uint8))).doubt == "blank"


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (2, 3), (27, 28)])
def test_odd_sizes_give_28_by_28(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, size[::-1], dtype=np.uint8)
    for how in ("auto", "mnist", "resize"):
        assert fit(Image.fromarray(noise), how).pixels.shape == (28, 28)


def test_none_takes_28_by_28_only() -> None:
    with pytest.raises(ImageError, match=r"29×28 pixels, and fit=none takes 28×28 only"):
        fit(Image.new("L", (29, 28)), "none")
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    assert np.array_equal(fit(Image.fromarray(pixels), "none").pixels, pixels)
    assert np.array_equal(fit(Image.fromarray(pixels), "none", True).pixels, 255 - pixels)


def test_resize_only_resizes() -> None:
    image = seven((56, 56), 0, 255)
    expected = 255 - (np.asarray(image).reshape(28, 2, 28, 2).sum(axis=(1, 3)) + 2) // 4
    assert np.array_equal(fit(image, "resize").pixels, expected)


def test_invert_is_obeyed() -> None:
    image = seven((56, 56), 0, 255)
    assert fit(image, "resize", False).pixels[0, 0] == 255
    assert fit(image, "mnist", False).inverted is False


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((40, 40), np.float32),
        np.zeros((40, 40), bool),
        np.zeros((40, 40, 2), np.uint8),
        np.zeros((0, 40), np.uint8),
        np.zeros((4, 40, 40, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(array: NDArray[Any]) -> None:
    with pytest.raises(ImageError, match=r"where uint8 \[H, W\] or \[H, W, 3\|4\] was expected"):
        fit(array)
