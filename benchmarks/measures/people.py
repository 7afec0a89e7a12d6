"""People's pictures: what each way of fitting them makes of the accuracy."""

from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from benchmarks.harness.plan import MissingInput, Plan
from benchmarks.harness.results import Column, Finding, Table, Value
from benchmarks.measures.reading import COLUMNS, shares
from tinydigits import Classifier
from tinydigits.fitting import Fit
from tinydigits.images import ImageLike
from tinydigits.items import Skipped
from tinydigits.sources.folders import walked

NOTEBOOK = "notebook"
# Those that take pictures of any size.
FITS: tuple[Fit, ...] = tuple(fit for fit in get_args(Fit) if fit != "none")


def measure(plan: Plan) -> Finding:
    if plan.people is None:
        raise MissingInput(
            "needs pictures by people: pass --people DIR, a folder with a sub-folder for each label"
        )
    names = [str(item.name) for item in walked(str(plan.people), Skipped())]
    names = names[::10] if plan.short else names
    pictures: list[ImageLike] = list(names)
    truth = [Path(name).parent.name for name in names]
    rows: list[tuple[Value, ...]] = []
    for model in plan.names:
        plan.say(f"{model}, {NOTEBOOK}")
        untouched = Classifier(model, fit="none", invert=False)
        found = shares(untouched, [as_notebooks_do(name) for name in names], truth)
        rows.append((model, NOTEBOOK, len(names), *found))
        for fit in FITS:
            plan.say(f"{model}, fit={fit}")
            found = shares(Classifier(model, fit=fit), pictures, truth)
            rows.append((model, f"fit={fit}", len(names), *found))
    columns = tuple(Column("fitted by") if c.name == "pictures" else c for c in COLUMNS)
    return Finding(
        "people",
        what="How well the bundled models read what strangers drew, scanned and photographed, by "
        f"the way in which the pictures are brought to 28×28. `{NOTEBOOK}` is what notebooks do: "
        "grey, resized, and no more.",
        on=f"{len(names)} pictures in {len(set(truth))} sub-folders, one a label",
        how="each picture once; the same in each run",
        tables=(Table("people", "pictures by people", columns, tuple(rows)),),
    )


def as_notebooks_do(name: str) -> ImageLike:
    """uint8 [28, 28]: whatever the picture's shape, its colours and its ground. The name itself of
    one that cannot be read, which is then refused as everywhere.
    """
    try:
        with Image.open(name) as picture:
            return np.asarray(picture.convert("L").resize((28, 28)))
    except OSError:
        return name
