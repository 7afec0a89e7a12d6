"""The examples for devices work with what stands for the devices: a sketch at the other end of a
pseudo-terminal, and a stub of picamera2.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, SCANS
from tests.support.boards import compiled_library, program_of, unpacked
from tinydigits.images import decode

# Gives the frames in frames.npy, with planes of colour below, then Ctrl-C.
PICAMERA2 = """
import numpy as np


class Picamera2:
    def __init__(self):
        self.frames = iter(np.load("frames.npy"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        print("closed")

    def create_video_configuration(self, main):
        return main

    def configure(self, main):
        assert main == {"size": (640, 480), "format": "YUV420"}

    def start(self):
        self.started = True

    def capture_array(self):
        assert self.started
        for grey in self.frames:
            return np.concatenate([grey, np.full((240, 640), 128, np.uint8)])
        raise KeyboardInterrupt
"""


@pytest.mark.linux
@pytest.mark.device
@pytest.mark.parametrize("recipe", ["light", "dense"])
def test_a_picture_is_sent_to_a_sketch_and_its_answer_is_printed(
    recipe: str, tmp_path: Path
) -> None:
    pytest.importorskip("serial", reason="needs pyserial")
    library = unpacked(recipe, tmp_path)
    board = program_of(library, "Serial", compiled_library(library, tmp_path), tmp_path)
    ours, line = os.openpty()
    words = [os.ttyname(line), str(SCANS / "7-red-pen.png"), "--recipe", recipe, "--wait", "0"]
    with subprocess.Popen([board], stdin=ours, stdout=ours) as running:
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "send_digit.py"), *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        running.kill()
    os.close(ours)
    os.close(line)
    assert (done.returncode, done.stderr) == (0, "")
    label, score = done.stdout.split()
    assert label == "7"
    assert 128 <= int(score) <= 255


def test_a_camera_prints_each_digit_when_it_appears(tmp_path: Path) -> None:
    names = ("7-red-pen.png", "7-red-pen.png", "10-blank-sheet.jpg", "5-pencil.png")
    scans = [decode(SCANS / name).convert("L").resize((640, 480)) for name in names]
    np.save(tmp_path / "frames.npy", np.stack([np.asarray(scan) for scan in scans]))
    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "read_camera.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    seven, five, closed = done.stdout.splitlines()
    assert (seven.split()[0], five.split()[0], closed) == ("7", "5", "closed")
