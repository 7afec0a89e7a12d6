"""Three short tables, which the README quotes, from the results of several benchmarks."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from benchmarks.harness.results import Finding, Race, Ratio, Table, Value, columns
from benchmarks.measures.folders import CONV, OURS
from benchmarks.measures.people import ITSELF
from tinydigits.bench.stats import spread
from tinydigits.bench.table import time

MODELS = ("conv", "dense")  # those whose speed is compared
READERS = ("conv", "light", "dense")
# The smallest microcontroller that each file fits into, and the bytes of the image that it needs in
# memory; the other files take pixels one by one, or row by row.
DEVICES = {
    "conv.c": ("ATmega328P", 0),
    "light.c": ("ATmega328P", 0),
    "small.c": ("ATmega328P", 0),
    "dense.c": ("ATmega328P", 784),
    "tiny.c": ("ATtiny13A", 0),
}
PREDICT, CALL = "Keras predict", "Keras model(x)"
UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}  # s


def summaries(findings: Iterable[Finding]) -> list[Table]:
    """Return the tables whose results are complete."""
    found = {finding.benchmark: finding for finding in findings}
    tables = []
    for make in (_accuracy, _speed, _devices):
        # A benchmark is missing, or one of the models in it.
        with suppress(KeyError, StopIteration):
            tables.append(make(found))
    return tables


def _accuracy(found: Mapping[str, Finding]) -> Table:
    digits, people = (_rows(found[name], name) for name in ("reading", "people"))
    rows: list[tuple[Value, ...]] = []
    for model in READERS:
        mnist = _where(digits, model=model, pictures="MNIST test")
        fitted = _where(people, model=model, **{"fitted by": "fit=auto"})
        resized = _where(people, model=model, **{"fitted by": "notebook"})
        wrong = fitted["wrong, ok"]
        rows.append((model, mnist["right"], fitted["right"], wrong, resized["right"]))
    for row in people:
        if row["fitted by"] == ITSELF:
            rows.append((row["model"], None, row["right"], row["wrong, ok"], None))
    title = f"read right: {mnist['number']:,} MNIST test digits, {fitted['number']} by people"
    return Table(
        "in short, accuracy",
        title,
        columns("read by; MNIST:.1%; people:.1%; wrong and not refused:.1%; without the fit:.1%"),
        tuple(rows),
    )


def _speed(found: Mapping[str, Finding]) -> Table:
    """Return the table of speed and size. TensorFlow's faster way to read a folder stands for
    Keras there; it was measured with `dense`.
    """
    folders = _race(found["folders"], "folders", "60,000")
    latency = [(m, _race(found["latency"], f"latency {m}")) for m in MODELS]
    batches = [(m, _race(found["throughput"], f"throughput {m}", "256")) for m in MODELS]
    rows = [
        *(_row(f"{model}, one image", race) for model, race in latency),
        *(_row(f"{model}, 256 images in a call", race) for model, race in batches),
        _row("conv, 60,000 PNG files", folders, CONV, "tf.data", " (dense)"),
        _row("dense, 60,000 PNG files", folders, OURS, "tf.data"),
        _row("from start to first answer", _race(found["start"], "start"), "tinydigits classify"),
    ]
    memory = {row[""]: row["peak, MB"] for row in _rows(found["start"], "start memory")}
    sizes = [float(memory[name] or 0) for name in (PREDICT, CALL, "tinydigits classify")]
    rows.append(("memory for the first answer", *_megabytes(*sizes)))
    disk = {row[""]: row["MB"] for row in _rows(found["start"], "start installed")}
    keras, ours = (float(disk[name] or 0) for name in ("TensorFlow with Pillow", "tinydigits"))
    rows.append(("installed packages", *_megabytes(keras, keras, ours)))
    heads = columns(f"; {PREDICT}; {CALL}; tinydigits; × predict:,.1f; × model(x):,.1f")
    title = (
        "speed and size (×: how many times as fast, or as small, tinydigits is)\n"
        "PNG files: the Keras side reads them with tf.data, and always with dense"
    )
    return Table("in short, speed", title, heads, tuple(rows))


def _row(
    label: str, race: Race, ours: str = "Classifier.scores", keras: str = PREDICT, note: str = ""
) -> tuple[Value, ...]:
    """Return the medians of Keras and of tinydigits, and how many times better tinydigits is."""
    medians = {contestant.name: contestant.spread.median for contestant in race.contestants}

    def shown(name: str) -> str:
        if race.unit in UNITS:
            return time(medians[name] * UNITS[race.unit])
        return f"{medians[name]:,.0f} {race.unit}"

    def times(name: str) -> float:
        ratio = Ratio(name, ours) if race.unit in UNITS else Ratio(ours, name)
        return spread(race.pairs(ratio)).median

    called = CALL in medians
    return (
        label,
        shown(keras) + note,
        shown(CALL) if called else None,
        shown(ours),
        times(keras),
        times(CALL) if called else None,
    )


def _megabytes(predict: float, call: float, ours: float) -> tuple[Value, ...]:
    sizes = (f"{size:,.0f} MB" for size in (predict, call, ours))
    return (*sizes, predict / ours, call / ours)


def _devices(found: Mapping[str, Finding]) -> Table:
    proofs, measured = (_rows(found[name], name) for name in ("accuracy", "devices"))
    rows = []
    for file, (device, image) in DEVICES.items():
        proof = _where(proofs, model=file)
        row = _where(measured, file=file, device=device)
        memory = image + sum(int(row[name] or 0) for name in ("static, B", "stack, B"))
        rows.append((file, proof["accuracy"], device, row["flash, B"], memory, row["ms"]))
    heads = columns(
        "file; MNIST:.1%; device; flash, B:,d; RAM with the image, B:,d; ms an image:,.2f"
    )
    return Table("in short, devices", "in C, on microcontrollers", heads, tuple(rows))


def _rows(finding: Finding, name: str) -> list[dict[str, Value]]:
    table = next(table for table in finding.tables if table.name == name)
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _where(rows: Iterable[dict[str, Value]], **values: Value) -> dict[str, Value]:
    return next(row for row in rows if values.items() <= row.items())


def _race(finding: Finding, name: str, case: str = "") -> Race:
    return next(race for race in finding.races if (race.name, race.case) == (name, case))
