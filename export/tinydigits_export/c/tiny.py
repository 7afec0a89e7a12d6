"""A digit reader for parts with 1 kB of flash and 64 bytes of RAM, such as the ATtiny13A.

No image fits there: pixels come one by one. And no dense layer over 784 of them: what is trained
here is a little network of its own, which shares only its data with the model that is exported. A
pixel counts as ink or as paper. The square is cut into BANDS × BANDS regions, finest in the middle,
and all pixels of a region share their weights: so every pixel of ink adds UNITS weights of 2 bits,
which only needs additions. What comes of that, none below 0, has 4-bit weights for each class.

With 20 units it reads 95 of 100 MNIST test digits. A single layer of 4-bit weights over all 784
pixels, as ink or paper, reads 92, and takes five times the flash.
"""

import ctypes
import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.backend import WARNINGS, compiled, host_compiler
from tinydigits_export.c.quantise import Floats, accuracy, learn, rounded
from tinydigits_export.c.source import filled, in_comment, rows
from tinydigits_train.batches import split
from tinydigits_train.data import DIGITS
from tinydigits_train.labelled_folder import Digits

SIDE = 28  # px
EDGES = (0, *range(6, 23, 2), SIDE)  # px: where bands of rows, and of columns, begin
BANDS = len(EDGES) - 1
REGIONS = BANDS * BANDS
INK = 96  # a pixel of at least so much is ink
UNITS = 20  # sums in RAM, of two bytes each
LOW, HIGH = -2, 1  # of a region's weights
HEAD_LOW, HEAD_HIGH = -8, 7  # of a class's weights
CEILING = 127  # of a sum, so that no total of a class is over 65535
MOST_CLASSES = 12  # beyond that, flash is over 1 kB
# Reads whole images on this machine: 784 calls from Python for each would take most of the time.
LOOP = """
#include "tiny.h"
void tiny_answers(const uint8_t *pixel, uint32_t images, uint8_t *answer);
void tiny_answers(const uint8_t *pixel, uint32_t images, uint8_t *answer) {
    for (; images; images--) {
        const uint8_t *const end = pixel + 784;
        tiny_begin();
        while (pixel < end) tiny_push(*pixel++);
        *answer++ = tiny_end();
    }
}
"""
SEEDS = (0, 1, 2)  # of the trainings, of which the validation digits choose one
EPOCHS, BATCH, RATE, RATE_SHARPNESS = 150, 128, 0.02, 0.006


@dataclass(frozen=True, slots=True)
class TinyNetwork:
    """total[k] = Σ over units j of clip(Σ of `regions[r][j]` over all ink, 0, CEILING) *
    (head[j][k] - HEAD_LOW)."""

    regions: NDArray[np.int64]
    """LOW..HIGH, [REGIONS, UNITS]; region = band of the row * BANDS + band of the column."""

    head: NDArray[np.int64]
    """HEAD_LOW..HEAD_HIGH, [UNITS, K]."""

    validation: float
    """Share of the digits that were set aside which it reads right."""

    def totals(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """images: uint8 [N, 28, 28] → int64 [N, K], 0..65535: as in the C, computed in NumPy."""
        sums = region_counts(images) @ self.regions.astype(np.float32)  # exact: below 2**24
        units = np.clip(sums, 0, CEILING).astype(np.int64)
        totals: NDArray[np.int64] = units @ (self.head - HEAD_LOW)
        return totals

    def answers(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """images: uint8 [N, 28, 28] → int64 [N], classes: of equal totals the first."""
        answers: NDArray[np.int64] = self.totals(images).argmax(axis=1)
        return answers


@dataclass(frozen=True, slots=True)
class TinySource:
    """The files, as text, and what they were written from."""

    c: str
    """tiny.c"""

    h: str
    """tiny.h"""

    sketch: str
    """tiny.ino: answers 784 bytes that come over a serial line with the class."""

    readme: str
    """tiny.md"""

    network: TinyNetwork


def to_tiny(train: Digits, info: ModelInfo) -> TinySource:
    """Trains the network and writes it as C: tiny_begin, tiny_push for each pixel, tiny_end.

    train: the training digits, never test ones. info: gives labels. Raises ModelError where there
    are more than MOST_CLASSES of them.
    """
    return written(trained(train, len(info.labels)), info)


def region_counts(images: NDArray[np.uint8]) -> Floats:
    """images: uint8 [N, 28, 28] → float32 [N, REGIONS]: the pixels of ink in each region."""
    ink = (images >= INK).astype(np.float32)
    rows = np.add.reduceat(ink, EDGES[:-1], axis=1)
    regions: Floats = np.add.reduceat(rows, EDGES[:-1], axis=2)
    return regions.reshape(-1, REGIONS)


def trained(train: Digits, classes: int = 10) -> TinyNetwork:
    """The best of SEEDS on digits that are set aside."""
    if classes > MOST_CLASSES:
        raise ModelError(f"{classes} classes, where 1 kB of flash has room for {MOST_CLASSES}")
    shown, aside = split(train, SEEDS[0])
    counts = region_counts(shown.images)
    found = []
    for seed in SEEDS:
        learner = _Learner(counts, shown.labels, classes, seed)
        learn(learner, len(counts), epochs=EPOCHS, batch=BATCH, seed=seed)
        found.append(learner.result(aside))
    return max(found, key=lambda network: network.validation)


class _Learner:
    """Parameters: regions [REGIONS, UNITS] and head [UNITS, K], as floats in units of the integers
    that they become, and the logarithm of how much one of a total is in the loss [1].
    """

    def __init__(self, counts: Floats, labels: NDArray[np.uint8], classes: int, seed: int) -> None:
        random = np.random.default_rng([seed, 1])
        self.parameters: Sequence[Floats] = (
            random.normal(0, 0.5, (REGIONS, UNITS)).astype(np.float32),
            random.normal(0, 2.5, (UNITS, classes)).astype(np.float32),
            np.array([np.log(0.01)], np.float32),
        )
        self.rates = (RATE, RATE, RATE_SHARPNESS)
        self._counts = counts
        self._wanted = np.eye(classes, dtype=np.float32)[labels]

    def gradients(self, chosen: NDArray[np.int64]) -> Sequence[Floats]:
        counts = self._counts[chosen]
        regions, head = self._integers()
        sums = counts @ regions
        units = np.clip(sums, 0, CEILING)
        totals = units @ head
        sharpness = np.exp(self.parameters[2])
        logits = totals * sharpness
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        at_logits = (shares - self._wanted[chosen]) / np.float32(len(chosen))
        at_totals = at_logits * sharpness
        at_sums = at_totals @ head.T * ((sums > 0) & (sums < CEILING))
        return counts.T @ at_sums, units.T @ at_totals, (at_logits * logits).sum(keepdims=True)[0]

    def settle(self) -> None:
        """What is far out of range would take long to come back."""
        regions, head, _ = self.parameters
        np.clip(regions, LOW - 0.45, HIGH + 0.45, out=regions)
        np.clip(head, HEAD_LOW - 0.45, HEAD_HIGH + 0.45, out=head)

    def result(self, aside: Digits) -> TinyNetwork:
        """With its accuracy on `aside`."""
        regions, head = (values.astype(np.int64) for values in self._integers())
        network = TinyNetwork(regions, head, 0.0)
        return replace(network, validation=accuracy(network.answers(aside.images), aside))

    def _integers(self) -> tuple[Floats, Floats]:
        regions, head, _ = self.parameters
        return rounded(regions, LOW, HIGH), rounded(head, HEAD_LOW, HEAD_HIGH)


def written(network: TinyNetwork, info: ModelInfo) -> TinySource:
    """As text; `info` gives the names of the classes."""
    classes = network.head.shape[1]
    values = {
        "what": "digit" if info.labels == DIGITS else "character",
        "created_by": in_comment(info.created_by),
        "label_list": in_comment(", ".join(info.labels)),
        "accuracy": f"{network.validation:.2%}",
        "classes": classes,
        "last": classes - 1,
        "ink": INK,
        "units": UNITS,
        "ceiling": CEILING,
        "bands": BANDS,
        "region_bytes": UNITS // 4,
        "first_edge": EDGES[1],
        "last_edge": EDGES[-2],
        "regions": rows(packed(network.regions - LOW, bits=2)),
        "head": rows(packed((network.head - HEAD_LOW).T, bits=4)),
    }
    c, h, sketch, readme = (filled(f"tiny.{ending}", values) for ending in ("c", "h", "ino", "md"))
    return TinySource(c, h, sketch, readme, network)


def packed(values: NDArray[np.int64], bits: int) -> list[int]:
    """Whole numbers from 0 on, in bytes, the first one lowest. bits: 2 or 4, of each."""
    groups = values.reshape(-1, 8 // bits)
    return [int(value) for value in (groups << np.arange(0, 8, bits)).sum(axis=1)]


class TinyBackend:
    """The C on this machine, as a Backend. It gives classes only: scores are 1 for the class and 0
    for the others."""

    metadata: ModelInfo | None = None

    def __init__(self, c: str, h: str) -> None:
        """The texts of tiny.c and tiny.h. Raises ModelError where they are not what `to_tiny`
        writes, and MissingTool without a C compiler."""
        classes = re.search(r"^#define TINY_CLASSES (\d+)$", h, re.MULTILINE)
        if not classes:
            raise ModelError("tiny.h: not as `tinydigits export` writes it")
        self.sha256 = hashlib.sha256(c.encode()).hexdigest()
        self.classes = int(classes[1])
        with tempfile.TemporaryDirectory(prefix="tinydigits-tiny-") as name:
            folder = Path(name)
            for file, text in (("tiny.c", c), ("tiny.h", h), ("loop.c", LOOP)):
                (folder / file).write_text(text, "utf-8")
            library, files = folder / "tiny.so", [str(folder / "tiny.c"), str(folder / "loop.c")]
            options = [*WARNINGS, "-O2", "-shared", "-fPIC"]
            compiled([*host_compiler(), *options, *files, "-o", str(library)], "tiny.c")
            self._answers = ctypes.CDLL(str(library)).tiny_answers  # stays when its file is gone
        self._answers.restype = None

    def answers(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """images: uint8 [N, 28, 28] → uint8 [N], classes."""
        images = np.ascontiguousarray(images, np.uint8)
        result = np.empty(len(images), np.uint8)
        pixels, answers = (ctypes.c_void_p(array.ctypes.data) for array in (images, result))
        self._answers(pixels, ctypes.c_uint32(len(images)), answers)
        return result

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8 [N, 28, 28] → float32 [N, K], one of each row 1 and the others 0."""
        scores: NDArray[np.float32] = np.eye(self.classes, dtype=np.float32)[self.answers(images)]
        return scores
