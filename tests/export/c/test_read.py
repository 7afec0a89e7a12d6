"""NAME_read answers a camera's grey frame as Python does: the same 784 bytes, class and status."""

import re
import shutil
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.scenes import SCENES, scenes
from tests.conftest import ROOT
from tests.export.c.test_conv import network
from tests.export.c.test_dense import info_of
from tests.export.c.test_tiny import random_tiny
from tests.support.programs import SANITIZERS
from tests.support.reads import Frame, answers, built, expected, files_of
from tinydigits import ModelInfo
from tinydigits.images import decode
from tinydigits.info import Thresholds
from tinydigits_export.c.backend import WARNINGS, CBackend
from tinydigits_export.c.conv import to_conv
from tinydigits_export.c.dense import to_c
from tinydigits_export.c.source import CSource, judged, rows, scores_of
from tinydigits_export.keras_model import Original
from tinydigits_train.labelled_folder import Dataset

pytestmark = pytest.mark.usefixtures("compiler")
# Tells of each pair of best and second logit how it is judged.
NEAR = """
#include <stdio.h>
#include "digits_read.c"
size_t fit_workspace(int32_t width, int32_t height, int32_t channels) { return 0; }
int fit_digit(const uint8_t *pixels, int32_t width, int32_t height, int32_t channels,
              size_t stride, int how, int invert, void *workspace, fit_result *result) { return 0; }
void digits_scores(const uint8_t image[784], int32_t logits[DIGITS_CLASSES]) {}
int main(void) {
    int32_t pair[2];
    while (fread(pair, sizeof pair, 1, stdin) == 1)
        putchar(pair[0] < LEAST ? 2 : is_near(pair[0], pair[1]));
    return 0;
}
"""
KINDS = ("dense", "conv", "tiny")
# Debian's name of its cross compiler, and of the processor in QEMU. s390x is big-endian.
PROCESSORS = (
    ("arm-linux-gnueabihf", "arm"),
    ("aarch64-linux-gnu", "aarch64"),
    ("riscv64-linux-gnu", "riscv64"),
    ("s390x-linux-gnu", "s390x"),
)
EVERY = ROOT / "tests" / "support" / "every_network.c"
THRESHOLDS = Thresholds(0.7, 0.6)
# Some warnings come only where code is optimised; once is enough.
COMPILERS = (
    ("gcc", "-std=c99", "-O2", "-c"),
    ("clang", "-std=c99", "-fsyntax-only"),
    ("g++", "-xc++", "-std=c++11", "-fsyntax-only"),
    ("g++", "-xc++", "-std=c++20", "-fsyntax-only"),
    ("clang++", "-xc++", "-std=c++20", "-fsyntax-only"),
)


@pytest.fixture(scope="module")
def sources(original: Original, mnist: Dataset) -> dict[str, CSource]:
    """C of each kind, of which that of `dense` has learnt to read."""

    def info(name: str, model: Original) -> ModelInfo:
        return replace(info_of(model), name=name, thresholds=THRESHOLDS)

    images, conv = mnist.train.images[:2000], network((8, 12, 16, 16, 12), 10)
    return {
        "dense": to_c(original, info("digits", original), images),
        "conv": to_conv(conv, info("conv", conv), images),
        "tiny": random_tiny(10, seed=0),
    }


@pytest.fixture(scope="module")
def frames(mnist: Dataset) -> list[Frame]:
    """Drawn scenes and scans as a camera gives them, one with rows that lie apart; nothing, noise,
    and pictures that are 28×28 already.
    """
    pictures = [picture for kind in SCENES for picture, _ in scenes(kind, 2)]
    pictures += [decode(path) for path in sorted((ROOT / "examples" / "scans").glob("*.png"))]
    grey = [picture.convert("L") for picture in pictures]
    found = [np.asarray(picture.resize((96, 96))) for picture in grey]
    found += [np.asarray(picture.resize((160, 120))) for picture in grey[::4]]
    found.append(np.full((120, 200), 255, np.uint8)[:, :160])
    found[-1][:] = found[-2]
    random = np.random.default_rng(0)
    found += [random.integers(0, 256, shape, np.uint8) for shape in ((1, 1), (28, 28), (300, 280))]
    dot, two, paper = (np.full((96, 96), 200, np.uint8) for _ in range(3))
    dot[40:47, 40:45] = 0
    two[30:58, 10:38], two[30:58, 60:88] = 200 - mnist.test.images[:2] // 2
    pale = mnist.test.images[:40] // 4  # the scores of some are low, whatever the weights
    return [*found, dot, two, paper, *mnist.test.images[:5], *pale]


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_is_answered_as_in_python(
    kind: str, sources: dict[str, CSource], frames: list[Frame], tmp_path: Path
) -> None:
    source = sources[kind]
    watched = SANITIZERS if kind == "dense" else ()
    found = answers(built(source, tmp_path, ["gcc", "-std=c99"], *watched), frames)
    wanted = expected(source, THRESHOLDS, frames)
    assert [answer._replace(probability=-1) for answer in found] == wanted
    reasons = {answer.reason for answer in found}
    assert {"blank", "several", "too_small"} <= reasons
    if kind == "dense":
        assert {None, "low_score", "ambiguous"} <= reasons
    if kind != "tiny":
        images = np.stack([np.frombuffer(each.pixels, np.uint8) for each in found])
        said = CBackend(source).classify(images.reshape(-1, 28, 28))[:, 1].tolist()
        pairs = zip(found, said, strict=True)
        assert all(a.probability == b for a, b in pairs if a.reason != "blank")


def test_what_fit_does_not_take_is_refused(sources: dict[str, CSource], tmp_path: Path) -> None:
    files_of(sources["tiny"], tmp_path)
    (tmp_path / "main.c").write_text(
        """
        #include "tiny_read.h"
        int main(void) {
            static uint8_t frame[16], workspace[TINY_WORKSPACE(4, 4)];
            tiny_answer narrow = tiny_read(frame, 4, 4, 3, workspace);
            tiny_answer empty = tiny_read(frame, 0, 4, 4, workspace);
            return narrow.status != TINY_REFUSED || narrow.fitted || empty.status != TINY_REFUSED;
        }
        """
    )
    files = [str(path) for path in tmp_path.glob("*.c")]
    subprocess.run(["gcc", *WARNINGS, *files, "-o", str(tmp_path / "main")], check=True)
    subprocess.run([tmp_path / "main"], check=True)


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_all_of_it_compiles_without_a_warning(
    compiler: tuple[str, ...], sources: dict[str, CSource], tmp_path: Path
) -> None:
    if not shutil.which(compiler[0]):
        pytest.skip(f"needs {compiler[0]}: apt-get install g++ clang")
    files = [str(path) for source in sources.values() for path in files_of(source, tmp_path)]
    options = ["-Wsign-conversion", "-Wshadow", *WARNINGS[1:], *compiler[1:]]
    command = [compiler[0], *options, *dict.fromkeys(files)]
    subprocess.run(command, cwd=tmp_path, check=True)


@pytest.fixture(scope="module")
def here(
    sources: dict[str, CSource],
    frames: list[Frame],
    mnist: Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, bytes, bytes]:
    """The folder with all C, what every_network.c reads, and what it writes on this machine."""
    folder = tmp_path_factory.mktemp("here")
    for source in sources.values():
        files_of(source, folder)
    (folder / "main.c").write_text(EVERY.read_text("utf-8"))
    fed = mnist.test.images[:300].tobytes()
    fed += b"".join(frame.tobytes() for frame in frames if frame.shape == (96, 96))
    return folder, fed, written_by(["gcc"], [], folder, fed)


def written_by(compiler: list[str], runner: list[str], folder: Path, fed: bytes) -> bytes:
    files = [str(path) for path in sorted(folder.glob("*.c"))]
    command = [*compiler, "-std=c99", "-O1", "-static", *files, "-o", str(folder / "main")]
    subprocess.run(command, check=True)
    return subprocess.run(
        [*runner, str(folder / "main")], input=fed, capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize(("target", "processor"), PROCESSORS)
def test_every_processor_gives_the_same_bytes(
    target: str, processor: str, here: tuple[Path, bytes, bytes]
) -> None:
    """All logits over 300 digits, and what is fitted and answered of all frames."""
    folder, fed, expected_bytes = here
    compiler, runner = f"{target}-gcc", f"qemu-{processor}"
    if not (shutil.which(compiler) and shutil.which(runner)):
        pytest.skip(f"needs {compiler} and {runner}: apt-get install gcc-{target} qemu-user")
    found = written_by([compiler], [runner], folder, fed)
    assert sha256(found).hexdigest() == sha256(expected_bytes).hexdigest()
    assert len(found) > 300 * 81


def test_thresholds_are_those_of_python_but_for_4_in_1000(
    sources: dict[str, CSource], tmp_path: Path
) -> None:
    source = sources["dense"]
    files_of(source, tmp_path)
    (tmp_path / "near.c").write_text(NEAR)
    for ratio in (0.0, 0.05, 0.32, 0.9, 1.0):
        least, rivals = judged(Thresholds(0.25, ratio), source.fraction)
        text = re.sub(r"LEAST -?\d+", f"LEAST {least}", source.read_c)
        text = re.sub(r"(RIVALS\[65\] PROGMEM = )\{[^}]*", rf"\1{{{rows(rivals)}", text)
        (tmp_path / "digits_read.c").write_text(text)
        command = ["gcc", *SANITIZERS, str(tmp_path / "near.c"), "-o", str(tmp_path / "near")]
        subprocess.run(command, check=True)
        random, one = np.random.default_rng(0), 2**source.fraction
        best = (random.uniform(-12, 12, 40_000) * one).astype(np.int32)
        second = best - (random.exponential(2, 40_000) * one).astype(np.int32)
        pairs = np.stack([best, second], axis=1)
        done = subprocess.run(
            [tmp_path / "near"], input=pairs.tobytes(), capture_output=True, check=True
        )
        found = np.frombuffer(done.stdout, np.uint8)
        scores = scores_of(pairs, source.fraction).astype(np.float64)
        assert ((found == 2) == (scores[:, 0] < 0.25)).all()
        of_best = scores[:, 1] / scores[:, 0]
        differs = (found != 2) & ((found == 1) != (of_best > ratio))
        assert (np.abs(of_best[differs] - ratio) <= 0.004 * ratio).all()
        assert (0 in found) == (ratio > 0)
        assert (1 in found) == (ratio < 1)
