"""In short: three tables for whoever has a minute, from the results of several benchmarks."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from benchmarks.harness.results import Column, Finding, Race, Ratio, Table, Value
from benchmarks.harness.turns import spread
from benchmarks.measures.folders import CONV, OPENCV, PILLOW

MODELS = ("conv", "dense")
# The smallest microcontroller that takes each, and the bytes of the image that it needs beside; the
# others take pixels one by one, or row by row.
DEVICES = {
    "conv.c": ("ATmega328P", 0),
    "dense.c": ("ATmega328P", 784),
    "tiny.c": ("ATtiny13A", 0),
}
PERCENT, TIMES = ".1%", ",.1f"


def summaries(findings: Iterable[Finding]) -> list[Table]:
    """Those of which all results are there."""
    found = {finding.benchmark: finding for finding in findings}
    tables = []
    for make in (_accuracy, _speed, _devices):
        # Of a benchmark, or of one of the models in it.
        with suppress(KeyError, StopIteration):
            tables.append(make(found))
    return tables


def _accuracy(found: Mapping[str, Finding]) -> Table:
    digits, people = (_rows(found[name], name) for name in ("reading", "people"))
    rows = []
    for model in MODELS:
        mnist = _where(digits, model=model, pictures="MNIST test")
        fitted = _where(people, model=model, **{"fitted by": "fit=auto"})
        bright = _where(people, model=model, **{"fitted by": "fit=resize"})
        resized = _where(people, model=model, **{"fitted by": "notebook"})
        rows.append((model, *(row["right"] for row in (mnist, fitted, bright, resized))))
    columns = ("MNIST", "people", "resized, ink made bright", "resized")
    title = f"read right: {mnist['number']:,} MNIST test digits, {fitted['number']} by people"
    return Table(
        "in short, accuracy",
        title,
        (Column("model"), *(Column(name, PERCENT) for name in columns)),
        tuple(rows),
    )


def _speed(found: Mapping[str, Finding]) -> Table:
    """Keras as it is mostly called, and TensorFlow's faster way to read a folder."""
    rows: list[tuple[Value, ...]] = []
    for model in MODELS:
        race = _race(found["latency"], f"latency {model}")
        rows.append((f"{model}, one image", *_sides(race, "Keras predict", "Classifier.scores")))
    for model in MODELS:
        race = _race(found["throughput"], f"throughput {model}", "256")
        sides = _sides(race, "Keras predict", "Classifier.scores")
        rows.append((f"{model}, 256 images in a call", *sides))
    race = _race(found["folders"], "folders", "60,000")
    conv = next(side for side in race.contestants if side.name == CONV)
    fast = _with_unit(conv.spread.median, race.unit)
    rows.append(("conv, 60,000 PNG files, OpenCV", None, fast, None))
    rows.append(("dense, 60,000 PNG files, OpenCV", *_sides(race, "tf.data", OPENCV)))
    rows.append(("dense, 60,000 PNG files, Pillow", *_sides(race, "tf.data", PILLOW)))
    start = found["start"]
    sides = _sides(_race(start, "start"), "Keras predict", "tinydigits classify")
    rows.append(("from nothing to the first answer", *sides))
    memory = {row[""]: row["peak, MB"] for row in _rows(start, "start memory")}
    rows.append(
        ("memory for the first answer", *_sizes(memory, "Keras predict", "tinydigits classify"))
    )
    disk = {row[""]: row["MB"] for row in _rows(start, "start installed")}
    rows.append(("installed", *_sizes(disk, "TensorFlow with Pillow", "tinydigits")))
    columns = (Column(""), Column("Keras"), Column("tinydigits"), Column("times", TIMES))
    return Table("in short, speed", "speed and size", columns, tuple(rows))


def _devices(found: Mapping[str, Finding]) -> Table:
    proofs, measured = (_rows(found[name], name) for name in ("accuracy", "devices"))
    rows = []
    for file, (device, image) in DEVICES.items():
        proof = _where(proofs, model=file)
        row = _where(measured, file=file, device=device)
        memory = image + sum(int(row[name] or 0) for name in ("static, B", "stack, B"))
        rows.append((file, proof["accuracy"], device, row["flash, B"], memory, row["ms"]))
    columns = (
        Column("file"),
        Column("MNIST", PERCENT),
        Column("device"),
        Column("flash, B", ",d"),
        Column("RAM with the image, B", ",d"),
        Column("ms an image", ",.2f"),
    )
    return Table("in short, devices", "in C, on microcontrollers", columns, tuple(rows))


def _rows(finding: Finding, name: str) -> list[dict[str, Value]]:
    table = next(table for table in finding.tables if table.name == name)
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _where(rows: Iterable[dict[str, Value]], **values: Value) -> dict[str, Value]:
    return next(row for row in rows if values.items() <= row.items())


def _race(finding: Finding, name: str, case: str = "") -> Race:
    return next(race for race in finding.races if (race.name, race.case) == (name, case))


def _sides(race: Race, slow: str, fast: str) -> Iterator[Value]:
    """The median of each, with its unit, and how many times as fast the second is, of the pairs."""
    medians = {contestant.name: contestant.spread.median for contestant in race.contestants}
    yield from (_with_unit(medians[name], race.unit) for name in (slow, fast))
    more_is_better = race.unit.endswith("/s")
    ratio = Ratio(fast, slow) if more_is_better else Ratio(slow, fast)
    yield spread(race.pairs(ratio)).median


def _sizes(sizes: Mapping[Value, Value], large: str, small: str) -> Iterator[Value]:
    first, second = (float(sizes[name] or 0) for name in (large, small))
    yield from (f"{first:,.0f} MB", f"{second:,.0f} MB", first / second)


def _with_unit(value: float, unit: str) -> str:
    """Three digits; times in the largest unit that leaves something before the point."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    if unit not in units:
        return f"{value:,.0f} {unit}"
    seconds = value * units[unit]
    name = next((name for name, size in units.items() if seconds >= size), "µs")
    count = seconds / units[name]
    return f"{count:.{max(0, 3 - len(str(int(count))))}f} {name}"
