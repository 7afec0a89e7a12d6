"""Export and verify: write every artefact to a temporary folder, prove it, then move it into place.

A bundle is a folder with NAME.keras, its artefacts, and NAME.json, which lists each with its size,
SHA-256 and receipt. It can be verified anywhere, because the original travels with it.
"""

import dataclasses
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tinydigits import ModelError, ModelInfo, ProofError, SinkError, __version__
from tinydigits.info import Artifact, Parity, Thresholds, info_path, read_info
from tinydigits.model import open_backend
from tinydigits_train.data import Digits, Mnist
from tinydigits_train.tensorflow import load_tensorflow

from tinydigits_export.original import Original, open_original
from tinydigits_export.parity import TOLERANCES, Reference, compare, failures
from tinydigits_export.to_onnx import to_onnx
from tinydigits_export.to_tflite import to_int8, to_tflite

ENDINGS: Mapping[str, str] = {"onnx": ".onnx", "tflite": ".tflite", "int8": ".int8.tflite"}
REFUSED_SHARE = 0.01  # of the training digits, by each of the two thresholds


@dataclass(frozen=True, slots=True)
class Receipt:
    """What `export` and `verify` found."""

    info: ModelInfo
    keras_accuracy: float
    failures: Mapping[str, list[str]]
    """File name → what does not hold; no entry where the proof holds."""


def export(keras_path: Path, folder: Path, formats: Sequence[str], data: Mnist) -> Receipt:
    """Writes and proves the artefacts of `formats` (keys of ENDINGS) into `folder`.

    Raises ModelError for a file that is not the contract's, SinkError where the folder cannot be
    written, and ProofError, with nothing left behind, where an artefact differs from the original.
    """
    original = open_original(keras_path)
    name = keras_path.stem
    info = _describe(original, name, data)
    makers: Mapping[str, Callable[[], bytes]] = {
        "onnx": lambda: to_onnx(original, info),
        "tflite": lambda: to_tflite(original),
        "int8": lambda: to_int8(original, data.train.images),
    }
    try:
        with _staging(folder) as staging:
            for format_ in formats:
                (staging / f"{name}{ENDINGS[format_]}").write_bytes(makers[format_]())
            receipt = _proved(original, info, staging, data.test)
            if receipt.failures:
                raise ProofError(_failed(receipt))
            full = _with_earlier(receipt.info, folder)
            (staging / f"{name}.json").write_text(full.to_json() + "\n", "utf-8")
            if keras_path.resolve().parent != folder.resolve():
                shutil.copyfile(keras_path, staging / f"{name}.keras")
            for path in sorted(staging.iterdir(), key=lambda path: path.suffix == ".json"):
                path.replace(folder / path.name)
    except OSError as error:
        raise SinkError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return receipt


def verify(path: Path, test: Digits) -> Receipt:
    """Proves again what is in a bundle: a folder with one NAME.json, or one file of it.

    Raises ModelError where the bundle is not whole; what is not equal is in the Receipt.
    """
    card = _card(path)
    info = read_info(card)
    if not info.artifacts:
        raise ModelError(f"{card}: lists no artefacts")
    original = open_original(card.with_suffix(".keras"))
    if original.sha256 != info.keras_sha256:
        raise ModelError(f"{original.path}: not the model that {card.name} was made from")
    wanted = {path.name} & info.artifacts.keys() or set(info.artifacts)
    listed = dataclasses.replace(
        info, artifacts={name: a for name, a in info.artifacts.items() if name in wanted}
    )
    receipt = _proved(original, listed, card.parent, test)
    changed = {
        name: ["its SHA-256 is not the one listed: changed since it was exported"]
        for name, artifact in receipt.info.artifacts.items()
        if artifact != info.artifacts[name]
    }
    merged = {
        name: changed.get(name, []) + list(receipt.failures.get(name, []))
        for name in changed.keys() | receipt.failures.keys()
    }
    return dataclasses.replace(receipt, failures=merged)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A temporary folder in `folder`, which is made for it, and unmade if nothing came of it."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".tinydigits-", dir=folder) as staging:
            yield Path(staging)
    except BaseException:
        if new:
            folder.rmdir()
        raise


def _proved(original: Original, info: ModelInfo, folder: Path, test: Digits) -> Receipt:
    """Compares the artefacts: those `info` lists, or where it lists none, all in the folder."""
    reference = Reference(original.scores(test.images), test)
    artifacts: dict[str, Artifact] = {}
    parity: dict[str, Parity] = {}
    failed: dict[str, list[str]] = {}
    for format_, ending in ENDINGS.items():
        path = folder / f"{info.name}{ending}"
        if path.name not in info.artifacts and (info.artifacts or not path.exists()):
            continue
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}, but {info.name}.json lists it") from error
        artifacts[path.name] = Artifact(len(data), hashlib.sha256(data).hexdigest())
        try:
            parity[path.name] = compare(reference, open_backend(path, data))
        except ModelError as error:
            failed[path.name] = [str(error)]
            continue
        if broken := failures(parity[path.name], reference, TOLERANCES[format_]):
            failed[path.name] = broken
    proved = dataclasses.replace(info, artifacts=artifacts, parity=parity)
    return Receipt(proved, reference.accuracy, failed)


def _describe(original: Original, name: str, data: Mnist) -> ModelInfo:
    tf = load_tensorflow("export", "export")
    record = original.record
    return ModelInfo(
        name=name,
        recipe=str(record.get("recipe", original.model.name)),
        labels=original.labels,
        parameters=int(original.model.count_params()),
        keras_sha256=original.sha256,
        created_by=f"tinydigits {__version__}, tensorflow {tf.__version__}, "
        f"keras {tf.keras.__version__}",
        trained_on={
            **record.get("data", {}),
            **{key: record[key] for key in ("epochs", "seed") if key in record},
        },
        metrics=record.get("metrics", {}),
        thresholds=_thresholds(original, data.train),
    )


def _thresholds(original: Original, digits: Digits) -> Thresholds:
    """Set so that each refuses REFUSED_SHARE of the training digits."""
    best_two = np.partition(original.scores(digits.images), -2, axis=1)[:, -2:]
    second, best = best_two[:, 0], best_two[:, 1]
    return Thresholds(
        min_score=round(float(np.quantile(best, REFUSED_SHARE)), 4),
        # A float32 score can be 0; nothing is then ahead of anything.
        max_ratio=round(float(np.quantile(second / np.maximum(best, 1e-12), 1 - REFUSED_SHARE)), 4),
    )


def _with_earlier(info: ModelInfo, folder: Path) -> ModelInfo:
    """Keeps what an earlier export of the same .keras file wrote in other formats."""
    try:
        earlier = read_info(folder / f"{info.name}.json")
    except ModelError:
        return info
    if earlier.keras_sha256 != info.keras_sha256:
        return info
    return dataclasses.replace(
        info,
        artifacts={**earlier.artifacts, **info.artifacts},
        parity={**earlier.parity, **info.parity},
    )


def _card(path: Path) -> Path:
    """The NAME.json of a bundle, from its folder or any of its files."""
    if not path.is_dir():
        return info_path(path)
    cards = [card for card in sorted(path.glob("*.json")) if not card.name.endswith(".train.json")]
    if len(cards) != 1:
        raise ModelError(
            f"{path}: {len(cards)} model descriptions (NAME.json), where one was expected; "
            "`tinydigits export` writes it; where there are several, name an artefact"
        )
    return cards[0]


def _failed(receipt: Receipt) -> str:
    broken = "; ".join(f"{name}: {', '.join(why)}" for name, why in receipt.failures.items())
    return f"not equal to the Keras model, so nothing was written: {broken}"
