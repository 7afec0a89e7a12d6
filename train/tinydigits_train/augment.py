"""Augment a batch inside TensorFlow: change each image at random, as hands and cameras do.

One projective transform moves, scales, stretches, turns, slants and tilts a digit; then strokes
grow thicker or thinner, ink fades, and paper gets grain. The method is that of Simard, Steinkraus
and Platt, "Best practices for convolutional neural networks applied to visual document analysis"
(2003), without their elastic field. Pictures that were only resized are changed less in shape and
more in light.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

SIDE = 28
SHIFT = 2.0  # px
SMALLER_LARGER = (-0.25, 0.15)  # share by which both sides change together
ASPECT = 0.22  # log of width ÷ height, either way
TURN = 0.16  # rad
SLANT = 0.35  # px of shift to the side for each px of height
TILT = 0.004  # perspective, a px
THICKEN, THIN = 0.9, 0.75  # the share of the way to the largest or smallest neighbour
GAMMA = 0.45  # log
FAINT = 0.45  # the weakest ink is 1 - FAINT
NOISE = 0.10  # standard deviation, of 1


def augment(tf: ModuleType, images: Any, strength: float = 1.0) -> Any:
    """Change each of the images, float32 [N, 28, 28, 1] in [0, 1], in its own way.

    strength: in [0, 1]; a lower one means smaller changes, and makes the occasional ones rarer.
    """
    count = tf.shape(images)[0]

    def uniform(low: float, high: float) -> Any:
        return tf.random.uniform([count], low * strength, high * strength)

    def sometimes(probability: float, value: Any) -> Any:
        return tf.where(
            tf.random.uniform([count]) < probability * strength, value, tf.zeros_like(value)
        )

    images = _transformed(
        tf, images, 1 + uniform(*SMALLER_LARGER), tf.exp(uniform(-ASPECT, ASPECT) / 2),
        uniform(-TURN, TURN), uniform(-SLANT, SLANT),
        lambda: sometimes(0.5, uniform(-TILT, TILT)), lambda: uniform(-SHIFT, SHIFT), "CONSTANT",
    )  # fmt: skip

    def wide(values: Any) -> Any:
        return values[:, tf.newaxis, tf.newaxis, tf.newaxis]

    thicker = tf.nn.max_pool2d(images, 3, 1, "SAME")
    thinner = -tf.nn.max_pool2d(-images, 2, 1, "SAME")
    softer = tf.nn.avg_pool2d(images, 3, 1, "SAME")
    images += wide(sometimes(0.3, uniform(0, THICKEN))) * (thicker - images)
    images += wide(sometimes(0.3, uniform(0, THIN))) * (thinner - images)
    images += wide(sometimes(0.3, uniform(0, 1))) * (softer - images)
    images = tf.maximum(images, 0.0) ** wide(tf.exp(sometimes(0.5, uniform(-GAMMA, GAMMA))))
    images *= wide(1 - sometimes(0.4, uniform(0, FAINT)))
    grain = tf.random.normal(tf.shape(images)) * wide(sometimes(0.3, uniform(0, NOISE)))
    images = tf.clip_by_value(images + grain, 0.0, 1.0)
    return tf.round(images * 255) / 255


def augment_picture(tf: ModuleType, images: Any) -> Any:
    """Change each of the images, float32 [N, 28, 28, 1] in [0, 1], which were only resized.

    Bright and dark are exchanged in half of them: which of the two is the ink is a guess there.
    """
    count = tf.shape(images)[0]

    def uniform(low: float, high: float) -> Any:
        return tf.random.uniform([count], low, high)

    def light(low: float, high: float, share: float = 1.0) -> Any:
        value = tf.where(uniform(0, 1) < share, uniform(low, high), tf.zeros([count]))
        return value[:, tf.newaxis, tf.newaxis, tf.newaxis]

    images = _transformed(
        tf, images, 1 + uniform(-0.15, 0.15), tf.exp(uniform(-0.1, 0.1)), uniform(-0.1, 0.1),
        uniform(-0.2, 0.2), lambda: uniform(-TILT, TILT) / 2, lambda: uniform(-SHIFT, SHIFT),
        "NEAREST",
    )  # fmt: skip
    images += light(0, 0.7, 0.3) * (tf.nn.max_pool2d(images, 3, 1, "SAME") - images)
    images += light(0, 0.7, 0.3) * (-tf.nn.max_pool2d(-images, 3, 1, "SAME") - images)
    images += light(0, 1, 0.3) * (tf.nn.avg_pool2d(images, 3, 1, "SAME") - images)
    images = tf.where(light(0, 1) < 0.5, 1 - images, images)
    mean = tf.reduce_mean(images, [1, 2], keepdims=True)
    images = (images - mean) * tf.exp(light(-1.2, 0.7)) + mean + light(-0.3, 0.3)
    images += tf.random.normal(tf.shape(images)) * light(0, 0.08, 0.4)
    return tf.round(tf.clip_by_value(images, 0.0, 1.0) * 255) / 255


def _transformed(
    tf: ModuleType, images: Any, size: Any, aspect: Any, turn: Any, slant: Any,
    tilt: Callable[[], Any], shift: Callable[[], Any], outside: str,
) -> Any:  # fmt: skip
    """Move, scale, turn, slant and tilt each image about its middle: one number each, float32 [N].

    tilt, shift: return the numbers for one axis. They are called late, because TensorFlow seeds
    each random operation by its place among the operations: another order would train another
    network. outside: what lies beyond the border: "CONSTANT" for black, "NEAREST" for the border.
    """
    # The transform goes from output to input, so a scale of 2 here halves the digit.
    across, down = 1 / (size * aspect), aspect / size
    cos, sin = tf.cos(turn), tf.sin(turn)
    a, b = cos * across, (slant * cos - sin) * down
    c, d = sin * across, (slant * sin + cos) * down
    tilt_x, tilt_y = tilt(), tilt()
    middle = (SIDE - 1) / 2
    shift_x, shift_y = shift(), shift()
    # The transform turns about the middle: x' = middle + shift + A (x - middle)
    offset_x = middle + shift_x - a * middle - b * middle
    offset_y = middle + shift_y - c * middle - d * middle
    transforms = tf.stack([a, b, offset_x, c, d, offset_y, tilt_x, tilt_y], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=transforms, output_shape=[SIDE, SIDE], fill_value=0.0,
        interpolation="BILINEAR", fill_mode=outside,
    )  # fmt: skip
