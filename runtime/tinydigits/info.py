"""ModelInfo: the description of a model.

It is embedded in the ONNX file's metadata under the key `tinydigits`, and written beside the
artefacts as NAME.json, where it also lists every artefact with its SHA-256 and its receipt.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_args

from tinydigits.errors import ModelError
from tinydigits.fitting import Fit
from tinydigits.regular import open_regular

SCHEMA = 1
METADATA_KEY = "tinydigits"

INPUT_NAME, OUTPUT_NAME = "images", "scores"
# Endings of the files that a NAME.json describes; longest first.
SUFFIXES = (".int8.tflite", ".tflite", ".onnx", ".html", ".c", ".h")


class Thresholds(NamedTuple):
    """The limits below or beyond which an answer is `uncertain`."""

    min_score: float = 0.0
    """The best score must reach this, in [0, 1]; otherwise the reason is `low_score`."""

    max_ratio: float = 1.0
    """Second best ÷ best may be at most this, in [0, 1]; otherwise the reason is `ambiguous`."""


class Artifact(NamedTuple):
    """One exported file."""

    bytes: int
    sha256: str


class Parity(NamedTuple):
    """The receipt of one artefact: its comparison with the Keras model over the test images."""

    images: int
    accuracy: float
    """Share of the test images read right, in [0, 1]."""

    agreement: float
    """Share of the test images for which both decide on the same class."""

    max_delta: float
    """Largest |score − score of Keras| over all images and classes."""

    ties: int
    """Images whose two best scores are equal, so that the first class wins."""

    disagreeing: tuple[int, ...]
    """Indices of the test images for which the decision differs from that of Keras."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Everything that a runner needs to know about a model, and its origin."""

    name: str
    """The model's name, after which its files are called."""

    recipe: str
    """How the network is built: `dense`, `mlp`, `conv`, or another's name."""

    labels: tuple[str, ...]
    """The class of each score, in order; at least two, all different and printable."""

    parameters: int
    """The number of weights."""

    keras_sha256: str
    """SHA-256 of the .keras file that the artefacts were exported from."""

    created_by: str
    """The versions of tinydigits, TensorFlow and Keras that exported it."""

    fit: Fit = "auto"
    """How pictures are brought to 28×28 (see `tinydigits.fitting`)."""

    input: Mapping[str, Any] = field(
        default_factory=lambda: {"name": INPUT_NAME, "dtype": "uint8", "shape": ["N", 28, 28]}
    )
    """The network's input: its `name`, `dtype` and `shape`."""

    trained_on: Mapping[str, Any] = field(default_factory=dict)
    """The data: `name`, `source`, `train_images`, `test_images`, `sha256`; and `epochs`, `seed`
    and `how`. Empty where it is not known."""

    metrics: Mapping[str, Any] = field(default_factory=dict)
    """`train` and `test`, each with `accuracy`, in [0, 1], and `errors`, a number of images."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    """When an answer is `uncertain`."""

    activation: str = "sigmoid"
    """How the scores are made: `sigmoid`, each independent of the others; or `softmax`, so that
    they sum to 1. JSON has it only where it is not `sigmoid`."""

    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    """File name → size and SHA-256. Empty in the copy embedded in an artefact."""

    parity: Mapping[str, Parity] = field(default_factory=dict)
    """File name → receipt. Empty in the copy embedded in an artefact."""

    schema: int = SCHEMA
    """The version of these fields."""

    def to_json(self, indent: int | None = 2) -> str:
        """Return the text that `from_json` reads. Raises ModelError where it is nested too deep."""
        inner = {
            "thresholds": self.thresholds._asdict(),
            "artifacts": {name: each._asdict() for name, each in self.artifacts.items()},
            "parity": {name: each._asdict() for name, each in self.parity.items()},
        }
        with self._shallow():
            fields = asdict(self) | inner
            if self.activation == "sigmoid":
                del fields["activation"]
            return json.dumps(fields, indent=indent)

    def summary(self) -> list[tuple[str, str]]:
        """Return what a person wants to know about the model, as (name, value) lines. Raises
        ModelError where it is nested too deep.
        """
        with self._shallow():
            figures = {
                part: ", ".join(f"{name} {value}" for name, value in values.items())
                for part, values in self.metrics.items()
            }
            shape = ", ".join(map(str, self.input["shape"]))
            limits = self.thresholds
            return [
                ("name", self.name),
                ("recipe", f"{self.recipe}, {self.parameters:,} parameters"),
                ("labels", " ".join(self.labels)),
                ("input", f"{self.input['name']} {self.input['dtype']} [{shape}]"),
                *([("scores", "softmax: they sum to 1")] if self.activation == "softmax" else []),
                ("fit", self.fit),
                *(("trained", f"{name} {value}") for name, value in self.trained_on.items()),
                *figures.items(),
                ("thresholds", f"min_score {limits.min_score}, max_ratio {limits.max_ratio}"),
                *(("artefact", f"{k}, {v.bytes:,} bytes") for k, v in self.artifacts.items()),
                ("keras", f"SHA-256 {self.keras_sha256}"),
                ("created by", self.created_by),
            ]

    @contextmanager
    def _shallow(self) -> Iterator[None]:
        """Raise ModelError where the block meets values that are nested too deep."""
        try:
            yield
        except RecursionError as error:
            raise ModelError(
                f"{self.name}: model information that is nested too deep; export it again"
            ) from error

    @classmethod
    def from_json(cls, text: str, origin: str) -> "ModelInfo":
        """Read what `to_json` wrote. `origin` names the file in errors. Raises ModelError."""
        try:
            fields = json.loads(text)
            if fields.get("schema") != SCHEMA:
                raise ModelError(
                    f"{origin}: model information of schema {fields.get('schema')!r}, and this "
                    f"version reads schema {SCHEMA}: export the model again"
                )
            if fields["fit"] not in get_args(Fit):
                raise ModelError(
                    f"{origin}: asks for fit={fields['fit']!r}, which this version does not know"
                )
            _check_types(fields, origin)
            return cls(
                **fields
                | {
                    "labels": tuple(fields["labels"]),
                    "thresholds": Thresholds(**fields["thresholds"]),
                    "artifacts": {k: Artifact(**v) for k, v in fields["artifacts"].items()},
                    "parity": {
                        k: Parity(**v | {"disagreeing": tuple(v["disagreeing"])})
                        for k, v in fields["parity"].items()
                    },
                }
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelError(f"{origin}: damaged model information: {error!r}") from error


def _check_types(fields: Mapping[str, Any], origin: str) -> None:
    """Raise ModelError where a value is not of its field's type: JSON may come from anywhere."""
    labels, thresholds = fields["labels"], fields["thresholds"]
    whole = {
        "labels (at least two, all different)": isinstance(labels, list)
        and all(isinstance(label, str) and label.isprintable() for label in labels)
        and 1 < len(labels) == len(set(labels)),
        "thresholds": all(
            isinstance(value, int | float) and 0 <= value <= 1 for value in thresholds.values()
        ),
        "parameters": isinstance(fields["parameters"], int),
        "activation": fields.get("activation", "sigmoid") in ("sigmoid", "softmax"),
        "metrics": all(isinstance(part, dict) for part in fields["metrics"].values()),
        "trained_on": isinstance(fields["trained_on"], dict),
        "input": fields["input"].keys() == {"name", "dtype", "shape"}
        and isinstance(fields["input"]["shape"], list),
        "artifacts": all(
            isinstance(each["bytes"], int) and isinstance(each["sha256"], str)
            for each in fields["artifacts"].values()
        ),
        **{
            name: isinstance(fields[name], str) and fields[name].isprintable()
            for name in ("name", "recipe", "keras_sha256", "created_by")
        },
    }
    if wrong := [name for name, right in whole.items() if not right]:
        raise ModelError(
            f"{origin}: damaged model information: unusable {', '.join(wrong)}; export it again"
        )


def info_path(artifact: Path) -> Path:
    """Return the NAME.json beside an artefact: digits.json for digits.int8.tflite."""
    return artifact.with_name(f"{model_name(artifact)}.json")


def model_name(artifact: Path) -> str:
    """Return `digits` for digits.onnx, digits.tflite and digits.int8.tflite."""
    for suffix in SUFFIXES:
        if artifact.name.endswith(suffix):
            return artifact.name.removesuffix(suffix)
    return artifact.stem


def read_info(path: Path) -> ModelInfo:
    """Read the ModelInfo in a NAME.json. Raises ModelError where there is none."""
    try:
        with os.fdopen(open_regular(path)[0], encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path}: cannot be read ({error}); `tinydigits export` writes it beside the artefacts"
        ) from error
    return ModelInfo.from_json(text, str(path))


def check_artifact(info: ModelInfo, name: str, data: bytes, origin: str) -> None:
    """Raise ModelError unless `data` are the bytes that `info` lists for the file `name`."""
    listed, listing = info.artifacts.get(name), info_path(Path(name)).name
    if listed is None:
        raise ModelError(f"{origin}: not among the artefacts that {listing} lists")
    found = hashlib.sha256(data).hexdigest()
    if found != listed.sha256:
        raise ModelError(
            f"{origin}: SHA-256 {found[:12]}… where {listing} says "
            f"{listed.sha256[:12]}…: the file was changed or damaged; export or install it again"
        )
