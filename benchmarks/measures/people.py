"""Accuracy on pictures by people, with each way of fitting them."""

from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from benchmarks.harness.plan import MissingInput, Plan
from benchmarks.harness.results import ONCE, Finding, Table, Value, columns
from benchmarks.measures.reading import COLUMNS, shares
from benchmarks.rivals.readers import DIGITS, Read, installed, timed
from tinydigits import Classifier
from tinydigits.fitting import Fit
from tinydigits.images import ImageLike
from tinydigits.items import Skipped
from tinydigits.sources.folders import walked

NOTEBOOK = "notebook"
ITSELF = "itself"  # another program fits in its own way
FITS: tuple[Fit, ...] = tuple(fit for fit in get_args(Fit) if fit != "none")  # take any size


def measure(plan: Plan) -> Finding:
    if plan.people is None:
        raise MissingInput(
            "needs pictures by people: pass --people DIR, a folder with a sub-folder for each label"
        )
    found = walked(str(plan.people), Skipped())
    names = [each if isinstance(each, str) else str(each.name) for each in found]
    names = names[::10] if plan.short else names
    pictures: list[ImageLike] = [*names]
    truth = [Path(name).parent.name for name in names]
    rows: list[tuple[Value, ...]] = []
    for model in plan.names:
        ways: list[tuple[str, Classifier, list[ImageLike]]] = [
            (NOTEBOOK, Classifier(model, fit="none", invert=False), [*map(resized, names)]),
            *((f"fit={fit}", Classifier(model, fit=fit), pictures) for fit in FITS),
        ]
        for way, classifier, taken in ways:
            plan.say(f"{model}, {way}")
            found_, spent = timed(partial(shares, classifier, taken, truth))
            rows.append((model, way, len(names), *found_, 1000 * spent / len(names)))
    for name, read in installed(DIGITS, plan.skipped):
        plan.say(name)
        rows.append((name, ITSELF, len(names), *_read_by(read, names, truth)))
    first, _, *others = COLUMNS
    heads = (first, *columns("fitted by"), *others, *columns("CPU ms:,.1f"))
    return Finding(
        "people",
        what="How well the bundled models read what strangers drew, scanned and photographed, with "
        f"each way to bring the pictures to 28×28. `{NOTEBOOK}` is what most notebooks do: convert "
        "to grey and resize. `CPU ms` is the CPU time for each picture, decoding included but for "
        "`notebook`. Other programs are right where they read that digit and nothing else, and "
        "refuse where they read no digit.",
        on=f"{len(names)} pictures in {len(set(truth))} sub-folders, one for each label",
        how="; ".join([f"{ONCE}, but for the CPU time", *plan.skipped]),
        tables=(Table("people", "pictures by people", heads, tuple(rows)),),
    )


def _read_by(read: Read, names: list[str], truth: list[str]) -> tuple[float, float, float, float]:
    """Return the Shares of another program, and its CPU time for each picture in ms."""
    found, spent = timed(lambda: ["".join(read(name)) for name in names])
    right = sum(one == other for one, other in zip(found, truth, strict=True))
    refused = found.count("")
    count = len(names)
    return right / count, refused / count, 1 - (right + refused) / count, 1000 * spent / count


def resized(name: str) -> ImageLike:
    """Return uint8 [28, 28], whatever the shape and colours of the picture; the name itself where
    it cannot be read, so that a Classifier refuses it.
    """
    try:
        with Image.open(name) as picture:
            return np.asarray(picture.convert("L").resize((28, 28)))
    except Exception:  # Pillow's errors, such as that of a huge picture, have no common base
        return name
