"""What docs/limits.md says of sizes and memory is so."""

from collections.abc import Callable
from functools import partial

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.support.files import encoded
from tinydigits.bounds import (
    EXIF_BYTES,
    HEADER_BYTES,
    LEAST_MEMORY,
    MEMORY,
    MOST_PIXELS,
    PIXEL_BYTES,
    READ_BYTES,
    ROW_BYTES,
    TAG_VALUES,
    Limits,
)
from tinydigits.errors import ImageError
from tinydigits.heif import MORE
from tinydigits.images import decode
from tinydigits.model import MAX_MODEL_BYTES
from tinydigits.pages import DPI, MOST_PAGES
from tinydigits.sources.archives import MOST_DIRECTORY, SMALL_MEMBER
from tinydigits.sources.members import BOMB_RATIO
from tinydigits.sources.tars import SMALL_TAR

PAGE, CLASSIFY = (
    " ".join((ROOT / "docs" / f"{name}.md").read_text("utf-8").split())
    for name in ("limits", "classify")
)
MiB = 1 << 20
WIDTH, HEIGHT = 2000, 1500  # px


def test_the_limits_are_those_of_the_code() -> None:
    for words, limit in (
        (f"{Limits().max_bytes // MiB} MiB | `--max-bytes`", "an image file"),
        (f"{Limits().max_pixels // 10**6} million | `--max-pixels`", "pixels"),
        (f"{Limits().max_seconds:g} s | `--max-seconds`", "time"),
        (f"{MOST_PIXELS:,}", "Pillow's own"),
        (f"beyond {SMALL_MEMBER // MiB} MiB | {BOMB_RATIO} times", "a member"),
        (f"beyond {SMALL_TAR // MiB} MiB | {BOMB_RATIO} times", "a tar"),
        (f"{MAX_MODEL_BYTES // MiB} MiB |", "a model"),
        (f"{MOST_DIRECTORY // MiB} MiB, about 400,000 members", "the directory of a zip"),
        (
            f"would take | {MEMORY // 10**6} MB, for HEIC {(MEMORY + MORE) // 10**6} MB | `--max",
            "memory",
        ),
        (f"to {PIXEL_BYTES} bytes for each pixel of the limit", "memory, by the limit on pixels"),
        (f"pages of a document | {MOST_PAGES:,} |", "pages"),
        (f"rendered at {DPI} dpi", "the resolution of a page"),
        (
            f"or to {LEAST_MEMORY // MiB} MiB where a low",
            "memory, where the limit on pixels is low",
        ),
        (f"{ROW_BYTES} bytes for each row", "memory for rows"),
        (f"{HEADER_BYTES // MiB} MiB, or {HEADER_BYTES // READ_BYTES // 10_000}0,000", "a header"),
        (f"EXIF | {EXIF_BYTES // MiB} MiB", "EXIF"),
        (f"{TAG_VALUES:,} |", "values of a tag"),
    ):
        assert words in PAGE + CLASSIFY, limit
    assert PIXEL_BYTES * 50_000_000 == MEMORY


def black(format_: str, mode: str, **options: object) -> bytes:
    return encoded(Image.new("RGB", (WIDTH, HEIGHT)).convert(mode), format_, **options)


@pytest.mark.parametrize(
    ("row", "figure", "draw"),
    [
        ("| 2 |", 2, partial(black, "PNG", "L")),
        ("| any other, and a page of a PDF | 8 |", 8, partial(black, "PNG", "RGBA")),
        ("| any other, and a page of a PDF | 8 |", 8, partial(black, "JPEG", "RGB")),
        ("JPEG: grey, colour, CMYK | 3,", 3, partial(black, "JPEG", "L", progressive=True)),
        ("8 to 10, 12 |", 8, partial(black, "JPEG", "RGB", progressive=True)),
        ("8 to 10, 12 |", 10, partial(black, "JPEG", "RGB", progressive=True, subsampling=0)),
        ("8 to 10, 12 |", 12, partial(black, "JPEG", "CMYK", progressive=True)),
        (
            "11, 10, 12 |",
            11,
            partial(black, "TIFF", "YCbCr", compression="tiff_lzw", strip_size=1 << 30),
        ),
        ("others | 5, 14 |", 5, lambda: b"P2 2000 1500 200 1"),
        ("others | 5, 14 |", 14, lambda: b"P2 2000 1500 65535 1"),
        ("| WebP, AVIF | 16 |", 16, partial(black, "WEBP", "RGB")),
    ],
)
def test_the_memory_of_a_pixel_is_as_computed(
    monkeypatch: pytest.MonkeyPatch, row: str, figure: int, draw: Callable[[], bytes]
) -> None:
    """That no more is taken is measured in tests/runtime/test_bounds.py."""
    monkeypatch.setattr("tinydigits.bounds.LEAST_MEMORY", 0)
    monkeypatch.setattr("tinydigits.bounds.MEMORY", 0)
    monkeypatch.setattr("tinydigits.decoders.ENOUGH", 10**6)  # so that a JPEG is decoded in full
    assert row in PAGE
    data = draw()
    with pytest.raises(ImageError, match="would take") as refused:
        decode(data)
    least = (figure * WIDTH * HEIGHT + ROW_BYTES * HEIGHT + len(data)) / 1e6
    assert f"take {least:,.0f} MB" in str(refused.value)
