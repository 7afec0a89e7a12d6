"""How long the fit takes, beyond decoding: `python -m benchmarks.fit`.

Targets, on one core: 28×28 that is a model input already, 10 µs; 128×128, 0.5 ms; a photograph of
1280×960, 12 ms. CPU time is measured, the median of ROUNDS rounds, so that a busy machine blurs the
figures less.
"""

import statistics
import time

import numpy as np
from PIL import Image

from examples import draw_scans as scans
from tinydigits.fit import fit

ROUNDS = 15
TARGETS = {"28×28, handed through": 10, "128×128": 500, "1280×960 photograph": 12_000}  # µs


def pictures() -> dict[str, Image.Image]:
    """What is fitted, drawn as the example scans are."""
    placed = fit(scans.white_on_black(scans.mask(5, (64, 64), 0.07, 1), 0)).pixels
    grey = (255 - 255 * scans.mask(5, (128, 128), 0.06, 1)).astype(np.uint8)
    return {
        "28×28, handed through": Image.fromarray(placed),
        "128×128": Image.fromarray(grey),
        "1280×960 photograph": scans.blue_pen(scans.mask(5, (1280, 960), 0.05, 1), 1),
    }


def main() -> None:
    print(f"fit, CPU time, median of {ROUNDS} rounds")
    for name, picture in pictures().items():
        target = TARGETS[name]
        times = max(3, 20_000 // target)
        rounds = []
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(times):
                fit(picture)
            rounds.append((time.process_time() - began) / times * 1e6)
        median = statistics.median(rounds)
        print(f"{name:<24} {median:>8.1f} µs   target {target:>6,} µs   ×{median / target:.2f}")


if __name__ == "__main__":
    main()
