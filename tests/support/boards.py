"""A library for Arduino, built for this machine with board_headers/, which stand for those
of a core, a camera and a screen.
"""

import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tinydigits.model import MODELS
from tinydigits_export.c.backend import host_compiler
from tinydigits_export.ready import hand_out

HEADERS = Path(__file__).with_name("board_headers")
STRICT = ("-Wall", "-Wextra", "-Werror")


def unpacked(model: str, folder: Path) -> Path:
    """Return the library of a bundled model: the one folder in its zip."""
    hand_out(MODELS / f"{model}.keras", folder / "out", ("arduino",))
    with zipfile.ZipFile(folder / "out" / f"{model}_arduino.zip") as archive:
        archive.extractall(folder)
    return folder / f"tinydigits_{model}"


def compiled_library(library: Path, folder: Path) -> list[Path]:
    sources = sorted((library / "src").glob("*.c"))
    subprocess.run([*host_compiler(), *STRICT, "-c", *sources], cwd=folder, check=True)
    return [folder / f"{source.stem}.o" for source in sources]


def program_of(library: Path, example: str, objects: Sequence[Path], folder: Path) -> Path:
    """Build an example for this machine, with standard input and output as its serial line."""
    program = folder / example
    sketch = library / "examples" / example / f"{example}.ino"
    options = ["-std=c++17", f"-I{HEADERS}", f"-I{library / 'src'}", "-include", "Arduino.h"]
    inputs = ["-x", "c++", str(sketch), "-x", "none", *map(str, objects)]
    subprocess.run(["g++", *STRICT, *options, *inputs, "-o", str(program)], check=True)
    return program
