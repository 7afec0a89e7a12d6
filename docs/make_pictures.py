"""Takes the pictures of the documentation from the real thing: `python docs/make_pictures.py PAGE`.

PAGE is what `tinydigits export … --formats html` writes. A digit is drawn on it with the mouse, and
the report of examples/scans is made and opened. Needs selenium, chromium and chromium-driver.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).parent
SCANS = DOCS.parent / "examples" / "scans"
PICTURES = DOCS / "pictures"
COLOURS = 128  # of a picture: a page has few, and the file is a third as large
# A 3, as shares of the pad's width and height.
STROKE = (
    (0.31, 0.24), (0.42, 0.16), (0.56, 0.16), (0.66, 0.25), (0.65, 0.37), (0.56, 0.45),
    (0.45, 0.48), (0.58, 0.51),
    (0.68, 0.60), (0.68, 0.73), (0.57, 0.83), (0.42, 0.83), (0.30, 0.75),
)  # fmt: skip


@contextmanager
def browser(width: int, height: int) -> Iterator[Any]:
    """A Chromium without a window, in light colours."""
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
        command = ["tinydigits", "classify", ".", "-o", str(rows), "--report", str(report)]
        subprocess.run(command, cwd=SCANS, check=True)
        with browser(900, 960) as driver:
            driver.get(report.as_uri())
            kept(driver, "report.png")


def kept(driver: Any, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / name
    driver.save_screenshot(str(path))
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(str(__doc__).splitlines()[0])
    of_page(Path(sys.argv[1]))
    of_report()
