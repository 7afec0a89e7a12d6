"""A wheel that is built with a compiler has the compiled fit. One that is built without reads the
same, says that NumPy fits, and has fit.c for `tinydigits export`.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.commands import COMMAND

pytestmark = pytest.mark.slow
CARRIED = ("README.md", "LICENSE", "pyproject.toml", "hatch_build.py", "runtime", "train", "export")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel was unpacked."""
    pytest.importorskip("hatchling")
    source, to = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in CARRIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=source, env={**os.environ, "CC": "no-compiler"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "no C compiler, so the fit stays in NumPy" in done.stderr
    (wheel,) = (source / "dist").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(to)
    return to


def test_with_a_compiler_it_has_the_library_and_is_made_for_this_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hatchling")
    from hatch_build import LIBRARY, FitHook

    compiler = tmp_path / "cc"  # one that takes no seconds
    compiler.write_text('#!/bin/sh\nfor output; do :; done\necho compiled > "$output"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    (tmp_path / LIBRARY).parent.mkdir(parents=True)
    found: dict[str, Any] = {"force_include": {}, "artifacts": [], "pure_python": True}
    made: Any = FitHook
    made(str(tmp_path), {}, None, None, str(tmp_path), "wheel").initialize("standard", found)
    assert (tmp_path / LIBRARY).read_text() == "compiled\n"
    assert found["artifacts"] == [LIBRARY.as_posix()]
    assert not found["pure_python"]
    assert found["tag"].startswith("py3-none-")
    assert found["tag"] != "py3-none-any"


def output(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout


def test_it_says_that_numpy_fits_and_gives_the_rows_of_the_compiled_fit(installed: Path) -> None:
    python = [sys.executable, "-m", "tinydigits"]
    assert "fitted by    numpy\n" in output([*python, "info"], PYTHONPATH=str(installed))
    words = ["classify", "--format", "csv", "examples/scans"]
    assert output([*python, *words], PYTHONPATH=str(installed)) == output([COMMAND, *words])


def test_it_has_the_c_of_the_fit_for_exports(installed: Path) -> None:
    code = "from tinydigits_export.c.source import fit_files as f; print(*f(), sep='', end='')"
    core = ROOT / "runtime" / "core"
    written = "".join((core / name).read_text("utf-8") for name in ("fit.c", "fit.h"))
    assert output([sys.executable, "-c", code], PYTHONPATH=str(installed)) == written
