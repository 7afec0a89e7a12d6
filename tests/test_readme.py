"""Every command and every line of Python in the README does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples, where the README's commands are typed one after the other."""
    folder = tmp_path_factory.mktemp("stranger")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


def test_it_opens_with_what_it_does_and_the_two_commands() -> None:
    opening = README[: README.index("## Classify")]
    assert "reads handwritten digits from image files" in opening
    assert blocks("sh")[:2] == [
        "pip install . && tinydigits classify examples/scans\n",
        'pip install -e ".[dev]" && pytest\n',
    ]


def test_every_command_works(stranger: Path, mnist_dir: Path) -> None:
    environment = os.environ | {
        "TINYDIGITS_DATA": str(mnist_dir),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    # The installs are what .ci/run does.
    commands = [
        line for block in blocks("sh") for line in block.splitlines() if "pip install" not in line
    ]
    assert len(commands) >= 9
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=stranger, env=environment, capture_output=True, check=False
        )
        expected = 1 if "# exits 1" in command else 0
        assert done.returncode == expected, f"{command}\n{done.stderr.decode()}"
        assert done.stdout or "-o " in command


def test_the_python_works(stranger: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=stranger, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "7 ok",
        "examples/scans/1-small.png 1 None",
        "missing.png None No such file or directory",
    ]
