"""Options that several commands share, and checks of options that exclude or need each other."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import reduce, wraps
from typing import Any, BinaryIO, get_args

import click

from tinydigits.backends import NOT_INSTALLED, load_onnxruntime
from tinydigits.bounds import MOST_PIXELS, Limits
from tinydigits.classifier import BATCH_SIZE, Classifier
from tinydigits.cli.completion import files, models
from tinydigits.cli.summary import say
from tinydigits.errors import SourceError
from tinydigits.fitting import Fit
from tinydigits.model import BUNDLED, BackendName
from tinydigits.names import Kind, file_of, kind_by_ending, kind_of
from tinydigits.pipeline import Workers
from tinydigits.reading import Settings
from tinydigits.remote.location import Location
from tinydigits.sinks.output import JOURNALS, Format, format_of
from tinydigits.version import __version__

_LIMITS = Limits()
INVERT = {"auto": None, "yes": True, "no": False}


class WorkersType(click.ParamType):  # type: ignore[type-arg] # generic in stubs, not at run time
    """A number of processes, or `auto`."""

    name = "auto|N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Workers:
        if value == "auto":
            return "auto"
        return int(click.IntRange(1, 1024).convert(value, param, ctx))


def _adding(*options: Any) -> Callable[[Any], Any]:
    """Return a decorator that adds the options to a command, in order."""

    def add(function: Any) -> Any:
        return reduce(lambda command, option: option(command), reversed(options), function)

    return add


backend_option = click.option(
    "--backend",
    type=click.Choice(get_args(BackendName), case_sensitive=False),
    help="The program that runs the network. litert runs TFLite files, the others run ONNX files. "
    "Default: litert for a TFLite file; for others onnxruntime where it loads, else numpy.",
)

_reading = _adding(
    click.option(
        "-m",
        "--model",
        metavar="MODEL",
        shell_complete=models,
        help=f"A bundled model ({', '.join(BUNDLED)}), or an .onnx or .tflite file. "
        f"Default: {BUNDLED[0]}.",
    ),
    backend_option,
    click.option(
        "--invert",
        type=click.Choice(tuple(INVERT)),
        default="auto",
        show_default=True,
        help="Whether the ink is darker than the background: yes, no, or auto (detect it).",
    ),
    click.option(
        "--min-score",
        type=click.FloatRange(0, 1),
        help="Mark answers below this score as uncertain. Default: the model's own.",
    ),
    click.option(
        "--max-pixels",
        type=click.IntRange(1, MOST_PIXELS),
        default=_LIMITS.max_pixels,
        show_default=True,
        help="Refuse images with more pixels (width × height).",
    ),
    click.option(
        "--max-bytes",
        type=click.IntRange(1),
        default=_LIMITS.max_bytes,
        show_default=True,
        help="Refuse files with more bytes.",
    ),
    click.option(
        "--max-seconds",
        type=click.FloatRange(0.1),
        default=_LIMITS.max_seconds,
        show_default=True,
        help="Refuse images that take longer than this to read. A single process, such as auto "
        "takes for a small job, reads each image to its end.",
    ),
    click.option(
        "--workers",
        type=WorkersType(),
        default="auto",
        show_default=True,
        help="Number of processes. auto: one for each CPU, and one in all for a small job.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, 65536),
        default=BATCH_SIZE,
        show_default=True,
        help="Number of images that a process reads at a time.",
    ),
    click.option(
        "--report",
        metavar="FILE.html",
        shell_complete=files,
        help="Write an HTML page that shows the pictures and their answers.",
    ),
)


def reading_options(function: Any) -> Any:
    """Add the options of every command that reads pictures. Those that a Classifier takes come as
    one argument, `settings`.
    """

    @wraps(function)
    def with_settings(**options: Any) -> Any:
        settings = settings_of(options)
        left = {name: value for name, value in options.items() if name not in _TAKEN}
        return function(settings=settings, **left)

    return _reading(with_settings)


fit_option = click.option(
    "--fit",
    type=click.Choice(get_args(Fit)),
    help="How to bring pictures to 28×28. auto: find the digit and centre it as MNIST does, unless "
    "the picture already looks like MNIST; mnist: always do so; resize: change only the size; "
    "none: refuse other sizes. Default: the model's own.",
)
"""For commands that read one digit a picture, below `reading_options`, which takes it."""


writing_options = _adding(
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        shell_complete=files,
        help="Write the rows to this file instead of stdout.",
    ),
    click.option(
        "--format",
        "format_",
        type=click.Choice(get_args(Format)),
        help="Format of the rows. Default: by the ending of -o, otherwise text. csv-excel is CSV "
        "with the mark by which spreadsheets recognise UTF-8.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Continue an earlier run: keep the rows that are in the file -o, and add the others.",
    ),
)
"""For every command that writes a row for each picture."""


# The options that become Settings.
_TAKEN = {field.name for field in fields(Settings)}.union(Limits._fields)


def settings_of(options: dict[str, Any]) -> Settings:
    """Return the Settings that the options of `reading_options` ask for."""
    return Settings(
        options["model"],
        options.get("fit"),
        INVERT[options["invert"]],
        options["min_score"],
        Limits(options["max_pixels"], options["max_bytes"], options["max_seconds"]),
        backend=options["backend"],
    )


def open_classifier(settings: Settings) -> Classifier:
    """Open a Classifier, and say so where numpy takes the place of an onnxruntime that is
    installed. Raises as Classifier does.
    """
    classifier = Classifier.of(settings)
    if settings.backend is None and classifier.backend == "numpy":
        why = load_onnxruntime()[1]
        if why != NOT_INSTALLED:
            say(f"{why}; numpy runs the network")
    return classifier


def rows_to(options: dict[str, Any]) -> tuple[str | None, Format]:
    """Return the file that rows are written to, None for stdout, and their format. Raises
    UsageError as `check_usage` does, and SinkRefused.
    """
    output = None if options["output"] == "-" else options["output"]
    format_ = options["format_"] or (format_of(output) if output else "text")
    check_usage(options | {"output": output, "format_": format_})
    return output, format_


def row_settings(
    classifier: Classifier, format_: str, batch_size: int, shown: Mapping[str, object]
) -> dict[str, object]:
    """Return all but the inputs that rows depend on. `shown`: the settings of the columns."""
    return {
        "tinydigits": __version__,
        "model": classifier.info.name,
        "model_sha256": classifier.model_sha256,
        "backend": classifier.backend,
        "fit": classifier.reader.fit,
        "invert": {value: name for name, value in INVERT.items()}[classifier.settings.invert],
        "min_score": classifier.thresholds.min_score,
        "max_ratio": classifier.thresholds.max_ratio,
        "max_pixels": classifier.settings.limits.max_pixels,
        "max_bytes": classifier.settings.limits.max_bytes,
        "max_seconds": classifier.settings.limits.max_seconds,
        "batch_size": batch_size,
        "format": format_,
        **shown,
    }


def open_stdin() -> BinaryIO:
    """Return the stream that `-` stands for. Raises SourceError where it is closed."""
    if sys.stdin is None:
        raise SourceError("-: stdin is closed, where a list of files was expected")
    return sys.stdin.buffer


def check_there(inputs: Iterable[str]) -> None:
    """Raise SourceError where a file or folder that the command line names is not there."""
    for name in inputs:
        if kind_of(name) not in (Kind.STDIN, Kind.REMOTE):
            try:
                os.lstat(file_of(name))
            except OSError as error:
                raise SourceError(
                    f"{name}: {error.strerror}; check the name (nothing was read or written)"
                ) from error


def check_usage(options: dict[str, Any]) -> None:
    """Raise UsageError where options exclude each other, or an output would replace an input."""
    for name in ("output", "report", "sort_into", "save_fit"):
        if options.get(name) == "":
            raise click.UsageError(f"--{name.replace('_', '-')} has an empty name")
        if address := Location.parse(options.get(name) or ""):
            raise click.UsageError(
                f"{address}: results are written to files on this machine: name a file here and "
                "copy it; or use `tinydigits classify --engine ray`, whose -o can be a folder there"
            )
    output, report, inputs = options.get("output"), options.get("report"), options["inputs"]
    if output and report and os.path.realpath(output) == os.path.realpath(report):
        raise click.UsageError("-o and --report name the same file: name two")
    if report and kind_by_ending(report) is not None:
        raise click.UsageError(
            f"--report {report} would be an image or hold images: name a .html file"
        )
    for name in filter(None, (output, report)):
        if any(os.path.realpath(name) == os.path.realpath(each) for each in inputs):
            raise click.UsageError(f"{name} is an input and would be replaced: name another file")
    resume, watch = options.get("resume"), options.get("watch")
    if resume and (not output or options["format_"] not in JOURNALS):
        raise click.UsageError("--resume needs -o FILE.csv or -o FILE.jsonl")
    for name in ("watch", "sort_into", "report", "save_fit"):
        if resume and options.get(name):
            raise click.UsageError(f"--resume cannot be used with --{name.replace('_', '-')}")
    if options.get("settle") is not None and not watch:
        raise click.UsageError("--settle needs --watch")
    if options.get("dry_run") and not options["sort_into"]:
        raise click.UsageError("--dry-run needs --sort-into DIR")
    if options.get("sort_by") and not options["sort_into"]:
        raise click.UsageError("--sort-by needs --sort-into DIR")
    kinds = set(map(kind_of, inputs)) if watch else set()
    if Kind.STDIN in kinds:
        raise click.UsageError("--watch watches folders and files, not a list on stdin")
    if Kind.REMOTE in kinds:
        raise click.UsageError("--watch watches folders and files, not addresses")
    if watch and options["workers"] not in ("auto", 1):
        raise click.UsageError("--watch reads in one process: leave out --workers")
    if options.get("format_") == "parquet" and (watch or not output):
        raise click.UsageError("Parquet needs -o FILE, and cannot be used with --watch")
