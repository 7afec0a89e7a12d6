"""The shell completes commands, models, folders and files, in bash, zsh and fish."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import SCANS
from tests.support.commands import COMMAND
from tinydigits.cli.main import main

PATIENCE = 30.0  # s: until a shell has answered
SHELLS = ("bash", "zsh", "fish")


def completed(shell: str, *words: str) -> list[str]:
    """What the command offers for the last of the words, as lines in that shell's format."""
    # fish hands over all words and the last one, bash and zsh the number of the last one.
    last = words[-1] if shell == "fish" else str(len(words) - 1)
    asked = {
        "_TINYDIGITS_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": last,
    }
    done = CliRunner().invoke(main, env=asked, prog_name="tinydigits", catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(shell: str) -> None:
    asked = os.environ | {"_TINYDIGITS_COMPLETE": f"{shell}_source"}
    done = subprocess.run([COMMAND], env=asked, capture_output=True, check=True)
    assert f"_TINYDIGITS_COMPLETE={shell}_complete" in done.stdout.decode()
    page = Path(__file__).parents[3] / "docs" / "getting-started.md"
    assert f"_TINYDIGITS_COMPLETE={shell}_source tinydigits" in page.read_text("utf-8")
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.stdout, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("cl",), ["plain,classify"]),
        (("classify", "--sav"), ["plain,--save-fit"]),
        (("classify", "--fit", "m"), ["plain,mnist"]),
        (("classify", "-m", "d"), ["file,d", "plain,dense"]),
        (("classify", "-m", "out/"), ["file,out/"]),
        (("classify", "sc"), ["file,sc"]),
        (("classify", ".", "--sort-into", "so"), ["dir,so"]),
        (("read", "--li"), ["plain,--lines"]),
        (("read", "--lines", "o"), ["plain,one"]),
        (("read", "nu"), ["file,nu"]),
        (("evaluate", "di"), ["dir,di"]),
        (("export", "dig"), ["file,dig"]),
        (("info", "c"), ["file,c", "plain,conv"]),
    ],
)
def test_what_can_follow_is_offered(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed("bash", "tinydigits", *words) == offered


def test_zsh_and_fish_get_the_same_with_what_it_is_for() -> None:
    says = "Read the digit in each image"
    kind, name, text = completed("zsh", "tinydigits", "cl")
    assert (kind, name) == ("plain", "classify")
    assert text.startswith(says)
    (line,) = completed("fish", "tinydigits", "cl")
    assert line.startswith(f"plain,classify\t{says}")


def test_the_tab_key_completes_in_bash(tmp_path: Path) -> None:
    shutil.copyfile(SCANS / "7-red-pen.png", tmp_path / "only-picture.png")
    reader, writer = pty.openpty()
    environment = os.environ | {
        "PATH": f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}",
        "PS1": "ready> ",
        "TERM": "dumb",
        "HISTFILE": "",
    }
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        cwd=tmp_path,
        env=environment,
        stdin=writer,
        stdout=writer,
        stderr=writer,
        start_new_session=True,
    )
    os.close(writer)
    try:
        _type(reader, "", until="ready> ")
        _type(reader, 'eval "$(_TINYDIGITS_COMPLETE=bash_source tinydigits)"\n', until="ready> ")
        _type(reader, "tinydigits cla\t", until="tinydigits classify ")
        _type(reader, "-m de\t", until="-m dense ")
        _type(reader, "onl\t", until="only-picture.png ")
        assert "only-picture.png: 7" in _type(reader, "\n", until="ready> ")
    finally:
        shell.kill()
        shell.wait()
        os.close(reader)


def _type(terminal: int, keys: str, until: str) -> str:
    """Types, and reads until that is there; all that was read."""
    os.write(terminal, keys.encode())
    read, end = "", time.monotonic() + PATIENCE
    while until not in read:
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        assert ready, f"{until!r} did not come, but {read!r}"
        read += os.read(terminal, 4096).decode(errors="replace")
    return read
