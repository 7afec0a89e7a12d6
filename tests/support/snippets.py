"""The fenced blocks of README.md and docs/*.md: where they are, how they run, what they show."""

import os
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SHELL = ("sh", "bash", "console")
RUN = (*SHELL, "python")
SHOWN = ("text", "json", "c", "cpp", "cmake", "ini", "toml")  # blocks that are only looked at

_FENCE = re.compile(r"( *)```(\S*)(.*)\n")
_NOT_RUN = re.compile(r"<!-- not run: (.*?) *-->\s*\Z", re.DOTALL)
_INSTALL = re.compile(r'pip install (?:-e )?"?(?:\.|tinydigits)(?:\[([a-z,]+)\])?"?( && |$)')
_SAVED_AS = re.compile(r"\s*Saved as `([\w.-]+)`")
_EXITS = re.compile(r"^(.*\S) +# exits (\d+)$", re.MULTILINE)
_TIMES = re.compile(r"[\d.]+ s \([\d,]+/s\)")
# What depends on the data that was trained on, and on the machine.
_FIGURES = re.compile(r"\b[0-9a-f]{12}\b|\d[\d,.]*(e[-+]\d+)?")
_DECIMALS = re.compile(r"\d\.\d{5,}")  # the last of which differ between processors
_VARIES = re.compile(r"tinydigits (train|export|adopt|verify|bench|evaluate)\b")


class Block(NamedTuple):
    """One fenced block."""

    page: Path
    line: int
    """Of its fence, from 1."""

    language: str
    code: str
    not_run: str | None
    """The reason in the comment before it."""

    output: str | None
    """The `text` block that follows with nothing between: what the code prints."""

    saved_as: str | None = None
    """The file that it is to be written to, if "Saved as `NAME`" follows it."""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order. Raises ValueError for a fence that is never closed."""
    text = page.read_text("utf-8")
    found: list[Block] = []
    end = 0
    while fence := _FENCE.search(text, end):
        indent, language, rest = fence.groups()
        close = text.find(f"\n{indent}```\n", fence.end() - 1)
        if rest.strip() or close < 0:
            raise ValueError(f"{page}: unusable fence {fence.group()!r}")
        before = text[end : fence.start()]
        code = textwrap.dedent(text[fence.end() : close + 1])
        if language == "text" and found and not before.strip():
            found[-1] = found[-1]._replace(output=code)
        else:
            reason = _NOT_RUN.search(before)
            line = text.count("\n", 0, fence.start()) + 1
            why = " ".join(reason[1].split()) if reason else None
            saved = _SAVED_AS.match(text, close + len(f"\n{indent}```\n"))
            found.append(Block(page, line, language, code, why, None, saved and saved[1]))
        end = close + len(f"\n{indent}```\n")
    return found


def run(block: Block, folder: Path, mnist: Path, commands: Path) -> tuple[int, str]:
    """Return the exit status, and stdout and stderr as they came.

    `commands` is the folder that is searched first for a command.
    """
    paths = (str(commands), str(Path(sys.executable).parent), os.environ["PATH"])
    environment = os.environ | {
        "TINYDIGITS_DATA": str(mnist),
        "PATH": os.pathsep.join(paths),
        "PYTHONPATH": str(ROOT),  # `python -m benchmarks` is typed in a checkout
        "COLUMNS": "80",
    }
    command = (
        ["bash", "-eo", "pipefail", "-c", script(block)]
        if block.language in SHELL
        else [sys.executable, "-c", block.code]
    )
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def script(block: Block) -> str:
    """Return a shell block as a test runs it. It leaves out installs and a run of all tests, which
    .ci/run does; the extras in their names have to exist. `# exits 1` says how the command on its
    line is to end.
    """
    code = block.code
    if block.language == "console":
        typed = [line for line in code.splitlines() if line.startswith("$ ")]
        code = "".join(f"{line.removeprefix('$ ')}\n" for line in typed)
    code = "\n".join(_INSTALL.sub(_looked_at, line) for line in code.splitlines())
    code = re.sub(r"^pytest$", "", code, flags=re.MULTILINE)
    return _EXITS.sub(r"{ \1; } && exit 99; test $? -eq \2", code)


def _looked_at(install: re.Match[str]) -> str:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = set((install[1] or "").split(",")) - {""}
    assert named <= extras["optional-dependencies"].keys(), f"no such extra: {install[0]}"
    return ""


def not_printed(block: Block, printed: str) -> list[str]:
    """Return the lines that a page shows and that the code did not print in this order. `…` means
    any lines. Figures that were trained or measured are not compared.
    """

    def alike(text: str) -> list[str]:
        text = _TIMES.sub("T", text)
        text = _DECIMALS.sub(lambda number: f"{float(number[0]):.4f}", text)
        if _VARIES.search(block.code):
            text = re.sub(" +", " ", _FIGURES.sub("N", text))
        return [line.strip() for line in text.splitlines()]

    lines, missing = alike(printed), []
    for line in expected(block):
        wanted = alike(line)[0]
        if wanted in lines:
            lines = lines[lines.index(wanted) + 1 :]
        else:
            missing.append(line)
    return missing


def expected(block: Block) -> Iterator[str]:
    """Yield each line that the code has to print: those of the block that follows it, and those in
    the comments behind Python's calls of print.
    """
    shown = block.output or ""
    if block.language == "console":
        shown += "".join(line for line in block.code.splitlines(True) if line[:2] != "$ ")
    if block.language == "python":
        shown += "\n".join(re.findall(r"^ *print\(.*\)  # (.*)$", block.code, re.MULTILINE))
    return (line.strip() for line in shown.splitlines() if line.strip(" …"))
