"""Programs around the C of a network, and the tools that build and simulate them."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tinydigits import MissingExtra
from tinydigits_export.c.backend import WARNINGS, MissingTool, host_compiler
from tinydigits_export.c.source import CSource

SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@contextmanager
def tools_or_skip() -> Iterator[None]:
    """Skips the test where a compiler, a simulator or another tool is missing."""
    try:
        yield
    except (MissingTool, MissingExtra) as error:
        pytest.skip(str(error))


def compilers() -> list[list[str]]:
    """Return this machine's compiler, and clang where it is installed."""
    return [host_compiler(), *[[path] for path in [shutil.which("clang")] if path]]


def written_by(
    main: str, source: CSource, images: NDArray[np.uint8], compiler: list[str], folder: Path
) -> NDArray[np.uint8]:
    """Return what the C program `main`, which reads images, writes: uint8 [N]. Fails where the
    compiler or a sanitizer complains.
    """
    for name, text in ((f"{source.name}.c", source.c), (f"{source.name}.h", source.h)):
        (folder / name).write_text(text)
    (folder / "main.c").write_text(main)
    command = [*compiler, *WARNINGS, *SANITIZERS, f"{source.name}.c", "main.c", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run([folder / "main"], input=images.tobytes(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return np.frombuffer(done.stdout, np.uint8)
