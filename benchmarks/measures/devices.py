"""Devices: what the C forms take on microcontrollers, in simulation."""

from collections.abc import Iterator

from benchmarks.harness.plan import FORMATS, Plan, artefact, bundle, data, each_model
from benchmarks.harness.results import Column, Finding, Table, Value
from tinydigits_export.devices.table import IMAGES, IMAGES_BY_ROW, Measured, TooSmall, measured_file

IN_C = ("c", "tiny")
COLUMNS = (
    Column("file"),
    Column("device"),
    Column("flash, B", ",d"),
    Column("static, B", ",d"),
    Column("stack, B", ",d"),
    Column("mean cycles", ",d"),
    Column("worst", ",d"),
    Column("ms", ",.2f"),
    Column("at MHz", ",.1f"),
)


def measure(plan: Plan) -> Finding:
    images = data(plan).test.images[: 3 if plan.short else IMAGES]
    rows: list[tuple[Value, ...]] = []
    refused: list[str] = []
    for name in each_model(plan):
        formats = [format_ for format_ in FORMATS[name] if format_ in IN_C]
        if not formats:
            continue
        folder = bundle(plan, name, formats, at_least=("c",))
        files = [artefact(name, format_) for format_ in formats]
        for file in [file for file in files if (folder / file).exists()]:
            plan.say(f"{file}: in simulation")
            for row in measured_file(folder / file, images):
                if isinstance(row, TooSmall):
                    refused.append(f"{file}: {row.reason}")
                else:
                    rows.append(tuple(_cells(file, row)))
    return Finding(
        "devices",
        what="What the C forms take on microcontrollers: flash for code and weights, static "
        "variables and stack beside the image, and cycles for one image (of Cortex-M: "
        "instructions). `worst` is an image of ink everywhere, or the slowest one. Of `tiny`, "
        "flash and variables are those of a whole program. "
        + (f"Not everything fits: {'; '.join(refused)}." if refused else ""),
        on=f"{len(images)} MNIST test digits; `conv` on {min(len(images), IMAGES_BY_ROW)}",
        how="each image once, in simulators that count; the same in each run",
        tables=(Table("devices", "in simulation", COLUMNS, tuple(rows)),),
    )


def _cells(file: str, row: Measured) -> Iterator[Value]:
    yield from (file, row.target.name, row.flash, row.static, row.stack, round(row.mean), row.worst)
    yield from (row.milliseconds, row.target.clock / 1e6)
