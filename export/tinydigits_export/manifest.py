"""NAME.json, the manifest of a bundle: where it is, what it may list, what an earlier one adds.

A folder can hold several, for models with different names.
"""

import dataclasses
import hashlib
from pathlib import Path

from tinydigits import ModelError, ModelInfo
from tinydigits.info import info_path, read_info
from tinydigits_export.formats import FORMATS


def names_of(name: str) -> set[str]:
    """Return the names of all files that `export` can write for a model of that name."""
    return {file for format_ in FORMATS.values() for file in format_.files(name)}


def with_earlier(info: ModelInfo, folder: Path) -> ModelInfo:
    """Add what an earlier export of the same .keras file wrote in other formats."""
    earlier = _read(folder / f"{info.name}.json")
    if earlier is None or earlier.keras_sha256 != info.keras_sha256:
        return info
    return dataclasses.replace(
        info,
        artifacts={**earlier.artifacts, **info.artifacts},
        parity={**earlier.parity, **info.parity},
    )


def of_another_model(info: ModelInfo, folder: Path) -> dict[str, bool]:
    """Return the files that an export of another .keras file of that name left → whether they are
    unchanged."""
    card = folder / f"{info.name}.json"
    earlier = _read(card)
    if earlier is None or earlier.keras_sha256 == info.keras_sha256:
        return {}
    others = [_read(other) for other in _cards(folder) if other != card]
    kept = set(info.artifacts).union(*(other.artifacts for other in others if other))
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() == artifact.sha256
        for name, artifact in earlier.artifacts.items()
        if name in names_of(info.name) - kept and (folder / name).is_file()
    }


def _read(card: Path) -> ModelInfo | None:
    """Read a manifest. None if it is missing or damaged."""
    try:
        return read_info(card)
    except ModelError:
        return None


def _cards(folder: Path) -> list[Path]:
    """Return the files in a folder that may be manifests."""
    found = sorted(folder.glob("*.json"))
    return [card for card in found if not card.name.endswith(".train.json")]


def card_of(path: Path) -> Path:
    """Return the NAME.json of a bundle. path: its folder, or any of its files."""
    if not path.is_dir():
        named = info_path(path)
        if path == named:
            return path
        if path.suffix in (".keras", ".h5") and not named.exists():
            raise ModelError(
                f"{path}: was not exported yet: run `tinydigits export {path} -o out`, which "
                f"proves it, and later `tinydigits verify out`"
            )
        # Not every file is called after its model: tiny.c.
        for card in _cards(path.parent):
            info = _read(card)
            if info and path.name in info.artifacts:
                return card
        if named.exists():
            return named
        raise ModelError(
            f"{path}: no {named.name} nor other manifest beside it lists it; `tinydigits export` "
            "writes both"
        )
    cards = _cards(path)
    if len(cards) != 1:
        raise ModelError(
            f"{path}: {len(cards)} model descriptions (such as digits.json), where one was "
            "expected; `tinydigits export` writes it; if there are several, name one of the "
            "artefacts"
        )
    return cards[0]
