"""The JSON of `tinydigits bench --json`, written and read.

One object: `schema`, `created`, `seconds`, `rounds`, `timer_s`, `unreadable`, `machine` (see
`machine.Machine`), `models`, `pictures` and `metrics`. Each metric is flat:

    name      `end to end conv, 28×28 grey PNG`: one for each figure, the same in every run
    stage, model, pictures, batch   what the name is made of; null where it does not apply
    unit      `s`, `images/s`, `bytes`, `threads`, `processes` or `CPUs`
    samples   how many were taken
    value     the median of `blocks`
    p50, p90, p99, p99.9   of all samples; null where fewer than 10 lie beyond
    blocks    one number for each round that measured it: the median of the round's samples, for
              images/s all its images ÷ all its time
"""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tinydigits.bench.measure import Bench
from tinydigits.bench.stats import PERCENTILES, Figure, Metric
from tinydigits.bench.tasks import THREADS
from tinydigits.errors import SinkError, SourceError

SCHEMA = 1
KEYS = tuple(f"p{percent:g}" for percent in PERCENTILES)


class Run(NamedTuple):
    """What is compared of a run."""

    created: str
    machine: dict[str, str | int]
    models: dict[str, str]
    """Name → SHA-256."""

    pictures: dict[str, int]
    """Name → bytes of those that are read one by one."""

    metrics: dict[str, Metric]
    """By name."""


def described(result: Bench) -> dict[str, Any]:
    """As it is in the file."""
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(result.seconds, 3),
        "rounds": result.rounds,
        "timer_s": result.timer,
        "unreadable": result.unreadable,
        "machine": result.machine._asdict(),
        "models": [
            {
                "name": model.name,
                "backend": model.backend,
                "threads": THREADS,
                "recipe": model.classifier.info.recipe,
                "parameters": model.classifier.info.parameters,
                "fit": model.classifier.reader.fit,
                "sha256": model.classifier.model_sha256,
            }
            for model in result.models
        ],
        "pictures": [
            {"name": kind.name, "what": kind.what, "files": len(kind.paths), "bytes": kind.bytes}
            for kind in result.pictures
        ],
        "metrics": [_flat(metric) for metric in result.metrics],
    }


def _flat(metric: Metric) -> dict[str, Any]:
    spread = metric.percentiles or (None,) * len(KEYS)
    return {
        "name": metric.figure.name,
        **metric.figure._asdict(),
        "samples": metric.samples,
        "value": metric.value,
        **dict(zip(KEYS, spread, strict=True)),
        "blocks": list(metric.blocks),
    }


def to_json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, indent=1, ensure_ascii=False)


def write_run(path: str, text: str) -> None:
    """Raises SinkError."""
    try:
        Path(path).write_text(text + "\n", "utf-8")
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


def read_run(path: str) -> Run:
    """What `--json` wrote. Raises SourceError for anything else."""
    try:
        fields = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise SourceError(f"{path}: not the JSON of `tinydigits bench --json`: {error}") from error
    return run_of(fields, path)


def run_of(fields: Any, origin: str) -> Run:
    """`origin` names the file in errors. Raises SourceError."""
    try:
        if fields["schema"] != SCHEMA:
            raise SourceError(
                f"{origin}: of schema {fields['schema']!r}, and this version compares schema "
                f"{SCHEMA}: measure it again"
            )
        metrics = [_metric(each) for each in fields["metrics"]]
        return Run(
            _text(fields["created"]),
            {_text(name): _plain(value) for name, value in fields["machine"].items()},
            {_text(each["name"]): _text(each["sha256"]) for each in fields["models"]},
            {_text(each["name"]): int(_number(each["bytes"])) for each in fields["pictures"]},
            {metric.figure.name: metric for metric in metrics},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"{origin}: not the JSON of `tinydigits bench --json`: {error!r}"
        ) from error


def _metric(fields: dict[str, Any]) -> Metric:
    figure = Figure(
        stage=_text(fields["stage"]),
        model=None if fields["model"] is None else _text(fields["model"]),
        pictures=None if fields["pictures"] is None else _text(fields["pictures"]),
        batch=None if fields["batch"] is None else int(_number(fields["batch"])),
        unit=_text(fields["unit"]),
    )
    blocks = tuple(map(_number, fields["blocks"]))
    if not blocks or (figure.unit in ("s", "images/s", "bytes") and 0 in blocks):
        raise ValueError(f"{figure.name}: its blocks are not numbers above 0")
    metric = Metric(figure, int(_number(fields["samples"])), blocks)
    if not math.isclose(_number(fields["value"]), metric.value, rel_tol=1e-3):
        raise ValueError(f"{figure.name}: its value is not the median of its blocks")
    spread = tuple(None if fields[key] is None else _number(fields[key]) for key in KEYS)
    return metric._replace(percentiles=spread)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} where a number was expected")
    if not 0 <= value < 1e18:  # which no figure reaches, and NaN neither
        raise ValueError(f"{value!r} is no figure of a run")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text was expected")
    return value


def _plain(value: Any) -> str | int:
    if not isinstance(value, str | int):
        raise TypeError(f"{value!r} where a text or a whole number was expected")
    return value
