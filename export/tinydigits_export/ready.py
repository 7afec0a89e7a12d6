"""Hand out what the package brings: bundled models, exported and proved when it was made."""

import dataclasses
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from tinydigits import ModelInfo
from tinydigits.info import Artifact, check_artifact, read_info
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
    contents: dict[str, bytes] = {}
    for format_ in map(FORMATS.__getitem__, formats):
        brought = (FORMATS["c"] if format_.pack else format_).files(info.name)
        if not set(brought) <= info.artifacts.keys():
            return None
        files = {name: _checked(info, name) for name in brought}
        if format_.pack:
            (name,) = format_.files(info.name)
            files = {name: format_.pack(info, files)}
            info = _with_packed(info, name, files[name], brought[0])
        contents |= files
    with writing(str(folder)), staged(folder) as staging:
        for name, data in contents.items():
            (staging / name).write_bytes(data)
        for path in (model, model.with_suffix(".train.json")):
            shutil.copyfile(path, staging / path.name)
        info = only(info, tuple(contents))
        removed, left = placed(info, staging, folder)
    accuracy = info.metrics["test"]["accuracy"]
    unscored = frozenset(
        n for n in info.parity if n.endswith((".c", ".zip")) and info.recipe == "tiny"
    )
    return Receipt(info, accuracy, {}, unscored, tuple(contents), None, removed, left)


def _checked(info: ModelInfo, name: str) -> bytes:
    """Return a file that the package brings. Raises ModelError if it was changed."""
    data = (MODELS / name).read_bytes()
    check_artifact(info, name, data, str(MODELS / name))
    return data


def _with_packed(info: ModelInfo, name: str, data: bytes, source: str) -> ModelInfo:
    """Add a file that was made of the C in `source`. It has the same receipt, as the same C."""
    artifact = Artifact(len(data), hashlib.sha256(data).hexdigest())
    return dataclasses.replace(
        info,
        artifacts={**info.artifacts, name: artifact},
        parity={**info.parity, name: info.parity[source]},
    )
