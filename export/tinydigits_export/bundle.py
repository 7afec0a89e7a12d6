"""Export and verify: write each artefact to a temporary folder, prove it, and move it into place.

A bundle is a folder with NAME.keras (or NAME.h5) and its record, its artefacts, and NAME.json,
which lists each with its size, SHA-256 and receipt. It can be verified anywhere, because the
original travels with it.
"""

import dataclasses
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tinydigits import ModelError, ModelInfo, ProofError, SinkError, __version__
from tinydigits.errors import TinydigitsError
from tinydigits.info import Artifact, Parity, Thresholds, read_info
from tinydigits.model import Backend
from tinydigits.sinks.files import writing
from tinydigits_export.c.backend import CBackend
from tinydigits_export.formats import FORMATS, by_file
from tinydigits_export.keras_model import Original, open_original
from tinydigits_export.manifest import card_of, names_of, of_another_model, with_earlier
from tinydigits_export.proof import EVERY_CLASS, Reference, compare, failures
from tinydigits_export.ranges import UNIT, Found
from tinydigits_train.batches import calibrated
from tinydigits_train.labelled_folder import Dataset, Digits
from tinydigits_train.recipes import RECIPES
from tinydigits_train.tensorflow import load_tensorflow

REFUSED_SHARE = 0.01  # of the training digits, by each of the two thresholds


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of `export` or `verify`."""

    info: ModelInfo
    keras_accuracy: float
    # File name → what is wrong, one sentence each. No entry where the proof holds.
    failures: Mapping[str, list[str]]
    unscored: frozenset[str] = frozenset()  # files that answer the class alone, without scores
    written: tuple[str, ...] = ()  # the files that `export` wrote
    found: Found | None = None  # what `export` found out about a model of another's making
    removed: tuple[str, ...] = ()  # files of an earlier model that `export` removed
    # Files of an earlier model that it left, because they were changed since.
    left: tuple[str, ...] = ()


def export(
    original: Original,
    folder: Path,
    formats: Sequence[str],
    data: Dataset,
    range_: str | None = None,
) -> Receipt:
    """Write the artefacts of `formats` (names in `FORMATS`) into `folder`, and prove them.

    A format that cannot be written, or differs from the original, is left out; the Receipt has the
    reason. Artefacts of another model of that name are removed, so that nobody takes them for this
    one's. range_: see `Original.adapted`. Raises SinkError if the folder cannot be written; and
    ModelError if no format can be written, or ProofError if none holds, with nothing left behind.
    """
    name = original.path.stem
    original = original.adapted(data.test, data.labels, range_)
    info = _describe(original, name, data)
    with writing(str(folder)), staged(folder) as staging:
        made: list[str] = []
        failed: dict[str, list[str]] = {}
        for format_ in map(FORMATS.__getitem__, formats):
            files = format_.files(name)
            try:
                contents = format_.write(original, info, data)
            except ModelError as error:
                failed[files[0]] = [str(error)]
                continue
            for file, content in zip(files, contents, strict=True):
                (staging / file).write_bytes(content)
            made += files
        if not made:
            raise ModelError(_unwritten(original, info, data, failed))
        receipt = _proved(original, info, staging, made, data.test)
        dropped = {file for first in receipt.failures for file in by_file(name)[first].files(name)}
        written = tuple(file for file in made if file not in dropped)
        failed.update(receipt.failures)
        if not written:
            raise ProofError(
                f"not equal to the Keras model, so nothing was written: {_reasons(failed)}"
            )
        for file in dropped:
            (staging / file).unlink()
        if original.path.resolve().parent != folder.resolve():
            shutil.copyfile(original.path, staging / original.path.name)
            if original.record:
                record = f"{name}.train.json"
                shutil.copyfile(original.path.with_name(record), staging / record)
        removed, left = placed(only(receipt.info, written), staging, folder)
    return dataclasses.replace(
        receipt, failures=failed, written=written, found=original.found, removed=removed, left=left
    )


def placed(info: ModelInfo, staging: Path, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Move what is in `staging` into `folder`, with NAME.json, to which earlier artefacts of this
    model are added. Return the files of an earlier model of that name that were removed, and those
    that were left because they were changed.
    """
    full = with_earlier(info, folder)
    old = of_another_model(full, folder)
    card = f"{info.name}.json"
    (staging / card).write_text(full.to_json() + "\n", "utf-8")
    _move(staging, folder, card)
    removed = tuple(file for file, unchanged in old.items() if unchanged)
    for file in removed:
        (folder / file).unlink()
    return removed, tuple(file for file in old if file not in removed)


def _unwritten(
    original: Original, info: ModelInfo, data: Dataset, failed: Mapping[str, list[str]]
) -> str:
    """Return what failed, and which of the other formats can be written."""
    works = []
    for name, format_ in FORMATS.items():
        if format_.files(info.name)[0] not in failed:
            with suppress(TinydigitsError):
                format_.write(original, info, data)
                works.append(name)
    hint = f"; this network can be written with --formats {','.join(works)}" if works else ""
    return _reasons(failed) + hint


def _reasons(failed: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{name}: {', '.join(why)}" for name, why in failed.items())


def only(info: ModelInfo, names: Sequence[str]) -> ModelInfo:
    """Return the description with these artefacts alone."""
    return dataclasses.replace(
        info,
        artifacts={name: each for name, each in info.artifacts.items() if name in names},
        parity={name: each for name, each in info.parity.items() if name in names},
    )


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder that `export` wrote, opened to be proved again."""

    original: Original
    info: ModelInfo
    wanted: tuple[str, ...]  # the artefacts to prove, by file name


def open_bundle(path: Path) -> Bundle:
    """Open a folder with one NAME.json, or one artefact. Raises ModelError if a part of the bundle
    is missing or does not belong to it.
    """
    try:
        path.stat()
    except OSError as error:
        raise ModelError(
            f"{path}: no such folder or file; `tinydigits export` makes one"
        ) from error
    card = card_of(path)
    info = read_info(card)
    known = names_of(card.stem)
    if info.name != card.stem or not info.artifacts or info.artifacts.keys() - known:
        raise ModelError(
            f"{card}: describes {info.name!r} with {', '.join(info.artifacts) or 'no artefacts'}, "
            f"where some of {', '.join(sorted(known))} were expected"
        )
    whole = path.is_dir() or path.suffix in (".json", ".keras", ".h5")
    if not whole and path.name not in info.artifacts:
        raise ModelError(f"{path}: not among the artefacts that {card.name} lists")
    if "adopted" in info.trained_on:
        raise ModelError(
            f"{path}: adopted from {info.trained_on['adopted']}, so there is no Keras model to "
            "prove it with; `tinydigits evaluate` measures it"
        )
    keras = card.with_suffix(".keras")
    hdf5 = card.with_suffix(".h5")
    original = open_original(hdf5 if hdf5.exists() and not keras.exists() else keras, "verify")
    if original.sha256 != info.keras_sha256:
        raise ModelError(f"{original.path}: not the model that {card.name} was made from")
    if whole:
        return Bundle(original, info, tuple(info.artifacts))
    # A file that lies beside another is proved with it.
    first = next(f.files(info.name)[0] for f in FORMATS.values() if path.name in f.files(info.name))
    return Bundle(original, info, tuple(n for n in info.artifacts if n in (first, path.name)))


def verify(bundle: Bundle, test: Digits) -> Receipt:
    """Prove a bundle again. The Receipt has what is not equal, or not as listed."""
    info = bundle.info
    range_ = str(info.trained_on.get("range", UNIT.name))
    original = bundle.original.adapted(test, info.labels, range_)
    receipt = _proved(original, info, original.path.parent, bundle.wanted, test)
    found = {name: list(reasons) for name, reasons in receipt.failures.items()}
    for name, artifact in receipt.info.artifacts.items():
        changed = []
        if artifact != info.artifacts[name]:
            changed.append("its SHA-256 is not the one listed: changed since it was exported")
        listed, now = info.parity.get(name), receipt.info.parity.get(name)
        if now and (listed is None or _figures(listed) != _figures(now)):
            said = "no figures" if listed is None else _figures(listed)
            changed.append(f"its receipt lists {said}, found {_figures(now)}")
        if changed:
            found[name] = changed + found.get(name, [])
    return dataclasses.replace(receipt, failures=found)


def _figures(parity: Parity) -> str:
    """Return the figures of a receipt that must be the same each time. Scores differ between
    processors in the last digits, so only the tolerance limits their distance."""
    return f"{parity.images:,} images, accuracy {parity.accuracy:.4f}, ties {parity.ties}"


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Make a temporary folder in `folder`, which is also made, and removed again after an error."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".tinydigits-", dir=folder) as staging:
            yield Path(staging)
    except BaseException:
        if new:
            folder.rmdir()
        raise


def _move(staging: Path, folder: Path, card: str) -> None:
    """Move everything into the folder, the description last."""
    paths = sorted(staging.iterdir(), key=lambda path: path.name == card)
    for path in paths:
        if (folder / path.name).is_dir():
            raise SinkError(f"{folder / path.name}: a folder is in the way")
    for path in paths:
        path.replace(folder / path.name)


def _proved(
    original: Original, info: ModelInfo, folder: Path, names: Sequence[str], test: Digits
) -> Receipt:
    """Compare the artefacts `names` in `folder` with the original."""
    reference = Reference(original.scores(test.images), test)
    proved = by_file(info.name)
    artifacts: dict[str, Artifact] = {}
    parity: dict[str, Parity] = {}
    failed: dict[str, list[str]] = {}
    unscored: set[str] = set()
    for name in names:
        path = folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}, but {info.name}.json lists it") from error
        artifacts[name] = Artifact(len(data), hashlib.sha256(data).hexdigest())
        if name not in proved:
            continue
        format_ = proved[name]
        try:
            backend = format_.open(path, data)
            _check_description(backend, info)
            parity[name] = compare(reference, backend)
        except ModelError as error:
            failed[name] = [str(error)]
            continue
        tolerance = format_.tolerance
        if isinstance(backend, CBackend) and not backend.gives_logits:
            tolerance = EVERY_CLASS
            unscored.add(name)
        if broken := failures(parity[name], reference, tolerance):
            failed[name] = broken
    info = dataclasses.replace(info, artifacts=artifacts, parity=parity)
    return Receipt(info, reference.accuracy, failed, frozenset(unscored))


def _check_description(backend: Backend, info: ModelInfo) -> None:
    """Raise ModelError unless the file has a score for each label and describes itself as NAME.json
    does."""
    if backend.classes != len(info.labels):
        raise ModelError(f"{backend.classes} scores, where {len(info.labels)} were expected")
    said = backend.metadata
    if said is not None and said != dataclasses.replace(info, artifacts={}, parity={}):
        raise ModelError(f"its metadata differs from {info.name}.json: one of them was changed")


def _describe(original: Original, name: str, data: Dataset) -> ModelInfo:
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
        fit=original.fit,
        trained_on={
            **record.get("data", {}),
            **{key: record[key] for key in ("epochs", "seed") if key in record},
            **({"how": RECIPES[record["recipe"]].how} if record.get("recipe") in RECIPES else {}),
            **({"range": original.found.range.name} if original.found else {}),
        },
        metrics=record.get("metrics", {}),
        activation=original.activation,
        thresholds=Thresholds(**record["thresholds"])
        if record.get("thresholds")
        else calibrated(original.scores(data.train.images), REFUSED_SHARE, REFUSED_SHARE),
    )
