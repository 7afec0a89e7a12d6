"""The tables of `tinydigits bench`, for a terminal of 90 columns."""

import textwrap

from tinydigits.bench.measure import Bench
from tinydigits.bench.stats import PERCENTILES, Change, Metric, Ratio
from tinydigits.bench.tasks import BATCHES, THREADS
from tinydigits.text import aligned, printable

WIDTH = 88  # columns: longer lines of words are wrapped
NOTHING = "–"
_FRESH = ("import", "session", "first picture", "command", "memory", "threads")


def table(result: Bench) -> str:
    """Return all tables of a run, without a last line end."""
    parts = [_about(result), _fresh(result), _one_by_one(result), _throughput(result)]
    return "\n\n".join("\n".join(part) for part in parts)


def _about(result: Bench) -> list[str]:
    machine = result.machine
    limited = f" (by {machine.cores_limited_by})" if machine.cores_limited_by else ""
    memory = f", {machine.memory / 1e9:.1f} GB" if machine.memory else ""
    about = [
        f"machine   {machine.cpu}, {machine.architecture}, {machine.cores_allowed} of "
        f"{machine.cores} cores allowed{limited}, governor {machine.governor}{memory}",
        f"system    {machine.system}",
        f"versions  tinydigits {machine.tinydigits}, {machine.python}, numpy {machine.numpy}, "
        f"onnxruntime {machine.onnxruntime}, pillow {machine.pillow}, litert {machine.litert}",
        *(
            f"model     {model.name}: {model.classifier.info.parameters:,} parameters, "
            f"{model.backend}, {THREADS} thread, "
            f"SHA-256 {model.classifier.model_sha256[:12]}"
            for model in result.models
        ),
        *(f"pictures  {kind.name}: {kind.what}" for kind in result.pictures),
        f"timing    {result.rounds} rounds, each measuring all in turn after a warm-up, without "
        f"garbage collection; reading the clock takes {time(result.timer)}; "
        f"{result.seconds:.1f} s in total",
    ]
    return [
        line for words in about for line in textwrap.wrap(words, WIDTH, subsequent_indent=" " * 10)
    ]


def _fresh(result: Bench) -> list[str]:
    """Return the table of whole processes: medians."""
    rows: list[tuple[str, ...]] = [("fresh processes, medians", *_FRESH, "n")]
    for model in result.models:
        found = [_found(result, stage, model.name) for stage in _FRESH]
        counts = {metric.samples for metric in found if metric is not None}
        many = "–".join(map(str, sorted({min(counts), max(counts)})))
        rows.append((model.name, *map(_value, found), many))
    python = _found(result, "python")
    many = str(python.samples) if python else NOTHING
    rows.append(("python alone", "", "", "", _value(python), "", "", many))
    return aligned(rows)


def _one_by_one(result: Bench) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("one picture at a time", *(f"p{percent:g}" for percent in PERCENTILES), "n")
    ]
    rows.append(("the network alone",))
    rows += [_latency(metric, metric.figure.model) for metric in _of(result, "infer")]
    for kind in result.pictures:
        rows.append((kind.name,))
        for metric in result.metrics:
            if metric.percentiles and metric.figure.pictures == kind.name:
                stage, model = metric.figure.stage, metric.figure.model
                rows.append(_latency(metric, f"{stage}, {model}" if model else stage))
    return aligned(rows)


def _latency(metric: Metric, name: str | None) -> tuple[str, ...]:
    times = [NOTHING if value is None else time(value) for value in metric.percentiles]
    return f"  {name or ''}", *times, f"{metric.samples:,}"


def _throughput(result: Bench) -> list[str]:
    rows = [("images a second", *(f"batch {size}" for size in BATCHES), "folder", "processes")]
    for model in result.models:
        batches = {m.figure.batch: m for m in _of(result, "batch") if m.figure.model == model.name}
        folder = _found(result, "folder", model.name)
        processes = _found(result, "processes", model.name)
        shown = [_value(batches.get(size)) for size in BATCHES]
        rows.append((model.name, *shown, _value(folder), _value(processes)))
        busy = {m.figure.batch: m for m in _of(result, "CPUs") if m.figure.model == model.name}
        rows.append(("  CPUs busy", *(_value(busy.get(size)) for size in BATCHES)))
    return aligned(rows)


def comparison(rows: list[Change], allowed: float | None, before: str) -> str:
    """Return the table of changes. `allowed`: the share by which a figure may be slower, if any."""
    header = ("now against " + before, "before", "now", "ratio", "95 % interval", "")
    shown: list[tuple[str, ...]] = [tuple(map(printable, header))]
    for row in rows:
        name, unit = row.now.figure.name, row.now.figure.unit
        each = "/s" if unit == "images/s" else ""
        verdict = _verdict(row.ratio, unit)
        if allowed is not None and row.is_slower_than(allowed):
            verdict = "TOO SLOW"
        interval = NOTHING
        if row.ratio.low is not None and row.ratio.high is not None:
            interval = f"{row.ratio.low:.2f} to {row.ratio.high:.2f}"
        values = (_value(row.before) + each, _value(row.now) + each)
        shown.append((printable(name), *values, f"×{row.ratio.value:.2f}", interval, verdict))
    return "\n".join(aligned(shown, left=(0, 5)))


def _verdict(found: Ratio, unit: str) -> str:
    """Say in which direction a figure changed; nothing where the interval includes 1."""
    if found.low is None or found.high is None or found.low <= 1 <= found.high:
        return ""
    worse, better = ("more", "less") if unit == "bytes" else ("slower", "faster")
    return worse if found.low > 1 else better


def _of(result: Bench, stage: str) -> list[Metric]:
    return [metric for metric in result.metrics if metric.figure.stage == stage]


def _found(result: Bench, stage: str, model: str | None = None) -> Metric | None:
    return next((m for m in _of(result, stage) if m.figure.model == model), None)


def _value(metric: Metric | None) -> str:
    if metric is None:
        return NOTHING
    if metric.figure.unit == "s":
        return time(metric.value)
    if metric.figure.unit == "bytes":
        return f"{metric.value / 1e6:.1f} MB"
    return _count(metric.value)


def time(seconds: float) -> str:
    """Format with three digits in the unit that fits: 8.98 µs, 234 µs, 1.20 s."""
    for unit, scale in (("ns", 1e9), ("µs", 1e6), ("ms", 1e3)):
        if float(f"{seconds * scale:.3g}") < 1000:
            return f"{_three_digits(seconds * scale)} {unit}"
    return f"{_three_digits(seconds)} s"


def _three_digits(value: float) -> str:
    rounded = float(f"{value:.3g}")
    return f"{rounded:.{2 if rounded < 10 else 1 if rounded < 100 else 0}f}"


def _count(value: float) -> str:
    """Format with three digits: 22,200, 1,560,000."""
    return f"{float(f'{value:.3g}'):,.{1 if value < 100 and value != int(value) else 0}f}"
