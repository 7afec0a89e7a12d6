"""Folders of PNG files, read by tinydigits and by what people use instead:

    python -m benchmarks.folders --mnist DIR

60,000 MNIST digits as PNG in ten folders, on two workers, warm cache, the contestants taking turns.
Every time is that of a whole process, but for TensorFlow's, whose import is not counted. Ratios are
taken turn by turn.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tinydigits.idx import read_images, read_labels

ROOT = Path(__file__).parents[1]
# (with OpenCV, Pillow alone): how many times as fast tinydigits is to be.
TARGETS = {
    "image_dataset": (5, 1.7),
    "tf.data": (3, 1.2),
    "cv2": (1.2, None),
    "reading": (None, None),
}
WITHOUT_OPENCV = "import sys; sys.modules['cv2'] = None; from tinydigits.cli import run; run()"


def write_files(mnist: Path, folder: Path, count: int) -> None:
    images = read_images(next(mnist.glob("train-images*")))[:count]
    labels = read_labels(next(mnist.glob("train-labels*")))[:count]
    for label in range(10):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / str(label) / f"{place:05}.png")


def commands(folder: Path, out: Path, keras: Path | None) -> dict[str, list[str]]:
    onnx = ROOT / "runtime" / "tinydigits" / "models" / "dense.onnx"
    classify = ["classify", str(folder), "-m", "dense", "-o", str(out)]
    python = sys.executable
    contestant = [python, "-m", "benchmarks.contestants"]
    result = {
        "tinydigits, OpenCV": [python, "-c", "from tinydigits.cli import run; run()", *classify],
        "tinydigits, Pillow": [python, "-c", WITHOUT_OPENCV, *classify],
        "reading": [*contestant, "reading", str(folder), "", str(out)],
        "cv2": [*contestant, "cv2", str(folder), str(onnx), str(out)],
    }
    if keras is not None:
        for name in ("image_dataset", "tf.data"):
            result[name] = [*contestant, name, str(folder), str(keras), str(out)]
    return result


def seconds(name: str, command: list[str]) -> float:
    began = time.perf_counter()
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    whole = time.perf_counter() - began
    return float(ended.stdout.split()[-1]) if name in ("image_dataset", "tf.data") else whole


def measure(mnist: Path, keras: Path | None, count: int, rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "png"
        write_files(mnist, folder, count)
        contestants = commands(folder, Path(scratch) / "out.csv", keras)
        times: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(rounds + 1):  # the first warms the cache
            for name, command in contestants.items():
                taken = seconds(name, command)
                if turn:
                    times[name].append(taken)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True, help="folder of the IDX files")
    parser.add_argument("--keras", type=Path, help="dense.keras; without it Keras takes no part")
    parser.add_argument("--files", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    times = measure(options.mnist, options.keras, options.files, options.rounds)
    print(f"{options.files:,} files, median of {options.rounds} turns")
    for name, taken in times.items():
        median = statistics.median(taken)
        row = f"{name:<20} {median:6.2f} s {options.files / median:>9,.0f}/s"
        for ours, target in zip(("OpenCV", "Pillow"), TARGETS.get(name, (None, None)), strict=True):
            if name in TARGETS:
                ratios = [a / b for a, b in zip(taken, times[f"tinydigits, {ours}"], strict=True)]
                row += f"   {ours} ×{statistics.median(ratios):.2f}"
                row += f" (target ×{target})" if target else ""
        print(row)


if __name__ == "__main__":
    main()
