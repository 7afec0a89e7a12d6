"""The compiled fit is what runs where a compiler was at hand, and it is the fit in NumPy."""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.scenes import SCENES, scenes
from tests.support.commands import COMMAND
from tests.support.fits import same
from tinydigits import core
from tinydigits.core import HOW, INVERT, LIBRARY, PURE, Fitted, fitted_together, library
from tinydigits.fitting import fit


@pytest.fixture(scope="module")
def compiled() -> list[Fitted]:
    if core.name() != "C" and not any(map(shutil.which, ("cc", "gcc"))):
        pytest.skip("needs a C compiler: apt-get install gcc, and install the package again")
    assert core.name() == "C", f"{LIBRARY} is missing: install the package with a C compiler"
    return all_fitted()


@pytest.fixture
def pure(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """NumPy fits, as where nothing was compiled."""
    monkeypatch.setenv(PURE, "1")
    library.cache_clear()
    yield
    monkeypatch.undo()
    library.cache_clear()


@cache
def pictures() -> list[Image.Image]:
    """A scene of each kind, and noise of each mode in odd shapes."""
    random = np.random.default_rng(0)
    found = [picture for kind in SCENES for picture, _ in scenes(kind, 1)]
    for height, width in ((1, 1), (28, 28), (3, 500), (300, 7), (97, 131)):
        for channels in ((), (3,), (4,)):
            shape = (height, width, *channels)
            found.append(Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)))
    return found


def all_fitted() -> list[Fitted]:
    return [
        fit(picture, how, invert)
        for picture in pictures()
        for how in ("auto", "mnist", "resize")
        for invert in (None, True, False)
    ]


@pytest.mark.usefixtures("compiled")
def test_many_pictures_of_28_by_28_are_fitted_in_one_call_as_each_alone() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (40, 28, 28), np.uint8)
    paper = np.where(noise > 245, np.uint8(30), np.uint8(220))
    many = np.concatenate([noise, paper, np.zeros_like(noise[:2])])[:, :, ::-1]
    for how in HOW:
        for invert in INVERT:
            together = fitted_together(many, how, invert)
            assert together is not None
            alone = [fit(each, how, invert) for each in many]  # type: ignore[arg-type]
            assert all(map(same, together, alone))


@pytest.mark.usefixtures("pure")
def test_c_and_numpy_give_the_same_bytes_and_decisions(compiled: list[Fitted]) -> None:
    assert core.name() == "numpy"
    for by_c, by_numpy in zip(compiled, all_fitted(), strict=True):
        assert np.array_equal(by_c.pixels, by_numpy.pixels)
        assert by_c[1:] == by_numpy[1:]


@pytest.mark.parametrize("value", ["", "1"])
def test_info_says_which_is_in_use(value: str) -> None:
    name = "numpy" if value or not LIBRARY.exists() else "C"
    environment = {PURE: value, "PATH": "/usr/bin:/bin"}
    done = subprocess.run([COMMAND, "info"], env=environment, capture_output=True, check=True)
    assert f"fitted by    {name}\n" in done.stdout.decode()


def test_a_picture_in_colour_is_fitted_where_it_lies_as_from_a_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fourth byte of a pixel is 0 where Pillow never wrote it: then a copy is fitted."""
    (drawn,) = (picture.convert("RGB") for picture, _ in scenes("dust", 1))
    unwritten = Image.new("RGB", drawn.size, None)
    shown = [fit(picture) for picture in (drawn, unwritten)]
    assert core._shared(unwritten) is None
    monkeypatch.setattr(core, "_shared", lambda _: None)
    for there, copied in zip(shown, (fit(drawn), fit(unwritten)), strict=True):
        assert np.array_equal(there.pixels, copied.pixels)
        assert there[1:] == copied[1:]


def test_several_threads_fit_at_the_same_time_as_one_does(compiled: list[Fitted]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for fitted in pool.map(lambda _: all_fitted(), range(4)):
            for one, other in zip(compiled, fitted, strict=True):
                assert np.array_equal(one.pixels, other.pixels)
                assert one[1:] == other[1:]
