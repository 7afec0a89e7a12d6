"""IDX images, .npy and .npz are streamed as the digits they hold, and where one is no such file, or
breaks off, there is one row that says so."""

import gzip
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import write_idx
from tests.support.files import saved, zipped
from tinydigits.bounds import Limits
from tinydigits.errors import ImageError
from tinydigits.items import Item, Skipped, Stack
from tinydigits.sources import Opening, open_inputs
from tinydigits.sources.arrays import STACK, stacks

IMAGES = np.random.default_rng(0).integers(0, 256, (STACK + 5, 28, 28), dtype=np.uint8)
LABELS = np.arange(10, dtype=np.uint8)


def read(path: Path, skipped: Skipped | None = None) -> tuple[list[Stack], list[tuple[str, str]]]:
    """The stacks, and after them what the rows for errors say."""
    found = list(stacks(str(path), Skipped() if skipped is None else skipped))
    good = [each for each in found if isinstance(each, Stack)]
    bad = [each for each in found if isinstance(each, Item)]
    assert found == [*good, *bad]
    assert all(isinstance(item.image, ImageError) for item in bad)
    return good, [(str(item.name), str(item.image)) for item in bad]


def said(path: Path) -> str:
    """What the only row says."""
    good, bad = read(path)
    assert not good
    ((name, why),) = bad
    assert name == str(path)
    return why


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(header))
    return b"\x93NUMPY" + version + length + header.encode() + data


@pytest.mark.parametrize("name", ["i-idx3-ubyte", "i.idx3-ubyte.gz", "i.idx", "i.idx.gz", "i.npy"])
def test_the_images_come_in_blocks_in_order(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, IMAGES)
    else:
        write_idx(path, IMAGES)
    found = list(open_inputs([str(path)], Opening(Limits(), Skipped(), io.BytesIO)))
    assert all(isinstance(each, Stack) and each.images.dtype == np.uint8 for each in found)
    assert [(each.name, each.first) for each in found] == [(str(path), 0), (str(path), STACK)]  # type: ignore[union-attr]
    assert np.array_equal(np.concatenate([each.images for each in found]), IMAGES)  # type: ignore[union-attr]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_images_of_an_npz_are_found_among_its_arrays(tmp_path: Path, save: object) -> None:
    path = tmp_path / "mnist.npz"
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:3], "x": IMAGES[:2] / 255}
    save(path, **arrays)  # type: ignore[operator]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "no array")
    skipped = Skipped()
    good, bad = read(path, skipped)
    assert [(each.name, each.first, len(each.images)) for each in good] == [
        (f"{path}/x_train", 0, STACK),
        (f"{path}/x_train", STACK, 5),
        (f"{path}/x_test", 0, 3),
    ]
    assert np.array_equal(good[2].images, IMAGES[:3])
    assert (bad, skipped["other file"]) == ([], 3)


def test_an_npz_without_images_is_one_row(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", labels=LABELS)
    assert said(tmp_path / "a.npz") == "no array in it is uint8 [N, 28, 28]"


@pytest.mark.parametrize("name", ["labels", "labels.gz"])
def test_labels_are_called_labels(tmp_path: Path, name: str) -> None:
    write_idx(tmp_path / name, LABELS)
    assert said(tmp_path / name).endswith("start with 0x00000803: these are labels")


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (
            IMAGES[:2].astype(np.float32),
            "float32 [2, 28, 28], where uint8 [N, 28, 28] was expected",
        ),
        (IMAGES[:2].astype(np.int8), "int8 [2, 28, 28], where"),
        (IMAGES[0], "uint8 [28, 28], where"),
        (IMAGES[:2].reshape(2, 784), "uint8 [2, 784], where"),
        (IMAGES[:2, :, :, None], "uint8 [2, 28, 28, 1], where"),
        (np.asfortranarray(IMAGES[:2]), "in Fortran order"),
        (IMAGES[:0], "0 images promised"),
    ],
)
def test_an_array_of_another_kind_is_one_row(
    tmp_path: Path, array: NDArray[np.generic], why: str
) -> None:
    np.save(tmp_path / "a.npy", array)
    assert said(tmp_path / "a.npy").startswith(why)


class Touch:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    hostile = np.empty((1, 28, 28), object)
    hostile.fill(Touch(harm))
    np.save(tmp_path / "a.npy", hostile)
    np.savez(tmp_path / "a.npz", hostile)
    assert said(tmp_path / "a.npy").startswith("object [1, 28, 28]")
    assert said(tmp_path / "a.npz").startswith("no array")
    assert not harm.exists()


SHAPE = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s, 28, 28)}"


@pytest.mark.filterwarnings("ignore:Reading `.npy`")  # the application's to show
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not an .npy file"),
        (b"\x93NUMPY", "damaged"),
        (b"no array at all", "not an .npy file"),
        (npy(SHAPE % "-1"), "-1 images promised"),
        (npy(SHAPE % "-1", bytes(784)), "-1 images promised"),
        (npy(SHAPE % "2**40"), "damaged"),
        (npy(SHAPE % 10**30), f"truncated: 0 of {10**30:,} images are there"),
        (npy("{'descr': '|u1', 'shape': (1, 28, 28)}"), "damaged"),
        (npy("(" * 4000), "damaged"),
        (npy("-" * 4000 + "1"), "damaged"),
        (npy("1" * 5000), "a header of 5,000 bytes"),
        (npy(SHAPE % "1L", bytes(783)), "truncated: 0 of 1"),  # as Python 2 wrote it
        (b"\x93NUMPY\2\0" + b"\xff" * 4, "a header of 4,294,967,295 bytes"),
        (npy(SHAPE % 1, bytes(784), version=b"\3\0"), "an .npy of version 3.0"),
    ],
)
def test_a_header_of_nonsense_is_one_row(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert said(tmp_path / "a.npy").startswith(why)


def test_an_npy_of_version_2_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(SHAPE % 2, bytes(2 * 784), version=b"\2\0"))
    (stack,), bad = read(tmp_path / "a.npy")
    assert (stack.images.shape, bad) == ((2, 28, 28), [])


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((2**32 - 1, 28, 28), "truncated: 0 of 4,294,967,295 images"),
        ((2, 14, 56), "images of 14×56 pixels, not 28×28"),
        ((2, 2**32 - 1, 2**32 - 1), "images of 4294967295×4294967295 pixels"),
        ((0, 28, 28), "0 images promised"),
    ],
)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_an_idx_that_promises_what_it_does_not_hold_costs_no_memory(
    tmp_path: Path, shape: tuple[int, int, int], why: str, ending: str
) -> None:
    path = tmp_path / f"images.idx{ending}"
    header = struct.pack(">4I", 0x803, *shape)
    path.write_bytes(gzip.compress(header) if ending else header)
    tracemalloc.start()
    try:
        assert said(path).startswith(why)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_large_file_takes_the_memory_of_a_block(tmp_path: Path) -> None:
    path = tmp_path / "large.idx.gz"
    count = 20 * STACK
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(struct.pack(">4I", 0x803, count, 28, 28))
        for _ in range(20):
            file.write(bytes(STACK * 784))
    tracemalloc.start()
    try:
        counts = (len(each.images) for each in stacks(str(path), Skipped()))  # type: ignore[union-attr]
        assert sum(counts) == count
        assert tracemalloc.get_traced_memory()[1] < 4 * STACK * 784
    finally:
        tracemalloc.stop()


CUT = STACK * 784 + 1000  # bytes of pixels: within the second image of the second block


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz", "a.npy", "a.npz"])
def test_what_is_whole_comes_before_the_row_that_says_what_is_missing(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    header = struct.pack(">4I", 0x803, *IMAGES.shape)
    if name == "a.npy":
        path.write_bytes(saved(IMAGES)[: CUT + 128])
    elif name == "a.npz":
        path.write_bytes(zipped(("x.npy", saved(IMAGES)[: CUT + 128])))
    else:
        content = header + IMAGES.tobytes()[:CUT]
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    good, ((_, why),) = read(path)
    assert np.array_equal(np.concatenate([each.images for each in good]), IMAGES[: STACK + 1])
    assert why == "truncated: 4,097 of 4,101 images are there"


def test_a_gzip_that_breaks_off_gives_nearly_all_before_that(tmp_path: Path) -> None:
    path = tmp_path / "a.idx.gz"
    content = gzip.compress(struct.pack(">4I", 0x803, *IMAGES.shape) + IMAGES.tobytes())
    half = len(content) // 2
    path.write_bytes(content[:half])
    (stack,), ((_, why),) = read(path)
    assert len(stack.images) > STACK // 2 - 100
    assert np.array_equal(stack.images, IMAGES[: len(stack.images)])
    assert why.startswith("truncated")
    path.write_bytes(content[:half] + bytes(1000) + content[half + 1000 :])
    good, ((_, why),) = read(path)
    assert good
    assert "damaged" in why


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz", "a.npy"])
def test_what_follows_the_images_is_not_skipped_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = struct.pack(">4I", 0x803, 5, 28, 28) + IMAGES[:5].tobytes() + b"x"
    if name == "a.npy":
        content = saved(IMAGES[:5]) + b"x"
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (stack,), ((_, why),) = read(path)
    assert np.array_equal(stack.images, IMAGES[:5])
    assert why == "too long: more than the 5 images promised"


def test_a_checksum_that_is_wrong_is_a_row(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(struct.pack(">4I", 0x803, 5, 28, 28) + IMAGES[:5].tobytes()))
    content[-8] ^= 1
    (tmp_path / "a.idx.gz").write_bytes(content)
    (stack,), ((_, why),) = read(tmp_path / "a.idx.gz")
    assert len(stack.images) == 5
    assert why.startswith("damaged: CRC check failed")


def test_an_array_of_an_npz_that_is_damaged_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=IMAGES[:3], b=IMAGES[:4], c=np.asfortranarray(IMAGES[:5]), d=IMAGES[:6])
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # encrypted
    content[1000 + content.index(b"PK\3\4", 100)] ^= 1  # a pixel of b
    path.write_bytes(content)
    found = list(stacks(str(path), Skipped()))
    rows = [(each.name, isinstance(each, Stack)) for each in found]
    assert rows == [(f"{path}/{name}", name == "d") for name in "abcd"]
    assert str(found[0][1]) == "encrypted"
    assert "CRC" in str(found[1])


@pytest.mark.parametrize("name", ["a.idx", "a.npy", "a.npz"])
def test_what_is_no_file_is_never_opened(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert said(path) == "No such file or directory"
    path.symlink_to("/dev/zero")
    assert said(path) == "not a regular file"
    path.unlink()
    os.mkfifo(path)
    assert said(path) == "not a regular file"
    path.unlink()
    path.write_bytes(b"nothing of the kind")
    assert said(path)


@pytest.mark.linux
@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz", "a.npy", "a.npz"])
def test_all_is_closed_early(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".npz"):
        np.savez(path, IMAGES)
    elif name.endswith(".npy"):
        np.save(path, IMAGES)
    else:
        write_idx(path, IMAGES)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - a listing of the moment
    reading = stacks(str(path), Skipped())
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_what_is_said_of_a_file_is_the_same_in_every_run(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 28, 28), x: 1}", bytes(784))
    )
    command = [sys.executable, "-m", "tinydigits", "classify", "-m", "dense", str(path)]
    first, again = (subprocess.run(command, capture_output=True, text=True) for _ in range(2))
    assert "malformed node" in first.stdout
    assert first.stdout == again.stdout
    assert "0x" not in first.stdout
