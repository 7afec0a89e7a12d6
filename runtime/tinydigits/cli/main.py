"""The command line: parsing, printing and exit codes, nothing else.

Results go to stdout, everything else to stderr. Commands are imported when they are called.
"""

import gc
import io
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from itertools import islice
from typing import Any, NoReturn

import click

from tinydigits.cli.completion import models
from tinydigits.cli.signals import stoppable, watch_signals
from tinydigits.errors import TinydigitsError
from tinydigits.quiet import own_process
from tinydigits.remote.location import redacted_in
from tinydigits.version import __version__

_COMMANDS = {
    "classify": "tinydigits.cli.classify:classify",
    "read": "tinydigits.cli.read:read",
    "evaluate": "tinydigits.cli.evaluate:evaluate",
    "bench": "tinydigits.cli.bench:bench",
    "train": "tinydigits_train.cli:train",
    "export": "tinydigits_export.cli:export",
    "verify": "tinydigits_export.cli:verify",
    "adopt": "tinydigits_export.cli:adopt",
}

_LISTED = 10_000  # names in a folder that a mistyped one is compared with: 0.1 s


def run() -> NoReturn:
    """Run the command `tinydigits`: call main, without the work that Python does at the start and
    end for programs that live longer. That work is 30 ms of the 170 that one picture takes.
    """
    watch_signals()
    own_process()
    # NumPy would start a thread for each CPU, at 7 ms of CPU time each. No product here is large
    # enough for several, and workers share the CPUs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(50_000)  # a start makes many objects and no garbage
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # a closed pipe
        status = status or 1
    with suppress(OSError, AttributeError):  # what cannot be said changes nothing
        sys.stderr.flush()
    if any(package in sys.modules for package in ("tinydigits_train", "tinydigits_export")):
        sys.exit(status)  # TensorFlow removes temporary files when Python ends
    os._exit(status)  # nothing is left to undo


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = _COMMANDS[cmd_name].partition(":")
        if not module.startswith("tinydigits."):  # the others have temporary files to remove
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if not (name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name)):
            from tinydigits.text import similar

            meant = similar(name, self.list_commands(ctx))
            hint = f"; did you mean {meant}?" if meant else ""
            if os.path.lexists(name):
                hint = f"; to read it, type: tinydigits classify {name}"
            ctx.fail(f"No such command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TinydigitsError as error:
            _complain(error)
            ctx.exit(error.exit_code)
        except click.ClickException as error:
            vars(error)["message"] = redacted_in(error.message)  # mypy takes it for final
            raise
        except BrokenPipeError:
            raise  # the reader has seen enough: click ends the command without a word
        except OSError as error:  # too many open files, a folder that is gone
            _complain(error)
            ctx.exit(1)


def _complain(error: Exception) -> None:
    text = redacted_in(f"error: {error}{_meant(error.__cause__ or error)}")
    # A file name may hold control characters; a compiler prints several lines.
    if not text.isprintable():
        from tinydigits.text import printable

        text = "\n".join(map(printable, text.split("\n")))
    click.echo(text, err=True)


def _meant(error: BaseException) -> str:
    """Return the question whether another path was meant; empty unless `error` is about a path that
    is not there, and one with a similar name is.
    """
    if not isinstance(error, FileNotFoundError) or not error.filename:
        return ""
    from pathlib import Path

    from tinydigits.names import is_hidden
    from tinydigits.text import similar

    parts = Path(os.fsdecode(error.filename)).parts
    there, missing = Path(), iter(parts)
    for part in missing:
        if not os.path.lexists(there / part):
            break
        there /= part
    hidden = part.startswith(".")
    try:
        names = [each.name for each in islice(there.iterdir(), _LISTED)]
        name = similar(part, [each for each in names if hidden or not is_hidden(each)])
    except OSError:
        return ""
    if name is None:
        return ""
    whole = there.joinpath(name, *missing)
    return f"; did you mean {whole if whole.exists() else there / name}?"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tinydigits", message="%(prog)s %(version)s")
def main() -> None:
    """Read handwritten digits from image files, in bulk and on small devices.

    \b
    Examples:
      tinydigits classify examples/scans
      tinydigits classify --help
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know Δ and ·
            stream.reconfigure(errors="backslashreplace")


@main.command()
@click.argument("model", required=False, shell_complete=models)
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
def info(model: str | None, as_json: bool) -> None:
    """Describe a model: its recipe, size, thresholds and figures.

    MODEL is the name of a bundled model, or an .onnx or .tflite file. Default: the model that
    `classify` uses by default.

    \b
    Examples:
      tinydigits info
      tinydigits info dense --json
      tinydigits info out/digits.onnx

    \b
    Exit status:
      0  the model was printed
      2  wrong usage, no such model, or a model that cannot run here
    """
    from textwrap import fill

    from tinydigits import core
    from tinydigits.backends import load_onnxruntime
    from tinydigits.model import load_model
    from tinydigits.text import printable

    backend, card = load_model(model)
    if as_json:
        click.echo(card.to_json())
        return
    why = f": {load_onnxruntime()[1]}" if backend.name == "numpy" else ""
    here = [("run by", backend.name + why), ("fitted by", core.name())]
    for name, value in [*card.summary(), *here]:
        line = printable(f"{name:<12} {value}")  # terminals obey control characters
        click.echo(fill(line, 100, subsequent_indent=" " * 13, break_long_words=False))


@main.command()
@click.argument("log", type=click.Path())
@click.pass_context
def unsort(ctx: click.Context, log: str) -> None:
    """Move sorted pictures back to where they came from.

    LOG is the sort-log.jsonl that `classify --sort-into DIR --sort-by move` left in DIR. Use only
    your own logs: each file in DIR goes to the place that the log names, if that place is free.

    \b
    Examples:
      tinydigits classify inbox --sort-into by-class --sort-by move
      tinydigits unsort by-class/sort-log.jsonl

    \b
    Exit status:
      0         all pictures are back
      1         some pictures are not back
      2         wrong usage, or no such log
      130, 143  stopped by Ctrl-C or by SIGTERM
    """
    from tinydigits.sinks.unsort import unsort as undo
    from tinydigits.text import printable

    with stoppable(lambda: "run the command again to go on") as stopper:
        moved, left = undo(log, stopper.held)
    for path, why in left:
        click.echo(f"{printable(path)} stays: {printable(why)}", err=True)
    click.echo(f"{moved:,} moved back, {len(left):,} not", err=True)
    ctx.exit(1 if left else 0)
