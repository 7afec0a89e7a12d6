"""Hand out what the package brings: bundled models, exported and proved when it was made."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tinydigits.info import check_artifact, read_info
from tinydigits.model import MODELS
from tinydigits.sinks.files import writing
from tinydigits_export.bundle import Receipt, only, placed, staged
from tinydigits_export.formats import FORMATS


def bundled_path(model: Path) -> Path:
    """Return the .keras file of a bundled model if `model` is the name of one, else `model`."""
    keras = MODELS / f"{model}.keras"
    return keras if len(model.parts) == 1 and not model.is_file() and keras.exists() else model


def hand_out(model: Path, folder: Path, formats: Sequence[str]) -> Receipt | None:
    """Copy the artefacts of a bundled .keras file into `folder`, with their receipts. None if
    `model` is another, or the package does not bring each of `formats`.

    Raises ModelError if a file in the package was changed, and SinkError.
    """
    if model.parent != MODELS:
        return None
    info = read_info(model.with_suffix(".json"))
    files = tuple(file for name in formats for file in FORMATS[name].files(info.name))
    if not set(files) <= info.artifacts.keys():
        return None
    with writing(str(folder)), staged(folder) as staging:
        for name in files:
            data = (MODELS / name).read_bytes()
            check_artifact(info, name, data, str(MODELS / name))
            (staging / name).write_bytes(data)
        for path in (model, model.with_suffix(".train.json")):
            shutil.copyfile(path, staging / path.name)
        info = only(info, files)
        removed, left = placed(info, staging, folder)
    accuracy = info.metrics["test"]["accuracy"]
    unscored = frozenset(n for n in info.parity if n.endswith(".c") and info.recipe == "tiny")
    return Receipt(info, accuracy, {}, unscored, files, None, removed, left)
