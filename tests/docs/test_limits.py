"""What docs/limits.md says of sizes and memory is so."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.docs.conftest import COMMAND
from tinydigits.images import MOST_PIXELS, Limits
from tinydigits.model import MAX_MODEL_BYTES
from tinydigits.sources.archives import SMALL_MEMBER
from tinydigits.sources.members import BOMB_RATIO
from tinydigits.sources.tars import SMALL_TAR

PAGE = " ".join((ROOT / "docs" / "limits.md").read_text("utf-8").split())
BYTES = 12  # a pixel, as the page has it
MiB = 1 << 20


def test_the_limits_are_those_of_the_code() -> None:
    for words, limit in (
        (f"{Limits().max_bytes // MiB} MiB | `--max-bytes`", "an image file"),
        (f"{Limits().max_pixels // 10**6} million | `--max-pixels`", "pixels"),
        (f"{MOST_PIXELS:,}", "Pillow's own"),
        (f"beyond {SMALL_MEMBER // MiB} MiB | {BOMB_RATIO} times", "a member"),
        (f"beyond {SMALL_TAR // MiB} MiB | {BOMB_RATIO} times", "a tar"),
        (f"{MAX_MODEL_BYTES // MiB} MiB |", "a model"),
    ):
        assert words in PAGE, limit
    assert f"up to {BYTES} bytes a pixel" in PAGE


@pytest.mark.slow
@pytest.mark.linux
@pytest.mark.parametrize("mode", ["RGBA", "I;16"])
def test_a_large_picture_takes_no_more_memory_than_is_said(tmp_path: Path, mode: str) -> None:
    side = 4000
    grey = np.full((side, side), 250, np.uint8)
    grey[1500:2500, 1900:2100] = 10
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    (deep if mode == "I;16" else Image.fromarray(grey).convert("RGBA")).save(tmp_path / "large.png")
    Image.fromarray(grey).resize((100, 100)).save(tmp_path / "small.png")
    large, small = peak(tmp_path / "large.png"), peak(tmp_path / "small.png")
    assert large - small < BYTES * side * side + 32 * MiB


def peak(picture: Path) -> int:
    """Bytes of memory that reading it takes at most."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, COMMAND, "classify", str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024  # Linux counts in kibibytes
