"""The fit in C makes of every picture what the fit in Python makes of it, bit for bit.

$TINYDIGITS_FIT_ARRAYS is the number of random arrays to compare: 300 if it is not set. Photographs
of digits are compared where $TINYDIGITS_PEOPLE names their folder, or where it is in shared/ beside
the project: one in 16, and all of them if the number is above 1,000.
"""

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.golden.make import HERE as GOLDEN
from tests.golden.test_golden import NAMES
from tests.support.fits import (
    CORE,
    HOW,
    INVERT,
    SANITIZERS,
    SHAPES,
    WARNINGS,
    Case,
    answers,
    built,
    differences,
    random_case,
    same,
)
from tinydigits import core, fitting, ink, pieces
from tinydigits.images import decode
from tinydigits_train.labelled_folder import Digits

OTHER_COMPILERS = {"g++": ("-xc++",), "clang": ("-std=c99",)}
ARRAYS = int(os.environ.get("TINYDIGITS_FIT_ARRAYS", "300"))
PEOPLE = Path(os.environ.get("TINYDIGITS_PEOPLE", ROOT.parent / "shared" / "data" / "people"))
AT_ONCE = 500  # cases, which lie in memory


@pytest.fixture(autouse=True)
def _numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let NumPy fit, not the library that the package may hold: it was compiled from the C."""
    monkeypatch.setattr(core, "library", lambda: None)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fit_stream as it is shipped: with vectors."""
    _needs("gcc")
    return built(tmp_path_factory.mktemp("fast"), ["gcc"], "-O3", "-funroll-loops", *WARNINGS)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fit_stream that ends at the first access beyond its arrays, and at undefined behaviour."""
    _needs("gcc")
    return built(tmp_path_factory.mktemp("watched"), ["gcc"], *SANITIZERS)


def _needs(compiler: str) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}: apt-get install {compiler}")


@pytest.mark.parametrize("name", ["fit", "fit_digits", "png", "digit_png"])
@pytest.mark.parametrize("compiler", OTHER_COMPILERS)
def test_it_compiles_without_a_warning_and_needs_no_library_but_to_read_files(
    compiler: str, name: str, tmp_path: Path
) -> None:
    """With gcc too, which compiles `fast` so."""
    _needs(compiler)
    flags = [*OTHER_COMPILERS[compiler], *WARNINGS, "-O1", "-ffreestanding"]
    command = [compiler, *flags, "-c", str(CORE / f"{name}.c"), "-o", str(tmp_path / "core.o")]
    subprocess.run(command, check=True)
    needed = subprocess.run(
        ["nm", "-u", tmp_path / "core.o"], capture_output=True, text=True, check=True
    )
    # These, every compiler calls for itself, and every C library has them.
    allowed = {"U", "memcpy", "memset", "memmove", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}
    files = {"open", "stat", "fstat", "read", "close", "__errno_location"}
    others = {"png_unfilter", "memcmp", "strlen", *files}
    also = {"fit_digits": {"fit_digit"}, "digit_png": others}.get(name, set())
    assert set(needed.stdout.split()) <= allowed | also


def test_its_constants_are_those_of_the_definition() -> None:
    """Also where so small a difference shows in one picture of thousands."""
    source = (CORE / "fit.c").read_text("utf-8")
    found = {name: int(value) for name, value in re.findall(r"#define (\w+) (\d+)", source)}
    pairs = re.findall(r"(\w+)\[2\] = \{(\d+), (\d+)\};", source)
    defined = found | {name: (int(one), int(two)) for name, one, two in pairs}
    modules = vars(pieces) | vars(ink) | vars(fitting)
    expected = {
        name: value
        for name, value in modules.items()
        if name.isupper() and not name.startswith("_") and isinstance(value, int | tuple)
    }
    assert expected.pop("SIDE") == 28  # FIT_MODEL_SIDE
    assert {name: defined.get(name) for name in expected} == expected


def test_golden_pictures_are_fitted_alike(fast: Path, watched: Path) -> None:
    pictures = [np.asarray(decode(GOLDEN / f"{name}.png")) for name in NAMES]
    cases = [Case(each, how, inv) for each in pictures for how in HOW[:3] for inv in INVERT]
    assert differences(fast, cases) == []
    assert differences(watched, cases[::4]) == []
    written = [np.asarray(decode(GOLDEN / f"{name}.28x28.png")) for name in NAMES]
    found = answers(fast, (Case(each).message() for each in pictures))
    for answer, expected in zip(found, written, strict=True):
        assert answer is not None
        assert np.array_equal(answer.pixels, expected)


def test_random_and_hostile_arrays_are_fitted_alike_within_the_workspace(
    fast: Path, watched: Path
) -> None:
    for start in range(0, ARRAYS, AT_ONCE):
        seeds = range(start, min(start + AT_ONCE, ARRAYS))
        cases = [random_case(seed) for seed in seeds]
        assert [seeds[place] for place in differences(fast, cases)] == []
        found = answers(watched, (case.message() for case in cases))
        expected = answers(fast, (case.message() for case in cases))
        for seed, one, other in zip(seeds, found, expected, strict=True):
            assert one is not None, seed
            assert other is not None, seed
            assert same(one, other), seed


def test_arrays_of_every_extreme_shape_are_fitted_alike(fast: Path, watched: Path) -> None:
    random = np.random.default_rng(0)
    cases = []
    for place, (height, width) in enumerate(SHAPES):
        noise = random.integers(0, 256, (height, width, 4), np.uint8)
        checks = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
        dots = np.zeros_like(checks)
        dots[::2, ::2] = 255  # as many pieces as there can be
        how = HOW[place % 3]
        planes = (noise, noise[..., :3].copy(), noise[..., 0].copy())
        cases += [Case(each, how) for each in planes]
        cases += [Case(checks, how), Case(dots, "mnist", False)]
    assert differences(fast, cases) == []
    assert len(answers(watched, (case.message() for case in cases))) == len(cases)


def test_pictures_whose_sums_are_large_are_fitted_alike(fast: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9000, 70, 3), np.uint8)
    cases = [Case(noise), Case(np.resize(noise, (4100, 4100)), "resize")]
    assert differences(fast, cases) == []


def test_a_model_input_is_left_as_it_is(fast: Path, mnist_test: Digits) -> None:
    assert differences(fast, [Case(image) for image in mnist_test.images[:1000]]) == []


def test_28_by_28_is_taken_as_it_is_with_none(fast: Path) -> None:
    random = np.random.default_rng(0)
    shapes = ((28, 28), (28, 28, 3), (28, 28, 4))
    pictures = [random.integers(0, 256, shape, np.uint8) for shape in shapes]
    cases = [Case(each, "none", inv) for each in pictures for inv in INVERT]
    assert differences(fast, cases) == []


@pytest.mark.parametrize(
    "header",
    [
        (0, 28, 1, 28, 0, 2),
        (28, -1, 1, 28, 0, 2),
        (28, 28, 2, 56, 0, 2),
        (28, 28, 3, 83, 0, 2),
        (28, 28, 1, 28, 4, 2),
        (28, 28, 1, 28, 0, 3),
        (28, 29, 1, 28, 3, 2),
        (1 << 25, 1, 1, 1 << 25, 0, 2),
        (1 << 14, (1 << 14) + 1, 1, 1 << 14, 0, 2),
    ],
)
def test_what_it_does_not_take_it_refuses(header: tuple[int, ...], watched: Path) -> None:
    assert answers(watched, [struct.pack("=7i", *header, 0)]) == [None]


if PEOPLE.is_dir():

    def test_photographs_are_fitted_alike(fast: Path) -> None:
        paths = sorted(path for path in PEOPLE.rglob("*") if path.is_file())
        for path in paths if ARRAYS > 1000 else paths[::16]:
            case = Case(np.ascontiguousarray(np.asarray(decode(path))))
            assert differences(fast, [case]) == [], path
