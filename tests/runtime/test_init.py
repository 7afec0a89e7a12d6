"""The runtime is light: it imports its four dependencies and nothing else, when they are needed."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tinydigits
from tests.conftest import ROOT

PACKAGE = Path(tinydigits.__file__).parent
DEPENDENCIES = {"click", "numpy", "onnxruntime", "PIL"}
EXTRAS = {"ai_edge_litert", "aiohttp", "fsspec", "pandas", "pyarrow", "ray", "zstandard"}
EXTRAS |= {"pillow_heif", "pypdfium2"}


def modules_after(code: str) -> set[str]:
    """Names of the modules that running `code` in a fresh interpreter imports."""
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_import_brings_no_heavy_package_and_no_decoder() -> None:
    modules = modules_after("import tinydigits; tinydigits.Classifier")
    assert "tinydigits" in modules
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & {"tensorflow", "keras", "click", "onnxruntime", "onnx", "ai_edge_litert"}
    assert not {name for name in modules if name.startswith("PIL.") and "ImagePlugin" in name}


def test_version_answers_without_onnxruntime() -> None:
    code = "import sys; sys.argv = ['tinydigits', '--version']\n"
    modules = modules_after(code + "from tinydigits.cli.main import main; main()")
    assert "tinydigits.cli.main" in modules
    assert not {name for name in modules if name.partition(".")[0] in ("onnxruntime", "tensorflow")}


def test_help_and_classify_do_not_import_tensorflow() -> None:
    digit = ROOT / "examples" / "scans" / "1-small.png"
    for words in (["--help"], ["classify", "--help"], ["classify", str(digit)]):
        code = f"import sys; sys.argv = ['tinydigits', *{words!r}]\n"
        modules = modules_after(code + "from tinydigits.cli.main import main; main()")
        assert not {name for name in modules if name.partition(".")[0] in ("tensorflow", "keras")}


def test_pictures_that_are_here_are_read_without_what_is_for_the_cloud() -> None:
    digit = ROOT / "examples" / "scans" / "1-small.png"
    code = f"import sys; sys.argv = ['tinydigits', 'classify', {str(digit)!r}]\n"
    modules = modules_after(code + "from tinydigits.cli.main import main; main()")
    assert "tinydigits.remote.location" in modules
    assert "tinydigits.remote.listing" not in modules
    assert not {name for name in modules if name.startswith("fsspec")}


def test_the_runtime_imports_only_what_it_may() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                top = name.partition(".")[0]
                assert (
                    top in sys.stdlib_module_names
                    or top in DEPENDENCIES | {"tinydigits"}
                    or (top in EXTRAS and node.col_offset > 0)
                ), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    ("system", "machine", "needed"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", True),
        ("darwin", "arm64", True),
        ("win32", "AMD64", True),
        ("linux", "armv7l", False),
        ("linux", "riscv64", False),
        ("linux", "i686", False),
        ("linux", "arm", False),
        ("win32", "x86", False),
        ("darwin", "x86_64", False),
        ("emscripten", "wasm32", False),
        ("android", "aarch64", False),
    ],
)
def test_onnxruntime_is_left_out_where_it_has_no_wheels(
    system: str, machine: str, needed: bool
) -> None:
    """Wheels as of onnxruntime 1.32, for Python 3.14."""
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    environment = {"sys_platform": system, "platform_machine": machine, "python_version": "3.14"}
    wanted = {
        each.name
        for each in map(Requirement, project["dependencies"])
        if each.marker is None or each.marker.evaluate(environment)
    }
    assert wanted == {"click", "numpy", "pillow"} | ({"onnxruntime"} if needed else set())


def test_all_names_what_is_public() -> None:
    assert sorted(tinydigits.__all__) == tinydigits.__all__
    assert all(hasattr(tinydigits, name) for name in tinydigits.__all__)
