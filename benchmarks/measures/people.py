"""Accuracy on pictures by people, with each way of fitting them."""

from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from benchmarks.harness.plan import MissingInput, Plan
from benchmarks.harness.results import Finding, Table, Value, columns
from benchmarks.measures.reading import COLUMNS, shares
from tinydigits import Classifier
from tinydigits.fitting import Fit
from tinydigits.images import ImageLike
from tinydigits.items import Skipped
from tinydigits.sources.folders import walked

NOTEBOOK = "notebook"
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
            rows.append((model, way, len(names), *shares(classifier, taken, truth)))
    first, _, *others = COLUMNS
    heads = (first, *columns("fitted by"), *others)
    return Finding(
        "people",
        what="How well the bundled models read what strangers drew, scanned and photographed, with "
        f"each way to bring the pictures to 28×28. `{NOTEBOOK}` is what most notebooks do: convert "
        "to grey and resize.",
        on=f"{len(names)} pictures in {len(set(truth))} sub-folders, one for each label",
        how="each picture once; every run gives the same figures",
        tables=(Table("people", "pictures by people", heads, tuple(rows)),),
    )


def resized(name: str) -> ImageLike:
    """Return uint8 [28, 28], whatever the shape and colours of the picture; the name itself where
    it cannot be read, so that a Classifier refuses it.
    """
    try:
        with Image.open(name) as picture:
            return np.asarray(picture.convert("L").resize((28, 28)))
    except OSError:
        return name
