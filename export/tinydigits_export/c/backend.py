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
from tinydigits_export.c.source import PIXELS, CSource, filled, scores_of

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


def loaded(source: CSource, *flags: str) -> ctypes.CDLL:
    """Compile C into a library of this machine, which stays loaded until Python ends. Beside the
    functions in the header it has those of host.c, which take many images. Raises MissingTool
    without a compiler.

    flags: further ones for the compiler, which may overrule those here.
    """
    names = {"name": source.name, "classes": source.classes}
    host = filled("host.c" if source.fraction else "host_by_pixel.c", names)
    texts = {".c": source.c, ".h": source.h, "_host.c": host}
    with tempfile.TemporaryDirectory(prefix="tinydigits-c-") as folder:
        files = [Path(folder) / f"{source.name}{ending}" for ending in texts]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, "utf-8")
        library = Path(folder) / "library.so"
        options = [*WARNINGS, "-O2", "-shared", "-fPIC", *flags]
        inputs = [str(file) for file in files if file.suffix == ".c"]
        compiled([*host_compiler(), *options, *inputs, "-o", str(library)], f"{source.name}.c")
        return ctypes.CDLL(str(library))  # stays loaded when its file is gone


class CBackend:
    """A library compiled from C. If the C gives no logits, it answers the class alone: scores
    are 1 for the class and 0 for the others.
    """

    name = "C"
    metadata: ModelInfo | None = None

    def __init__(self, source: CSource) -> None:
        """Compile the C. Raises MissingTool without a compiler."""
        self.sha256 = hashlib.sha256(source.c.encode()).hexdigest()
        self.classes = source.classes
        self.gives_logits = source.fraction > 0
        self._source, self._library = source, loaded(source)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Compute logits. images: uint8 [N, 28, 28] → int32 [N, K], in units of 2 ** -fraction."""
        result = np.empty((len(images), self.classes), np.int32)
        self._call("scores_each", images, result)
        return result

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Classify images. images: uint8 [N, 28, 28] → uint8 [N, 2]: class, and score × 255, which
        is 0 where the C gives no logits.
        """
        result = np.zeros((len(images), 2), np.uint8)
        self._call("classify_each", images, result)
        return result

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute scores. images: uint8 [N, 28, 28] → float32 [N, K]."""
        if not self.gives_logits:
            return np.asarray(np.eye(self.classes, dtype=np.float32)[self.classify(images)[:, 0]])
        return scores_of(self.logits(images), self._source.fraction)

    def _call(self, function: str, images: NDArray[np.uint8], result: NDArray[Any]) -> None:
        images = np.ascontiguousarray(images, np.uint8).reshape(len(result), PIXELS)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (images, result)]
        called = getattr(self._library, f"{self._source.name}_{function}")
        called(pointers[0], ctypes.c_uint32(len(images)), pointers[1])
