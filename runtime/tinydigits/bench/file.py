"""The JSON of `tinydigits bench --json`: writing, reading, and doubts about comparing two.

One object: `schema`, `created`, `seconds`, `rounds`, `timer_s`, `unreadable`, `machine` (see
`machine.Machine`), `models`, `pictures` and `metrics`. Each metric is flat:

    name      `end to end conv, 28×28 grey PNG`: one for each figure, the same in every run
    stage, model, pictures, batch   the parts of the name; null where they do not apply
    unit      `s`, `images/s`, `bytes`, `threads`, `processes` or `CPUs`
    samples   how many were taken
    value     the median of `blocks`
    p50, p90, p99, p99.9   percentiles of all samples; null where the metric has none. One above
              the median is also null where fewer than 10 samples lie beyond it
    blocks    one number for each round that measured it: the median of the round's samples, for
              images/s all its images ÷ all its time
"""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tinydigits.bench.machine import HARDWARE
from tinydigits.bench.measure import Bench
from tinydigits.bench.stats import CONTROLS, LEAST_BLOCKS, PERCENTILES, Change, Figure, Metric
from tinydigits.bench.tasks import THREADS
from tinydigits.errors import SourceError
from tinydigits.sinks.files import writing

SCHEMA = 1
KEYS = tuple(f"p{percent:g}" for percent in PERCENTILES)
DRIFT = 1.05  # a control that changed by a larger factor is reported
_OTHER = "not the JSON of `tinydigits bench --json`"


class Run(NamedTuple):
    """The parts of a run that a comparison needs."""

    machine: dict[str, str | int]
    models: dict[str, str]  # name → SHA-256
    pictures: dict[str, int]  # name → bytes of the pictures that are read one by one
    metrics: dict[str, Metric]  # by name


def described(result: Bench) -> dict[str, Any]:
    """Return the object that the file holds."""
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
    return {
        "name": metric.figure.name,
        **metric.figure._asdict(),
        "samples": metric.samples,
        "value": metric.value,
        **dict(zip(KEYS, metric.percentiles or (None,) * len(KEYS), strict=True)),
        "blocks": list(metric.blocks),
    }


def to_json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, indent=1, ensure_ascii=False)


def write_run(path: str, text: str) -> None:
    """Write the file. Raises SinkError."""
    with writing(path):
        Path(path).write_text(text + "\n", "utf-8")


def read_run(path: str) -> Run:
    """Read what `--json` wrote. Raises SourceError for anything else."""
    try:
        fields = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise SourceError(f"{path}: {_OTHER}: {error}") from error
    return run_of(fields, path)


def run_of(fields: Any, origin: str) -> Run:
    """Check the object that a file holds. `origin` names the file in errors. Raises SourceError."""
    try:
        if fields["schema"] != SCHEMA:
            raise SourceError(
                f"{origin}: has schema {fields['schema']!r}, but this version compares schema "
                f"{SCHEMA}: measure it again"
            )
        metrics = [_metric(each) for each in fields["metrics"]]
        return Run(
            {_a(str, name): _a(str | int, value) for name, value in fields["machine"].items()},
            {_a(str, each["name"]): _a(str, each["sha256"]) for each in fields["models"]},
            {_a(str, each["name"]): int(_number(each["bytes"])) for each in fields["pictures"]},
            {metric.figure.name: metric for metric in metrics},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{origin}: {_OTHER}: {error!r}") from error


def _metric(fields: dict[str, Any]) -> Metric:
    figure = Figure(
        stage=_a(str, fields["stage"]),
        model=_a(str | None, fields["model"]),
        pictures=_a(str | None, fields["pictures"]),
        batch=None if fields["batch"] is None else int(_number(fields["batch"])),
        unit=_a(str, fields["unit"]),
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
        raise TypeError(f"{value!r} is not a number")
    if not 0 <= value < 1e18:  # no figure is larger; NaN fails too
        raise ValueError(f"{value!r} cannot be a figure of a run")
    return float(value)


def _a(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not a {getattr(kind, '__name__', kind)}")
    return value


def doubts(before: Run, now: Run, rows: list[Change], origin: str) -> list[str]:
    """Return why the two runs may not be comparable. `origin` names the file of `before`."""
    changed = [
        (name, before.machine.get(name), value)
        for name, value in now.machine.items()
        if before.machine.get(name) != value
    ]
    found = []
    if hardware := [f"{name} {old} → {new}" for name, old, new in changed if name in HARDWARE]:
        found.append(f"{origin} is from ANOTHER MACHINE: {', '.join(hardware)}")
    if other := [f"{name} {old} → {new}" for name, old, new in changed if name not in HARDWARE]:
        found.append(f"changed since {origin}: {', '.join(other)}")
    for name in now.models.keys() & before.models.keys():
        if before.models[name] != now.models[name]:
            found.append(
                f"{name} is ANOTHER MODEL than in {origin}: SHA-256 "
                f"{before.models[name][:12]} → {now.models[name][:12]}"
            )
    for name in now.pictures.keys() & before.pictures.keys():
        if before.pictures[name] != now.pictures[name]:
            found.append(f"{name}: these are OTHER PICTURES than in {origin}")
    if missing := [name for name in before.metrics if name not in now.metrics]:
        found.append(f"only in {origin}: {', '.join(missing)}")
    if added := [name for name in now.metrics if name not in before.metrics]:
        found.append(f"not in {origin}: {', '.join(added)}")
    if bare := [row.now.figure.name for row in rows if row.is_rated and row.ratio.low is None]:
        found.append(
            f"no interval, because they were measured in fewer than {LEAST_BLOCKS} rounds: "
            f"{', '.join(bare)} (give both runs more --seconds)"
        )
    if not hardware:
        found += [
            f"the MACHINE ITSELF has changed: {row.now.figure.name}, which does not run tinydigits,"
            f" takes ×{row.ratio.value:.2f} of the time"
            for row in rows
            if row.now.figure.stage in CONTROLS
            and row.ratio.low is not None
            and row.ratio.high is not None
            and (row.ratio.low > DRIFT or row.ratio.high < 1 / DRIFT)
        ]
    return found
