"""Make the pictures of the documentation: `python -m docs.make_pictures [PAGE]`.

PAGE is a page that `tinydigits export … --formats html` wrote: a digit is drawn on it with the
mouse. The report of the examples is made and opened, and the steps of the fit are drawn; without
PAGE, these alone. The script needs selenium, chromium and chromium-driver.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.scenes import scenes
from tinydigits.fitting import fit
from tinydigits.ink import REACH, find_ink, grey_of, ink_is_dark
from tinydigits.pieces import digit_of
from tinydigits.resampling import closed

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
PICTURES = DOCS / "pictures"
CELL = 150  # px: the side of a step in the picture of the fit
COLOURS = 128  # of a picture: a page has few, and the file is a third as large
# A 3, as shares of the pad's width and height.
STROKE = (
    (0.31, 0.24), (0.42, 0.16), (0.56, 0.16), (0.66, 0.25), (0.65, 0.37), (0.56, 0.45),
    (0.45, 0.48), (0.58, 0.51),
    (0.68, 0.60), (0.68, 0.73), (0.57, 0.83), (0.42, 0.83), (0.30, 0.75),
)  # fmt: skip


@contextmanager
def browser(width: int, height: int) -> Iterator[Any]:
    """Open a Chromium without a window, in light colours."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    size = f"--window-size={width},{height}"
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", size):
        options.add_argument(argument)
    service = webdriver.ChromeService("/usr/bin/chromedriver")
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def of_page(page: Path) -> None:
    from selenium.webdriver import ActionChains

    with browser(900, 844) as driver:
        driver.get(page.resolve().as_uri())
        pad = driver.find_element("css selector", "#pad")
        actions = ActionChains(driver, duration=10)
        for place, (x, y) in enumerate(STROKE):
            across, down = (round((part - 0.5) * pad.size["width"]) for part in (x, y))
            actions.move_to_element_with_offset(pad, across, down)
            if place == 0:
                actions.click_and_hold()
        actions.release().perform()
        kept(driver, "page.png")


def of_report() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.html"
        rows = Path(folder) / "rows.csv"
        command = ["tinydigits", "classify", "scans", "broken/truncated.png", "-o", str(rows)]
        subprocess.run([*command, "--report", str(report)], cwd=EXAMPLES, check=False)  # exits 1
        with browser(900, 1240) as driver:
            driver.get(report.as_uri())
            kept(driver, "report.png")


def of_fit() -> None:
    """Lay the steps of the fit side by side, for a scene in each row."""
    rows = []
    for kind, number in (("squared paper", 2), ("across a shadow's edge", 5), ("in a box", 7)):
        picture = list(scenes(kind, number + 1))[number][0]
        grey = grey_of(np.asarray(picture))
        paper = closed(grey, max(1, max(grey.shape) * REACH[0] // REACH[1]))
        ink = find_ink(grey, ink_is_dark(grey), reduced=False)
        assert ink is not None
        steps = [grey, paper, ink.levels, digit_of(ink).levels, fit(picture, "mnist").pixels]
        rows.append([picture, *map(Image.fromarray, steps)])
    sheet = Image.new("RGB", (len(rows[0]) * (CELL + 8) - 8, len(rows) * (CELL + 8) - 8), "white")
    for down, row in enumerate(rows):
        for across, step in enumerate(row):
            scale = CELL / max(step.size)
            size = (round(step.width * scale), round(step.height * scale))
            shown = step.resize(size, Image.Resampling.NEAREST if scale > 2 else None)
            sheet.paste(shown, (across * (CELL + 8), down * (CELL + 8)))
    sheet.quantize(COLOURS).save(PICTURES / "fit.png", optimize=True)


def kept(driver: Any, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / name
    driver.save_screenshot(str(path))
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    of_fit()
    of_report()
    if len(sys.argv) == 2:
        of_page(Path(sys.argv[1]))
