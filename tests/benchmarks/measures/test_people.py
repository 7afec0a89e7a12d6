"""Pictures by people are counted, those that cannot be read too."""

import struct
import zlib
from pathlib import Path

from benchmarks.measures.people import resized


def test_a_picture_that_pillow_refuses_is_left_to_the_classifier(tmp_path: Path) -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    path = tmp_path / "huge.png"
    check = struct.pack(">I", zlib.crc32(head))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + check)
    assert resized(str(path)) == str(path)
