"""`tinydigits export` and `tinydigits verify`: parsing and printing."""

from dataclasses import replace
from pathlib import Path

import click

from tinydigits import MissingExtra, SourceError
from tinydigits.cli.completion import folders
from tinydigits.info import info_path
from tinydigits_export.adopt import adopt as adopt_model
from tinydigits_export.bundle import Receipt, open_bundle
from tinydigits_export.bundle import export as export_bundle
from tinydigits_export.bundle import verify as verify_bundle
from tinydigits_export.c.backend import MissingTool
from tinydigits_export.devices.table import Measured, measured_file
from tinydigits_export.formats import FORMATS, by_file
from tinydigits_export.keras_model import Original, open_original
from tinydigits_export.ranges import RANGES, UNIT
from tinydigits_export.ready import bundled_path, hand_out
from tinydigits_train.data import load_data
from tinydigits_train.labelled_folder import Dataset

DEFAULT = ("onnx", "tflite", "int8")
_USES = ", ".join(f"{name} ({format_.use})" for name, format_ in FORMATS.items())

_data = click.option(
    "--data",
    default="mnist",
    show_default=True,
    metavar="DIR",
    shell_complete=folders,
    help="The data that the model was trained on, as in `tinydigits train`. Every file is "
    "checked with its test images.",
)

_range = click.option(
    "--range", "range_", type=click.Choice(list(RANGES)), metavar="RANGE",
    help="The range of pixels that a model from elsewhere was trained on: "
    f"{', '.join(RANGES)}. Default: the range in which it reads most of the test images.",
)  # fmt: skip


def _split(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
    if unknown := [part for part in asked if part not in FORMATS]:
        raise click.BadParameter(f"{', '.join(unknown)!r}: choose from {', '.join(FORMATS)}")
    return asked


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="The folder to write to.",
)  # fmt: skip
@click.option("--formats", callback=_split, default=",".join(DEFAULT), show_default=True,
    metavar="LIST",
    help=f"Formats to write, separated by commas: {_USES}.",
)  # fmt: skip
@_data
@_range
@click.pass_context
def export(
    ctx: click.Context,
    model: Path,
    output: Path,
    formats: tuple[str, ...],
    data: str,
    range_: str | None,
) -> None:
    """Write a Keras model in other formats, and prove each file.

    MODEL is a .keras or .h5 file. Each file that is written is run over the test images and
    compared with the Keras model. A file that differs by more than its format allows is not kept.

    MODEL may also be the name of a bundled model (conv, light, dense). Its files were proved
    before: they are copied, and TensorFlow is not needed.

    \b
    Examples:
      tinydigits export light -o ready --formats c,html
      tinydigits export digits.keras -o out --formats onnx,c,html
      tinydigits export own.keras -o own --data digits

    \b
    Exit status:
      0  all files are proved and written
      1  a format failed (the others are written), or the files cannot be written
      2  wrong usage, no data, a missing package, or a model that has no export
    """
    model = bundled_path(model)
    ready = hand_out(model, output, formats)
    if ready:
        receipt = ready
    else:
        original = open_original(model)
        found = _matching(original, data, "export", original.labels if original.record else None)
        receipt = export_bundle(original, output, formats, found, range_)
    if receipt.found:
        click.echo(f"{model}: {receipt.found}", err=True)
    _show(receipt)
    formats_of = by_file(receipt.info.name)
    proved = (name for name in receipt.written if name in formats_of)
    sources = [output / name for name in proved if formats_of[name].on_devices]
    if sources and not ready:
        _show_devices(sources, found)
    _complain(receipt)
    click.echo(f"wrote {', '.join(receipt.written)} to {output}", err=True)
    earlier = f"made from an earlier {model.name}"
    if receipt.removed:
        click.echo(f"removed {', '.join(receipt.removed)}: {earlier}", err=True)
    if receipt.left:
        click.echo(f"left {', '.join(receipt.left)}: {earlier}, and changed since", err=True)
    ctx.exit(1 if receipt.failures else 0)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@_data
@click.pass_context
def verify(ctx: click.Context, model: Path, data: str) -> None:
    """Repeat the proof of files that `export` wrote.

    MODEL is the folder that `export` wrote to, or one file in it.

    \b
    Examples:
      tinydigits verify out
      tinydigits verify own/own.onnx --data digits

    \b
    Exit status:
      0  all proofs hold
      1  a file differs, or was changed since it was exported
      2  wrong usage, or a file or package is missing or cannot be opened
    """
    bundle = open_bundle(model)
    found = _matching(bundle.original, data, "verify", bundle.info.labels)
    receipt = verify_bundle(bundle, found.test)
    _show(receipt)
    _complain(receipt)
    ctx.exit(1 if receipt.failures else 0)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="The .onnx file to write. NAME.json is written beside it.",
)  # fmt: skip
@_data
@_range
@click.option(
    "--mean",
    type=float,
    help="The mean that was subtracted from its pixels, which are 0..1 without --range.",
)
@click.option(
    "--std",
    type=click.FloatRange(min=0, min_open=True),
    help="The standard deviation that they were then divided by.",
)
def adopt(
    model: Path, output: Path, data: str, range_: str | None, mean: float | None, std: float | None
) -> None:
    """Take over an ONNX file that was made elsewhere.

    MODEL is an .onnx file, such as PyTorch writes, with one input of 28×28 values, in any shape,
    and one score or logit for each class of the data. The new file takes pixels as all models of
    tinydigits do, and is checked with the test images of --data.

    \b
    Examples:
      tinydigits adopt model.onnx -o mine.onnx
      tinydigits adopt model.onnx -o mine.onnx --mean 0.1307 --std 0.3081

    \b
    Exit status:
      0  the model is written
      1  the new file differs from the model, or cannot be written
      2  wrong usage, no data, a missing package, or a model that is no such file
    """
    if output.suffix != ".onnx":
        raise click.BadParameter(f"{output}: its name has to end in .onnx", param_hint="--output")
    chosen = RANGES[range_] if range_ else None
    if mean is not None or std is not None:
        chosen = (chosen or UNIT).normalised(mean or 0.0, 1.0 if std is None else std)
    info, found = adopt_model(
        model, output, load_data(data, purpose="adopt", extra="export"), chosen
    )
    click.echo(f"{model}: {found}", err=True)
    parity = info.parity[output.name]
    click.echo(
        f"{info.name}: {parity.images:,} test images, {parity.accuracy:.2%} read right, "
        f"agreement {parity.agreement:.2%}, max |Δ| {parity.max_delta:.1e}"
    )
    click.echo(f"wrote {output} and {info_path(output)}", err=True)


def _complain(receipt: Receipt) -> None:
    for name, reasons in receipt.failures.items():
        for reason in reasons:
            click.echo(f"error: {name}: {reason}", err=True)


def _matching(
    original: Original, data: str, purpose: str, labels: tuple[str, ...] | None
) -> Dataset:
    """Load the data that the model was trained on, split as it was then. Raises SourceError if its
    labels are others; None takes any.
    """
    seed = int(original.record.get("seed", 0))
    found = load_data(data, seed=seed, fit=original.fit, purpose=purpose, extra="export")
    if labels and found.numbered and len(found.labels) == len(labels):
        found = replace(found, labels=labels)  # `train --labels` named them
    if labels and found.labels != labels:
        raise SourceError(
            f"{original.path} has the classes {', '.join(labels)}, and the data has "
            f"{', '.join(found.labels)}: pass --data with the folder that it was trained on"
        )
    return found


def _show(receipt: Receipt) -> None:
    info = receipt.info
    images = next((parity.images for parity in info.parity.values()), 0)
    click.echo(
        f"{info.name} ({info.recipe}): {images:,} test images, Keras reads "
        f"{receipt.keras_accuracy:.2%}"
    )
    width = max(len(name) for name in info.artifacts)
    click.echo(
        f"{'artefact':<{width}}  {'bytes':>9}  accuracy  agreement  max |Δ|  ties  differ  "
        "SHA-256       proof"
    )
    for name, artifact in info.artifacts.items():
        figures = " " * 42
        parity = info.parity.get(name)
        if parity:
            delta = "" if name in receipt.unscored else f"{parity.max_delta:.1e}"
            figures = (
                f"{parity.accuracy:>8.2%}  {parity.agreement:>9.2%}  {delta:>7}  "
                f"{parity.ties:>4}  {len(parity.disagreeing):>6}"
            )
        proof = "FAILED" if name in receipt.failures else "holds" if parity else "listed"
        click.echo(
            f"{name:<{width}}  {artifact.bytes:>9,}  {figures}  {artifact.sha256[:12]}  {proof}"
        )
    for name, parity in info.parity.items():
        if parity.disagreeing:
            click.echo(f"{name} differs on test images {_listed(parity.disagreeing)}")


def _show_devices(sources: list[Path], data: Dataset) -> None:
    try:
        tables = {path.name: measured_file(path, data.test.images) for path in sources}
    except (MissingTool, MissingExtra) as error:
        click.echo(f"devices: not measured: {error}", err=True)
        return
    click.echo(
        "in simulation; cycles are instructions for Cortex-M, and estimated for CH32V003; "
        "worst: ink everywhere"
    )
    width = max(map(len, tables))
    click.echo(
        f"{'':<{width}}  device           flash  static  stack  mean cycles       worst  mean time"
    )
    for name, rows in tables.items():
        for row in rows:
            head = f"{name:<{width}}  {row.target.name:<12}"
            if not isinstance(row, Measured):
                click.echo(f"{head}  {row.reason}")
                continue
            took, clock = row.target.milliseconds(row.mean), row.target.clock / 1e6
            click.echo(
                f"{head} {row.flash:>7,} B {row.static:>5,} B {row.stack:>4} B {row.mean:>12,.0f}"
                f" {row.worst:>11,}  {took:.2f} ms at {clock:g} MHz"
            )


def _listed(indices: tuple[int, ...], most: int = 20) -> str:
    shown = ", ".join(map(str, indices[:most]))
    return shown if len(indices) <= most else f"{shown} and {len(indices) - most} more"
