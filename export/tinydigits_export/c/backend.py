"""Generated C, compiled for this machine and run as a Backend, so that it is proved like the rest.

This is also the only module that looks for compilers, and says what to install if there is none.
"""

import ctypes
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits.errors import TinydigitsError
from tinydigits_export.c.source import PIXELS, CSource

WARNINGS = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")


class MissingTool(TinydigitsError):  # noqa: N818 - named for what the user has to do about it
    """A program or library outside Python is needed; the message names its Debian packages."""

    def __init__(self, purpose: str, tool: str, packages: str) -> None:
        super().__init__(
            f"{purpose} needs {tool}: on Debian and Ubuntu, apt-get install {packages}"
        )


def find_tool(name: str, purpose: str, packages: str) -> str:
    """Return the path of the program `name`. Raises MissingTool if it is not installed."""
    path = shutil.which(name)
    if path is None:
        raise MissingTool(purpose, name, packages)
    return path


def host_compiler() -> list[str]:
    """Return this machine's C compiler: $CC, which may have options, else cc, gcc or clang."""
    chosen = shlex.split(os.environ.get("CC", ""))
    if chosen:
        return [find_tool(chosen[0], "$CC", "gcc"), *chosen[1:]]
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    raise MissingTool("running the C form of a model", "a C compiler", "gcc")


def compiled(command: Sequence[str], what: str) -> None:
    """Run a compiler. Raises ModelError with the compiler's message if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ModelError(f"{what}: does not compile: {done.stderr.strip()}")


def read_source(path: Path) -> CSource:
    """Read a .c file that `export` wrote, and the .h beside it. Raises ModelError."""
    try:
        c, h = path.read_text("utf-8"), path.with_suffix(".h").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read with its .h: {error}") from error
    classes = re.search(r"_CLASSES (\d+)$", h, re.MULTILINE)
    fraction = re.search(r"_ONE \(\(int32_t\)1 << (\d+)\)$", h, re.MULTILINE)
    by_pixel = f"void {path.stem}_push(uint8_t pixel);" in h  # such C gives no logits
    if not (classes and (fraction or by_pixel)):
        raise ModelError(f"{path.with_suffix('.h')}: not a file that `tinydigits export` wrote")
    return CSource(path.stem, c, h, "", "", int(classes[1]), int(fraction[1]) if fraction else 0)


class CBackend:
    """A library compiled from C, which stays loaded until Python ends."""

    metadata: ModelInfo | None = None

    def __init__(self, source: CSource, flags: Sequence[str] = ()) -> None:
        """Compile the C. flags: further ones for the compiler. Raises MissingTool without one."""
        self.sha256 = hashlib.sha256(source.c.encode()).hexdigest()
        self.classes = source.classes
        self._one = 2.0**source.fraction
        with tempfile.TemporaryDirectory(prefix="tinydigits-c-") as name:
            folder = Path(name)
            (folder / f"{source.name}.h").write_text(source.h, "utf-8")
            file, library = folder / f"{source.name}.c", folder / f"{source.name}.so"
            file.write_text(source.c, "utf-8")
            options = [*WARNINGS, "-O2", "-shared", "-fPIC", *flags]
            command = [*host_compiler(), *options, str(file), "-o", str(library)]
            compiled(command, file.name)
            functions = ctypes.CDLL(str(library))  # stays loaded when its file is gone
        self._scores = getattr(functions, f"{source.name}_scores")
        self._scores.restype = None
        self._classify = getattr(functions, f"{source.name}_classify")
        self._classify.restype = ctypes.c_uint8

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Compute logits. images: uint8 [N, 28, 28] → int32 [N, K], in units of 2 ** -fraction."""
        images = np.ascontiguousarray(images, np.uint8).reshape(-1, PIXELS)
        result = np.empty((len(images), self.classes), np.int32)
        for image, row in zip(images, result, strict=True):
            self._scores(_pointer(image), _pointer(row))
        return result

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Classify images. images: uint8 [N, 28, 28] → uint8 [N, 2]: class, and score × 255."""
        images = np.ascontiguousarray(images, np.uint8).reshape(-1, PIXELS)
        result = np.empty((len(images), 2), np.uint8)
        for image, row in zip(images, result, strict=True):
            row[0] = self._classify(_pointer(image), _pointer(row[1:]))
        return result

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = np.clip(self.logits(images) / self._one, -80, 80)  # where float32 still differs
        return (1 / (1 + np.exp(-logits))).astype(np.float32)


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
