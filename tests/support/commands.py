"""The command line in this process, where TensorFlow is loaded once for many commands."""

from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from tests.conftest import ROOT
from tinydigits.cli.main import main


def run(*words: str, cwd: Path = ROOT) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of `tinydigits WORDS`, typed in `cwd`.

    Use `tests.runtime.cli.test_main.run` for what only a process of its own can show, such as what
    TensorFlow prints at its start.
    """
    with chdir(cwd):
        done = CliRunner().invoke(main, words, catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr
