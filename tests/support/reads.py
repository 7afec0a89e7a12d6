"""NAME_read of the generated C, compiled for this machine, and what Python reads in its frames."""

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydigits.fitting import fit
from tinydigits.info import Thresholds
from tinydigits.items import Chunk
from tinydigits.judging import judge
from tinydigits.reading import Found, Reading
from tinydigits_export.c.backend import CBackend
from tinydigits_export.c.source import CSource, fit_files

STREAM = Path(__file__).with_name("read_stream.c")
STATUSES = (None, "blank", "several", "too_small", "low_score", "ambiguous", "refused")
ANSWER = struct.Struct("=4B784s4iBBxx")
Frame = NDArray[np.uint8]


class Answer(NamedTuple):
    """The answer for a frame."""

    digit: int | None  # None for a blank one
    reason: str | None
    pixels: bytes  # 784
    probability: int = -1


def files_of(source: CSource, folder: Path) -> list[Path]:
    """Write the C of a network and of its camera into a folder. Return the .c files."""
    names = (f"{source.name}.c", f"{source.name}_read.c", "fit.c")
    texts = (source.c, source.read_c, fit_files()[0])
    headers = {f"{source.name}.h": source.h, f"{source.name}_read.h": source.read_h}
    everything = {**dict(zip(names, texts, strict=True)), **headers, "fit.h": fit_files()[1]}
    for name, text in everything.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in names]


def built(source: CSource, folder: Path, compiler: Sequence[str], *flags: str) -> Path:
    """Compile read_stream.c with them. Return the program."""
    program = folder / "read"
    names = {
        "HEADER": f'"{source.name}_read.h"',
        "ANSWER": f"{source.name}_answer",
        "READ": f"{source.name}_read",
        "WORKSPACE": f"{source.name.upper()}_WORKSPACE",
    }
    defined = [f"-D{name}={value}" for name, value in names.items()]
    inputs = [*map(str, files_of(source, folder)), str(STREAM)]
    command = [*compiler, *flags, *defined, f"-I{folder}", *inputs, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def answers(program: Path, frames: Sequence[Frame]) -> list[Answer]:
    """Return what the C answers. frames: uint8 [H, W] each, whose rows may lie apart."""
    messages = []
    for frame in frames:
        (height, width), stride = frame.shape, frame.strides[0]
        rows = np.lib.stride_tricks.as_strided(frame, (height - 1, stride), (stride, 1))
        messages.append(struct.pack("=3i", width, height, stride) + rows.tobytes())
        messages.append(np.ascontiguousarray(frame[-1]).tobytes())
    done = subprocess.run([program], input=b"".join(messages), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    found = []
    for digit, probability, status, fitted, pixels, *_ in ANSWER.iter_unpack(done.stdout):
        assert fitted
        reason = STATUSES[status]
        found.append(Answer(None if reason == "blank" else digit, reason, pixels, probability))
    assert len(found) == len(frames)
    return found


def expected(source: CSource, thresholds: Thresholds, frames: Sequence[Frame]) -> list[Answer]:
    """Return what Python answers with the scores of the same integers."""
    backend = CBackend(source)
    fitted = [fit(Image.fromarray(np.ascontiguousarray(frame))) for frame in frames]
    scores = backend.scores(np.stack([each.pixels for each in fitted]))
    labels = tuple(str(number) for number in range(source.classes))
    found: dict[int, Found | str] = {place: Found(each.doubt) for place, each in enumerate(fitted)}
    names: list[str | None] = [None] * len(frames)
    if not backend.gives_logits:
        thresholds = Thresholds()
    predictions = judge(
        Chunk(names, [""] * len(frames)), Reading(scores, found), labels, thresholds
    )
    return [
        Answer(None if row.label is None else int(row.label), row.reason, each.pixels.tobytes())
        for row, each in zip(predictions, fitted, strict=True)
    ]
