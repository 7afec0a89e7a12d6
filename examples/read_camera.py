"""Read digits that are held before the camera of a Raspberry Pi: python examples/read_camera.py

Each digit is printed when it appears. Ctrl-C ends the program. Raspberry Pi OS has picamera2 as
the package python3-picamera2, which a virtual environment sees if it was made with
`python -m venv --system-site-packages`.
"""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from picamera2 import Picamera2

from tinydigits import Classifier

WIDTH, HEIGHT = 640, 480  # px


def frames() -> Iterator[NDArray[np.uint8]]:
    """Yield what the camera sees, in grey: uint8 [HEIGHT, WIDTH]."""
    with Picamera2() as camera:
        main = {"size": (WIDTH, HEIGHT), "format": "YUV420"}
        camera.configure(camera.create_video_configuration(main))
        camera.start()
        while True:
            yield camera.capture_array()[:HEIGHT, :WIDTH]  # the colours are in the rows below


def main() -> None:
    """Print each digit once, when it appears."""
    classifier = Classifier()
    shown = None
    for frame in frames():
        seen = classifier(frame)
        label = seen.label if seen.ok else None
        if label not in (None, shown):
            print(f"{label} {seen.score:.2f}", flush=True)
        shown = label


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
