"""decode reads every format it names, and refuses everything else with an ImageError in bounded
time and memory."""

import gzip
import io
import os
import struct
import subprocess
import threading
import zipfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support import files
from tests.support.files import zipped
from tinydigits import ImageError, Limits
from tinydigits.images import decode
from tinydigits.names import ENDINGS

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def encoded(format_: str, image: Image.Image | None = None, **options: object) -> bytes:
    return files.encoded(image or Image.fromarray(GREY), format_, **options)


@pytest.mark.parametrize("format_", ["PNG", "BMP", "TIFF", "GIF", "PPM"])
def test_lossless_formats_give_back_the_pixels(format_: str) -> None:
    assert np.array_equal(np.asarray(decode(encoded(format_)).convert("L")), GREY)


@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_lossy_formats_give_back_the_size(format_: str) -> None:
    assert decode(encoded(format_)).size == (8, 6)


def test_a_picture_is_the_same_from_path_bytes_file_and_image(tmp_path: Path) -> None:
    data = encoded("PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    for source in (path, str(path), data, io.BytesIO(data), Image.open(path), GREY):
        assert np.array_equal(np.asarray(decode(source)), GREY), type(source)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("L", (8, 6), level) for level in (10, 200)]
    data = encoded("GIF", frames[0], save_all=True, append_images=frames[1:])
    assert int(np.asarray(decode(data).convert("L")).max()) == 10


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty file"),
        (b"This is text", "starts with b'This is '"),
        (encoded("PNG")[:50], "damaged PNG"),
        (encoded("JPEG")[:200], "damaged JPEG"),
        (encoded("WEBP")[:40], "damaged WEBP"),
        (encoded("TIFF")[:30], "damaged TIFF"),
        (b"GIF89a" + bytes(20), "damaged GIF"),
        (b"BM" + bytes(60), "damaged BMP"),
        (b"P5 8 6 255 ", "damaged PPM"),
    ],
)
def test_what_is_no_whole_image_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        decode(data)


def test_a_bomb_is_refused_by_its_header() -> None:
    header = b"IHDR" + (50_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    png = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header
    png += zlib.crc32(header).to_bytes(4, "big") + encoded("PNG")[33:]
    with pytest.raises(ImageError, match="pixels"):
        decode(png)


def test_limits_can_be_set() -> None:
    with pytest.raises(ImageError, match=r"8×6 pixels, over the limit of 47"):
        decode(encoded("PNG"), Limits(max_pixels=47))
    with pytest.raises(ImageError, match="limit of 20 bytes"):
        decode(encoded("PNG"), Limits(max_bytes=20))
    assert decode(encoded("PNG"), Limits(max_pixels=48, max_bytes=2**62)).size == (8, 6)
    assert decode(io.BytesIO(encoded("PNG")), Limits(max_bytes=10**6)).size == (8, 6)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: reading it would take all memory
    with pytest.raises(ImageError, match="over the limit"):
        decode(path)


def test_a_fifo_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    raised: list[Exception] = []

    def read() -> None:
        try:
            decode(path)
        except ImageError as error:
            raised.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert "not a regular file" in str(raised)


def test_a_fifo_with_a_writer_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    writer = subprocess.Popen(["sh", "-c", f"echo whole > '{path}'"])
    with pytest.raises(ImageError, match="not a regular file"):
        decode(path)
    assert path.read_text() == "whole\n"  # still there to be read by whom it was meant for
    assert writer.wait(timeout=10) == 0


@pytest.mark.linux
def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for source in (tmp_path, tmp_path / "none", "/dev/null"):
        with pytest.raises(ImageError):
            decode(source)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_a_missing_file_and_a_nul_in_the_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"folder|regular file"):
        decode(tmp_path)
    with pytest.raises(ImageError, match="No such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(ImageError, match="null"):
        decode("a\0b.png")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((28, 28), np.float32),
        np.full((28, 28), np.nan),
        np.zeros((2, 28, 28), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((0, 28), np.uint8),
    ],
)
def test_an_array_of_another_shape_or_dtype_is_refused(array: NDArray[np.uint8]) -> None:
    with pytest.raises(ImageError, match="array"):
        decode(array)


def test_a_text_mode_file_is_refused() -> None:
    with pytest.raises(ImageError, match="binary mode"):
        decode(io.StringIO("text"))  # type: ignore[arg-type]


def test_a_closed_file_is_refused() -> None:
    file = io.BytesIO(encoded("PNG"))
    file.close()
    with pytest.raises(ImageError, match="closed"):
        decode(file)


def damaged_zip_member() -> IO[bytes]:
    packed = io.BytesIO(zipped(("cut.png", encoded("PNG")), method=zipfile.ZIP_STORED))
    packed.seek(60)
    packed.write(b"?")  # so that its check sum is another
    return zipfile.ZipFile(packed).open("cut.png")


def unzipped(data: bytes) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=io.BytesIO(data))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (unzipped(gzip.compress(encoded("PNG"))[:-20]), "ended before"),
        (unzipped(gzip.compress(b"")[:10] + b"\xff" * 90), "Error -3"),
        (damaged_zip_member(), "Bad CRC-32"),
    ],
)
def test_a_file_object_that_raises_is_refused(file: BinaryIO, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        decode(file)


def test_pillows_own_bound_holds_whatever_is_asked_for() -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 30_000, 30_000, 8, 0, 0, 0, 0)
    check = zlib.crc32(header).to_bytes(4)
    png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + check + encoded("PNG")[33:]
    for source in (png, np.broadcast_to(np.uint8(0), (30_000, 30_000))):
        with pytest.raises(ImageError, match=r"30,000×30,000 pixels, over the limit of 178,956,97"):
            decode(source, Limits(max_pixels=10**9))


def test_the_endings_of_all_kinds_of_file_are_lower_case() -> None:
    for endings in ENDINGS.values():
        assert all(ending == ending.lower() for ending in endings)
