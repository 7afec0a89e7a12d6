"""Pictures that are small files and take long to decode."""

import io

from PIL import Image

_SCAN = b"\xff\xda"  # the marker that begins a scan of a JPEG
SIDE = 3000  # px


def slow_jpeg(scans: int = 20_000) -> bytes:
    """Return a progressive JPEG whose last scan is repeated. Each takes a millisecond or more."""
    file = io.BytesIO()
    Image.new("L", (SIDE, SIDE), 255).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(_SCAN)
    return data[:last] + data[last:-2] * scans + data[-2:]
