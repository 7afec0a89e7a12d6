"""The command line, in a process of its own or in this one, where TensorFlow is loaded once."""

import subprocess
import sys
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from tests.conftest import ROOT
from tinydigits.cli.main import main

COMMAND = str(Path(sys.executable).with_name("tinydigits"))


def run(*words: object, stdin: bytes = b"", cwd: Path = ROOT) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of `tinydigits WORDS`, typed in `cwd`.

    Use `run_apart` for what only a process of its own can show, such as what TensorFlow prints at
    its start.
    """
    with chdir(cwd):
        done = CliRunner().invoke(main, [*map(str, words)], stdin, catch_exceptions=False)
    return done.exit_code, _text(done.stdout_bytes), _text(done.stderr_bytes)


def run_apart(*words: object, stdin: bytes = b"", cwd: Path = ROOT) -> tuple[int, str, str]:
    """Return the same of the installed command."""
    command = [COMMAND, *map(str, words)]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, check=False)
    return done.returncode, _text(done.stdout), _text(done.stderr)


def _text(written: bytes) -> str:
    return written.decode("utf-8", "surrogateescape")


def run_without_tensorflow(*words: str, cwd: Path) -> tuple[str, str]:
    """Return stdout and stderr of a command that succeeds and does not load TensorFlow."""
    code = (
        "import sys; from tinydigits.cli.main import main\n"
        f"main({[*words]!r}, standalone_mode=False)\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr
