"""Simulated processors answer a camera's frame as this machine does, and the needs are counted."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.programs import tools_or_skip
from tests.support.reads import answers, built
from tinydigits_export.c.backend import read_source
from tinydigits_export.devices import camera
from tinydigits_export.devices.simulation import Target
from tinydigits_export.formats import FORMATS
from tinydigits_train.labelled_folder import Dataset

pytestmark = pytest.mark.device


@pytest.mark.parametrize("target", camera.TARGETS, ids=lambda target: target.name)
def test_a_frame_is_answered_as_on_this_machine(
    target: Target, bundle: Path, mnist: Dataset, tmp_path: Path
) -> None:
    frames = camera.frames_of(mnist.test.images[:1], 96, 96)
    sources = {name: (bundle / name).read_text() for name in FORMATS["c"].files("digits")}
    with tools_or_skip():
        firmware = camera.firmware_of(sources, "digits", "main_read.c", (96, 96), target, tmp_path)
        run = firmware.run(frames.reshape(1, -1))
    read_c, read_h = sources["digits_read.c"], sources["digits_read.h"]
    source = replace(read_source(bundle / "digits.c"), read_c=read_c, read_h=read_h)
    here = answers(built(source, tmp_path, ["gcc"]), list(frames))
    digit, probability, status = run.outputs[0, :3]
    assert (digit, probability, status) == (here[0].digit, here[0].probability, 0)
    assert run.outputs[0, 3:].tobytes() == here[0].pixels
    held = firmware.program.ram + run.stack
    assert held < 48 * 1024  # frame, workspace, variables and stack, of a board's 64 kB
