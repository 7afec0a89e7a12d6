"""One picture, cold: `python -m benchmarks.start`.

The command `tinydigits classify one.png`, whole, against importing what it needs. Target: at most
1.25 times as long. Best measured where tinydigits is installed, not editable: each path more is
searched.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "examples" / "scans" / "1-small.png"
TURNS, TARGET = 21, 1.25


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began


def main() -> None:
    imports = [sys.executable, "-c", "import numpy, onnxruntime, PIL.Image"]
    classify = [str(Path(sys.executable).parent / "tinydigits"), "classify", str(PICTURE)]
    pairs = [(seconds(imports), seconds(classify)) for _ in range(TURNS + 1)][1:]
    least, ours = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"median of {TURNS} turns: imports {least:.0f} ms, classify {ours:.0f} ms")
    print(f"×{ratio:.2f} (target ×{TARGET})")


if __name__ == "__main__":
    main()
