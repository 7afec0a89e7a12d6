"""A folder of photographs, read as an expert writes it by hand:
`python -m benchmarks.rivals.photographs FOLDER MODEL OUT`.

OpenCV decodes at a reduced scale, Otsu's threshold parts ink and paper, and the digit is scaled
into 20×20 and centred by mass, in two threads; onnxruntime reads batches. It assumes what an expert
would see in the folder: all pictures have one size, and one digit each on even paper.
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.rivals.folders import BATCH, THREADS, in_batches

REDUCED = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
WORK = 160  # px: the longer side that is enough for a digit


def main(folder: str, model: str, out: str) -> None:
    """Read FOLDER/*.* and write a CSV of path, class and score."""
    paths = sorted(str(path) for path in Path(folder).iterdir())
    first: Any = cv2.imread(paths[0], cv2.IMREAD_GRAYSCALE)
    longer = max(first.shape)
    flag = REDUCED[max(scale for scale in REDUCED if longer // scale >= WORK or scale == 1)]
    size = max(1, min(BATCH, -(-len(paths) // THREADS)))
    in_batches(paths, size, model, out, lambda path: fitted(cv2.imread(path, flag)))


def fitted(grey: Any) -> Any:
    """Return uint8 [28, 28]."""
    longer = max(grey.shape)
    if longer > WORK:
        down, across = (max(1, round(side * WORK / longer)) for side in grey.shape)
        grey = cv2.resize(grey, (across, down), interpolation=cv2.INTER_AREA)
    ink = 255 - grey if np.median(grey) > 127 else grey
    level, mask = cv2.threshold(ink, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    left, top, width, height = cv2.boundingRect(mask)
    ink = cv2.subtract(ink, np.full_like(ink, level / 2))[top : top + height, left : left + width]
    result = np.zeros((28, 28), np.uint8)
    if not ink.size:
        return result
    scale = 20 / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: Any = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    small = cv2.convertScaleAbs(small, alpha=255 / max(int(small.max()), 1))
    moments = cv2.moments(small)
    across = round(14 - moments["m10"] / max(moments["m00"], 1))
    down = round(14 - moments["m01"] / max(moments["m00"], 1))
    across, down = min(max(across, 0), 28 - size[0]), min(max(down, 0), 28 - size[1])
    result[down : down + size[1], across : across + size[0]] = small
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
