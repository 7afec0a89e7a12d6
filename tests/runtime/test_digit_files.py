"""The files of a chunk that are read in one call give the rows that they give one by one."""

import os
import threading
import zlib
from ctypes import addressof, c_int64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.test_plain import drawn, png, text
from tests.support.files import encoded
from tinydigits import Classifier, Limits, reading
from tinydigits.core import library
from tinydigits.items import NOWHERE, Chunk, Followed
from tinydigits.plain import digits_in
from tinydigits.reading import Keep, Reading

pytestmark = [
    pytest.mark.skipif(library() is None, reason="nothing was compiled"),
    pytest.mark.skipif(os.name != "posix", reason="files are read one by one"),
]
DIGIT = drawn((28, 28), 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Paths of digits, and of what else there can be, in one folder; whether each is a digit."""
    folder = tmp_path_factory.mktemp("files")
    digit, packer = encoded(DIGIT), zlib.compressobj()
    rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(DIGIT))
    # A good stream, but a longer file than is taken
    many = [
        packer.compress(rows[at : at + 1]) + packer.flush(zlib.Z_FULL_FLUSH) for at in range(812)
    ]
    contents = {
        "good": digit, "stored": encoded(DIGIT, compress_level=0),
        "black": png(zlib.compress(bytes(812))), "empty": b"", "cut": digit[:-1],
        "more": digit + b"x", "text": b"hello", "long": png(b"".join([*many, packer.flush()])),
        "colour": encoded(DIGIT.convert("RGB")), "alpha": encoded(DIGIT.convert("LA")),
        "bits": encoded(DIGIT.convert("1")), "jpeg": encoded(DIGIT, "JPEG"),
        "title": encoded(DIGIT, pnginfo=text("Title")), "large": encoded(drawn((31, 17), 1)),
        "sum": digit[:-17] + bytes([digit[-17] ^ 1]) + digit[-16:],
        "row more": png(zlib.compress(bytes(29 * 29))), "filter 5": png(zlib.compress(b"\5" * 812)),
        os.fsdecode(b"\xff\n"): digit,
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    links = {"link": "good", "broken": "nothing", "loop": "loop", "up": ".", "to pipe": "pipe"}
    for name, to in links.items():
        (folder / name).symlink_to(to)
    good = {"good", "stored", "black", "link", os.fsdecode(b"\xff\n")}
    names = (*contents, "folder", "pipe", *links, "missing", "a\0b", "\ud900", "x" * 300, "good/x")
    paths = {f"{folder}/{name}": name in good for name in names}
    return paths | {"": False, "/dev/zero": False}


@pytest.mark.parametrize("regular", [False, True])
def test_only_whole_digits_in_regular_files_are_taken(
    regular: bool, files: dict[str, bool]
) -> None:
    for path, is_digit in files.items():
        to: NDArray[np.uint8] = np.full((2, 28, 28), 7, np.uint8)
        assert digits_in([path], regular, to) == [0] * is_digit, path
        assert (to[1] == 7).all()
        if path.endswith(("good", "stored", "link", "\n")):
            assert np.array_equal(to[0], np.asarray(DIGIT)), path


def test_a_pipe_that_took_the_place_of_a_file_is_not_read_from(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(end, encoded(DIGIT))
        to: NDArray[np.uint8] = np.zeros((1, 28, 28), np.uint8)
        assert digits_in([str(pipe)], True, to) == []
        assert os.read(end, 4096) == encoded(DIGIT)
    finally:
        os.close(end)


def told(classifier: Classifier, chunk: Chunk, keep: Keep) -> list[Any]:
    """Everything that a Reading says, to be compared."""
    read: Reading = classifier.reader.read(chunk, keep)
    fitted = None if read.fitted is None else read.fitted.tobytes()
    return [read.scores.tobytes(), read.found, fitted, read.thumbnails, read.in_part]


@pytest.mark.parametrize("regular", [False, True])
def test_a_chunk_gives_the_rows_of_its_pictures_one_by_one(
    regular: bool, files: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever they are, with pictures that are no files, and with low limits."""
    pick = np.random.default_rng(0)
    names, good = list(files), [name for name, is_digit in files.items() if is_digit]
    no_names = [Path(good[0]), encoded(DIGIT), np.asarray(DIGIT)]
    chunks: list[list[Any]] = [good, names, names[::-1], good * 9 + names + good]
    chunks += [[good[at] for at in pick.integers(len(good), size=3)] + no_names + good]
    chunks += [[names[0], "a\0b", *good * 3]]
    jpeg = next(name for name in names if name.endswith("jpeg"))  # is read after the others
    chunks += [[jpeg, *good, *good]]
    named = [name for name in names if "\0" not in name and "\ud900" not in name]
    chunks += [[*good * 3, *(named[at] for at in pick.permutation(len(named)))]]
    assert len(digits_in(chunks[-1], regular, np.zeros((99, 28, 28), np.uint8))) == 4 * len(good)
    for limits in (Limits(), Limits(max_bytes=200), Limits(max_pixels=783)):
        classifier = Classifier("dense", limits=limits, invert=False)
        for images in chunks:
            keep = Keep(fitted=True, thumbnails=len(images) < 9)
            chunk = Chunk([None] * len(images), images, regular)
            together = told(classifier, chunk, keep)
            with monkeypatch.context() as patch:
                patch.setattr(reading, "digits_in", lambda *_: [])
                assert told(classifier, chunk, keep) == together


def test_a_folder_of_other_pictures_is_soon_left_to_the_usual_way(files: dict[str, bool]) -> None:
    digit, other = next(iter(files)), next(path for path in files if path.endswith("large"))
    to: NDArray[np.uint8] = np.zeros((60, 28, 28), np.uint8)
    assert digits_in([*[other] * 30, *[digit] * 30], True, to) == []
    assert digits_in([digit, other] * 30, True, to) == [*range(0, 60, 2)]


def test_the_picture_that_is_being_read_is_known(files: dict[str, bool]) -> None:
    """Otherwise, a worker that hangs over one could not be told which."""
    names = Followed([next(iter(files))] * 5000, c_int64(NOWHERE), 1 << 40)
    to: NDArray[np.uint8] = np.zeros((len(names), 28, 28), np.uint8)
    seen: set[int] = set()
    for _ in range(50):
        if len(seen) > 2:
            break
        arguments = (names, True, to, addressof(names.at), names.first)
        reader = threading.Thread(target=digits_in, args=arguments)
        reader.start()
        while reader.is_alive():
            seen.add(names.at.value)
        reader.join()
        assert names.at.value == NOWHERE
        seen.discard(NOWHERE)
    assert len(seen) > 2
    assert all(0 <= number - names.first < len(names) for number in seen)
