"""Lessons: the images that a recipe trains on, and those that set its thresholds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits.info import Thresholds
from tinydigits_train.augment import augment, augment_picture
from tinydigits_train.labelled_folder import DIGITS, Dataset, Digits
from tinydigits_train.synthetic import DRAWN, drawn_digits, no_digits

OTHERS_FOR = 54_000  # digits: to so many come all of `no_digits`, to fewer proportionally fewer
FEWEST_SHOWN = 15_000  # images an epoch: of a small folder each is shown several times
FEWEST_PICTURES_SHOWN = 6_400  # likewise, in `picture_lesson`
UNEVEN = 1.5  # largest class ÷ smallest: beyond this the smaller ones are shown more often
MOST_REPEATS = 20  # times that one picture is shown for another class's sake
MOST_DRAWN = 3_000  # digits, in `picture_lesson`: drawing one takes 0.7 ms
NUDGED = 0.3  # the strength of augmentation in `nudged_lesson`
EASED = 0.4  # the strength of augmentation in the last epochs
TAUGHT = 0.7  # the part of the targets that is the scores of the teacher
VALIDATION = 5_000  # training digits that are set aside, at most a tenth, and at least one
# The share of validation digits that each refuses. Where low scores refuse 0.008, conv takes 1 of
# 38 signs for a digit that are none; where they refuse 0.004, it takes 2.
REFUSED_LOW, REFUSED_AMBIGUOUS = 0.008, 0.002


@dataclass(frozen=True, slots=True)
class Lesson:
    """One epoch, in the form that Keras's `fit` takes."""

    images: Any
    """float32 [N, 784], or a tf.data.Dataset of batches of images and targets."""

    labels: NDArray[np.uint8] | None
    """uint8 [N], or None where the images are a Dataset."""

    batch: int | None
    """Images a step; None where the images are a Dataset."""

    steps: int
    eased: Any
    """The images, less augmented where that is possible; None where nothing is augmented."""

    validation: Digits | None
    """Set aside and never trained on."""


def plain_lesson(_tensorflow: Any, data: Dataset, batch: int, seed: int) -> Lesson:
    """The digits as they are, flat and in [0, 1]; Keras shuffles them anew in each epoch.

    Pictures are shown several times an epoch where they are few, and some are set aside.
    """
    if data.from_pictures:
        digits, aside = held_out(data, seed)
        digits = joined(*[digits] * -(-FEWEST_PICTURES_SHOWN // len(digits.labels)))
    else:
        digits, aside = balanced(data.train, len(data.labels), seed), None
    pixels = as_pixels(digits.images, (784,))
    return Lesson(pixels, digits.labels, batch, -(-len(pixels) // batch), None, aside)


def nudged_lesson(tensorflow: Any, data: Dataset, batch: int, seed: int) -> Lesson:
    """The digits of `plain_lesson`, a copy of each that is changed a little, and drawn digits.

    A network of one layer learns from them how others write: `dense` reads 86 % of 257 digits that
    people photographed, and 83 % without them, at the same accuracy on MNIST.
    """
    plain = plain_lesson(tensorflow, data, batch, seed)
    images, labels = plain.images, plain.labels
    assert labels is not None
    changed = [
        augment(tensorflow, some.reshape(-1, 28, 28, 1), NUDGED).numpy().reshape(-1, 784)
        for some in np.array_split(images, -(-len(images) // 5_000))
    ]
    images, labels = np.concatenate([images, *changed]), np.tile(labels, 2)
    if data.is_like_mnist:
        drawn = drawn_digits(seed, round(DRAWN * min(1.0, len(plain.images) / OTHERS_FOR)))
        images = np.concatenate([images, as_pixels(drawn.images, (784,))])
        labels = np.concatenate([labels, drawn.labels])
    return replace(plain, images=images, labels=labels, steps=-(-len(images) // batch))


def augmented_lesson(
    tensorflow: Any, data: Dataset, batch: int, seed: int, again: int = 0
) -> Lesson:
    """Digits, drawn digits and images without a digit, each changed at random at each showing.

    Digits and letters are drawn only where the classes are the ten digits: other classes may be
    letters or signs themselves. again: another number draws others, for the same digits.
    """
    shown, aside = held_out(data, seed)
    seed += again
    images, targets = _with_others(shown, data, seed, DRAWN)
    full, eased = (_augmented(tensorflow, images, targets, batch, seed, s) for s in (1.0, EASED))
    return Lesson(full, None, None, len(full), eased, aside)


def eased_lesson(tensorflow: Any, data: Dataset, batch: int, seed: int) -> Lesson:
    """The data's own pictures, each changed less at each showing, for a network of few weights."""
    shown, aside = held_out(data, seed)
    images, targets = _with_others(shown, data, seed, None)
    eased = _augmented(tensorflow, images, targets, batch, seed, EASED)
    return Lesson(eased, None, None, len(eased), None, aside)


def picture_lesson(tensorflow: Any, data: Dataset, batch: int, seed: int) -> Lesson:
    """The digits, each changed at random at each showing, as suits the fit that prepared them.

    Fitted digits have drawn ones and images without a digit beside them, as many at most. Resized
    pictures have none: nothing that is drawn here looks like them.
    """
    shown, aside = held_out(data, seed)
    fitted = data.fit == "auto"
    drawn = min(MOST_DRAWN, len(shown.labels)) if fitted else None
    images, targets = _with_others(shown, data, seed, drawn)
    dataset = _batches(tensorflow, images, targets, batch, seed, FEWEST_PICTURES_SHOWN)

    def shows(change: Callable[[Any], Any]) -> Any:
        return _changed(tensorflow, dataset, change)

    if not fitted:
        full = shows(partial(augment_picture, tensorflow))
        return Lesson(full, None, None, len(full), full, aside)
    full, eased = (
        shows(partial(augment, tensorflow, strength=strength)) for strength in (1.0, EASED)
    )
    return Lesson(full, None, None, len(full), eased, aside)


def _with_others(
    shown: Digits, data: Dataset, seed: int, drawn: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return images and targets: the digits, and the data's images that are none of the classes.

    drawn: how many digits are drawn, where the classes are the ten digits; other images that are
    none of the classes are drawn or made too. None where nothing is drawn.
    """
    others = [data.others]
    if drawn is not None:
        share = min(1.0, len(shown.labels) / OTHERS_FOR)
        others.append(no_digits(seed, shown, share, letters=data.labels == DIGITS))
        if data.labels == DIGITS:
            shown = joined(shown, drawn_digits(seed, drawn))
    images = np.concatenate([shown.images, *others])
    targets = np.zeros((len(images), len(data.labels)), np.float32)
    targets[np.arange(len(shown.labels)), shown.labels] = 1
    return images, targets


def _batches(tensorflow: Any, images: Any, targets: Any, batch: int, seed: int, fewest: int) -> Any:
    """Return a Dataset of shuffled batches, `fewest` images an epoch at least."""
    dataset = tensorflow.data.Dataset.from_tensor_slices((images, targets))
    dataset = dataset.shuffle(len(images), seed=seed)
    return dataset.repeat(-(-fewest // len(images))).batch(batch, drop_remainder=True)


def _augmented(
    tensorflow: Any, images: Any, targets: Any, batch: int, seed: int, strength: float
) -> Any:
    dataset = _batches(tensorflow, images, targets, batch, seed, FEWEST_SHOWN)
    return _changed(tensorflow, dataset, partial(augment, tensorflow, strength=strength))


def _changed(tensorflow: Any, dataset: Any, change: Callable[[Any], Any]) -> Any:
    def changed(some: Any, wanted: Any) -> tuple[Any, Any]:
        pixels = tensorflow.cast(some[..., tensorflow.newaxis], tensorflow.float32) / 255
        return change(pixels), wanted

    return dataset.map(changed, num_parallel_calls=2).prefetch(4)


def joined(*several: Digits) -> Digits:
    """Return the images of several sets, one after the other."""
    return Digits(
        np.concatenate([each.images for each in several]),
        np.concatenate([each.labels for each in several]),
    )


def softened(teacher: Any, batches: Any) -> Any:
    """Mix the scores of a trained network into the targets of each batch.

    They tell how like each class an image is, also after it was changed (Hinton, Vinyals and Dean,
    "Distilling the knowledge in a neural network", 2015).
    """
    teacher.trainable = False

    def mixed(images: Any, targets: Any) -> tuple[Any, Any]:
        return images, (1 - TAUGHT) * targets + TAUGHT * teacher(images, training=False)

    return batches.map(mixed, num_parallel_calls=2).prefetch(4)


def remembered(tensorflow: Any, teacher: Any, batches: Any) -> Any:
    """Replace the targets of the digits that a trained network reads right by its scores.

    A network that is trained further then stays what it was where it was right (Li and Hoiem,
    "Learning without forgetting", 2016): 24 hard corrections cost 0.09 % of the test digits of
    MNIST, where they cost 0.17 % without.
    """
    teacher.trainable = False

    def mixed(images: Any, targets: Any) -> tuple[Any, Any]:
        scores = teacher(images, training=False)
        right = tensorflow.reduce_all(abs(scores - targets) < 0.5, axis=1, keepdims=True)
        # Scores below 0.5 do not refuse a picture of none of the classes: thresholds are lower.
        right &= tensorflow.reduce_any(targets > 0.5, axis=1, keepdims=True)
        return images, tensorflow.where(right, scores, targets)

    return batches.map(mixed, num_parallel_calls=2).prefetch(4)


def held_out(data: Dataset, seed: int) -> tuple[Digits, Digits]:
    """Return the digits to train on, balanced, and those that validate: the data's own, or some set
    aside. Neither are test digits.
    """
    train, aside = (data.train, data.validation) if data.validation else split(data.train, seed)
    return balanced(train, len(data.labels), seed), aside


def split(digits: Digits, seed: int, share: float = 0.1) -> tuple[Digits, Digits]:
    """Return the digits to train on, and the share to set aside. A single digit is in both."""
    order = np.random.default_rng([seed, 0]).permutation(len(digits.labels))
    count = max(1, min(VALIDATION, int(len(order) * share)))
    aside, rest = order[:count], order[min(count, len(order) - 1) :]
    return (
        Digits(digits.images[rest], digits.labels[rest]),
        Digits(digits.images[aside], digits.labels[aside]),
    )


def balanced(digits: Digits, classes: int, seed: int) -> Digits:
    """Return the digits as they are where the classes are about equally large. Else repeat the
    images of the smaller classes, up to MOST_REPEATS times.
    """
    counts = np.bincount(digits.labels, minlength=classes)
    largest = int(counts.max())
    if largest <= UNEVEN * max(int(counts.min()), 1):
        return digits
    random = np.random.default_rng([seed, 3])
    chosen = []
    for label, count in enumerate(counts.tolist()):
        wanted = min(largest, MOST_REPEATS * count)
        places = np.flatnonzero(digits.labels == label)
        chosen.append(np.resize(random.permutation(places), wanted))
    order = random.permutation(np.concatenate(chosen))
    return Digits(digits.images[order], digits.labels[order])


def calibrated(
    scores: NDArray[np.float32],
    refused_low: float = REFUSED_LOW,
    refused_ambiguous: float = REFUSED_AMBIGUOUS,
) -> Thresholds:
    """scores: float32 [N, K] → the thresholds that refuse such shares of them."""
    best_two = np.partition(scores, -2, axis=1)[:, -2:]
    best = np.maximum(best_two[:, 1], 1e-12)  # it can be 0; nothing is then ahead of anything
    return Thresholds(
        min_score=round(float(np.quantile(best, refused_low)), 4),
        max_ratio=round(float(np.quantile(best_two[:, 0] / best, 1 - refused_ambiguous)), 4),
    )


def scores_of(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """images: uint8 [N, 28, 28] → float32 [N, K], as Keras computes them."""
    pixels = as_pixels(images, model.input_shape[1:])
    scores: NDArray[np.float32] = model.predict(pixels, batch_size=1000, verbose=0)
    return scores


def as_pixels(images: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """uint8 [N, 28, 28] → float32 [N, *shape] in [0, 1]: what the recipes take."""
    return images.reshape(-1, *shape).astype(np.float32) / np.float32(255)
