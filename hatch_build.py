"""Compiles the fit, and decoders of PNG, while a wheel is built: the SOURCES in runtime/core →
tinydigits/libfit.so. The wheel also has the C of the fit itself, which `tinydigits export` writes
beside networks.

The library needs neither Python's headers nor its ABI, so one file serves every Python. If no C
compiler is found, or it fails, the package is built without it and the fit runs in NumPy;
`tinydigits info` says which is in use.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CORE = Path("runtime", "core")
LIBRARY = Path("runtime", "tinydigits", "libfit.so")
SOURCES = ("fit.c", "fit_digits.c", "png.c", "digit_png.c")
EXPORTED = "tinydigits_export/c/templates"  # in the wheel; an editable install reads CORE
FLAGS = ("-std=c99", "-O3", "-funroll-loops", "-fPIC", "-shared", "-DNDEBUG")


class FitHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the library before hatchling collects the files of a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and mark the wheel as one for this platform."""
        if version == "standard":
            for name in ("fit.c", "fit.h"):
                build_data["force_include"][str(Path(self.root, CORE, name))] = f"{EXPORTED}/{name}"
        library = Path(self.root, LIBRARY)
        library.unlink(missing_ok=True)
        if os.environ.get("TINYDIGITS_PURE") == "1" or not _compiled(self.root, library):
            return
        build_data["artifacts"].append(LIBRARY.as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = (
            f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        )


def _compiled(root: str, library: Path) -> bool:
    compiler = shlex.split(os.environ.get("CC", "")) or [shutil.which("cc") or "gcc"]
    sources = [str(Path(root, CORE, name)) for name in SOURCES]
    command = [*compiler, *FLAGS, *sources, "-o", str(library)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        print(f"tinydigits: no C compiler, so the fit stays in NumPy: {error}", file=sys.stderr)
        return False
    if done.returncode:
        print(f"tinydigits: the fit stays in NumPy:\n{done.stderr}", file=sys.stderr)
    return done.returncode == 0
