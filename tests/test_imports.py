"""The house stands: modules import downwards only, rooms open into the rooms below them and no
others, and nothing takes another module's private names. Imports within functions and for type
checkers count as well.
"""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = {
    "tinydigits": ROOT / "runtime" / "tinydigits",
    "tinydigits_train": ROOT / "train" / "tinydigits_train",
    "tinydigits_export": ROOT / "export" / "tinydigits_export",
    "benchmarks": ROOT / "benchmarks",
}
# Each room, and the rooms that it may import from beside itself.
ROOMS = {
    "tinydigits": {"tinydigits.remote", "tinydigits.sources"},
    "tinydigits.remote": {"tinydigits"},
    "tinydigits.sources": {"tinydigits", "tinydigits.remote"},
    "tinydigits.sinks": {"tinydigits", "tinydigits.remote"},
    "tinydigits.cluster": {
        *("tinydigits", "tinydigits.remote", "tinydigits.sources", "tinydigits.sinks"),
    },
    "tinydigits.bench": {"tinydigits", "tinydigits.sources", "tinydigits.sinks"},
    "tinydigits.cli": {
        *("tinydigits", "tinydigits.remote", "tinydigits.sources", "tinydigits.sinks"),
        *("tinydigits.cluster", "tinydigits.bench"),
    },
    "tinydigits_train": {
        *("tinydigits", "tinydigits.sources", "tinydigits.sinks", "tinydigits.cli"),
    },
    "tinydigits_export": {
        *("tinydigits", "tinydigits.sinks", "tinydigits.cli", "tinydigits_train"),
        *("tinydigits_export.c", "tinydigits_export.devices", "tinydigits_export.page"),
    },
    "tinydigits_export.c": {"tinydigits", "tinydigits_export", "tinydigits_train"},
    "tinydigits_export.devices": {"tinydigits", "tinydigits_export", "tinydigits_export.c"},
    "tinydigits_export.page": {"tinydigits", "tinydigits_export"},
}
# The faces of the packages: their modules import from everywhere, and nothing imports them.
FACES = {"tinydigits", "tinydigits.__main__", "benchmarks.__main__"}


def modules() -> dict[str, Path]:
    """Every module by its name. A package has the name of its folder."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


MODULES = modules()


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Every node of a file's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imports(module: str) -> Iterator[tuple[str, str]]:
    """Every module of ours that a module imports, with the name that it takes from it, or ""."""
    for node in nodes_of(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole, "") if whole in MODULES else (node.module, alias.name)


@cache
def graph() -> dict[str, set[str]]:
    """Return the modules that each module imports. Collecting the tests does not draw it."""
    return {module: {name for name, _ in imports(module)} for module in MODULES}


def room_of(module: str) -> str:
    """The innermost folder that holds a module."""
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def test_no_circle_ties_modules_together() -> None:
    assert len(graph()) > 100
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


def test_rooms_open_only_into_the_rooms_below() -> None:
    opened = {
        (module, imported)
        for module, found in graph().items()
        for imported in found
        if module not in FACES and not module.startswith("benchmarks")
        if room_of(imported) not in {room_of(module), *ROOMS[room_of(module)]}
    }
    assert opened == set()


def test_the_runtime_knows_neither_training_nor_export() -> None:
    runtime = [module for module in graph() if module.startswith("tinydigits.")]
    named = [
        (module, name)
        for module in runtime
        for name in graph()[module]
        if not name.startswith("tinydigits.") and name != "tinydigits"
    ]
    assert named == []


def test_only_its_users_import_the_face_of_the_runtime() -> None:
    inside = [module for module in graph() if module.startswith("tinydigits.")]
    assert [module for module in inside if graph()[module] & FACES and module not in FACES] == []


def test_private_names_stay_in_their_modules() -> None:
    taken = [
        (module, f"{name}.{member}")
        for module in MODULES
        for name, member in imports(module)
        if member.startswith("_") and not member.startswith("__")
    ]
    assert taken == []
    reached = [
        (module, f"{node.value.id}.{node.attr}")
        for module, path in MODULES.items()
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute)
        if node.attr.startswith("_") and not node.attr.startswith("__")
        if isinstance(node.value, ast.Name) and node.value.id in _modules_named(path)
    ]
    assert reached == []


@cache
def _modules_named(path: Path) -> set[str]:
    """The names by which a file knows modules of ours."""
    return {
        alias.asname or alias.name
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if f"{node.module}.{alias.name}" in MODULES
    }
