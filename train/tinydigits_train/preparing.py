"""Choose how pictures are brought to 28×28: by what a short training reads of validation pictures.

`fit` finds the ink, which suits writing on paper. It takes away what else may tell classes apart,
such as a frame, a place or a second sign; then resizing alone is better.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tinydigits_train.batches import scores_of, split
from tinydigits_train.labelled_folder import Dataset, Digits
from tinydigits_train.training import NothingTrainedError, train

MOST = 3_000  # pictures of a trial
HELD = 0.3  # of them, for validation
EPOCHS = 3  # of a trial: 300 batches


def choose(
    prepared: Sequence[Dataset],
    seed: int,
    told: Callable[[Dataset, float], None],
    stop: Callable[[], bool],
) -> tuple[Dataset, str]:
    """Return the data set whose preparation reads more, and why, as a sentence for its card.

    The first one is taken unless another is better by more than twice the standard error of the
    difference: pictures of later days are framed in other ways, which the first can bear. Raises
    NothingTrainedError where `stop` asks for the end.
    """
    right = []
    for data in prepared:
        learnt, aside = split(_some(data.train, seed), seed, HELD)
        trial = replace(data, train=learnt, test=aside, validation=aside)
        model = train("pictures", trial, epochs=EPOCHS, seed=seed, stop=stop).model
        if stop():
            raise NothingTrainedError
        right.append(scores_of(model, aside.images).argmax(axis=1) == aside.labels)
        told(data, float(right[-1].mean()))
    chosen = 0
    for other in range(1, len(prepared)):
        won = int((right[other] & ~right[chosen]).sum())
        lost = int((right[chosen] & ~right[other]).sum())
        if won - lost > 2 * np.sqrt(won + lost):
            chosen = other
    shares = ", ".join(
        f"{data.fit} {share.mean():.1%}" for data, share in zip(prepared, right, strict=True)
    )
    reason = f"{prepared[chosen].fit}: short trainings read {shares} of {len(right[0])} pictures"
    return prepared[chosen], reason


def _some(digits: Digits, seed: int) -> Digits:
    """Return MOST of the digits at most."""
    places = np.random.default_rng([seed, 4]).permutation(len(digits.labels))[:MOST]
    return Digits(digits.images[places], digits.labels[places])
