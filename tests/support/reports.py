"""Reports: rows to write them of, and a page in a browser, used as a person does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support import chromium
from tinydigits import Prediction
from tinydigits.items import Chunk
from tinydigits.judging import Answers, Status
from tinydigits.reading import Reading, thumbnail
from tinydigits.sinks.report import Truth, report_sink

LABELS = tuple("0123456789")
HOSTILE = {  # and how they are shown
    (image := "</script><img src=x onerror=window.hacked=1>.png"): image,
    (quoted := '" onload="window.hacked=1"&lt;<!--<script>.png'): quoted,
    "two\nlines\u2028.png": r"two\nlines\u2028.png",
    os.fsdecode(b"not-utf8-\xff.png"): r"not-utf8-\xff.png",
    "surrogate-\ud800.png": r"surrogate-\ud800.png",
}


def ok(name: str, label: str = "7", score: float = 0.5, why: str | None = None) -> Prediction:
    return Prediction(name, label, score, Status.UNCERTAIN if why else Status.OK, why)


def broken(name: str) -> Prediction:
    return Prediction(name, None, None, Status.ERROR, "a damaged PNG: truncated")


doubt = partial(ok, why="low_score")
BLANK = Prediction("in/blank.png", None, None, Status.UNCERTAIN, "blank")
GREY = thumbnail(Image.new("L", (40, 30), 128))


def answers(
    rows: list[Prediction], pixels: NDArray[np.uint8] | None = None, original: bytes = GREY
) -> Answers:
    """Return answers as a Classifier gives them; without pixels, the pictures are black."""
    seen = np.zeros((len(rows), 28, 28), np.uint8) if pixels is None else pixels
    originals = [None if row.status == "error" else original for row in rows]
    reading = Reading(np.zeros((len(rows), 10), np.float32), {}, seen, originals)
    return Answers(Chunk([row.path for row in rows], seen), reading, rows)


def truth_in_name(prediction: Prediction) -> str | None:
    """Return 4 for `truth-4/…`."""
    return (prediction.path or "")[6] if "truth-" in (prediction.path or "") else None


def written(path: Path, *parts: Answers, truth: Truth | None = None) -> Path:
    with report_sink(str(path), LABELS, truth) as write:
        for part in parts:
            write(part)
    return path


def inside(path: Path) -> str:
    """Return the JSON that the page's script reads."""
    return path.read_text("utf-8").split('type="application/json">')[1].split("</script>")[0]


def names(page: Any) -> list[str]:
    return [row[0] for row in page["pictures"]]


@contextmanager
def phone(page: "Page") -> Iterator[None]:
    """Show a page as a phone of 360 px does."""
    size = {"width": 360, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


class Page(chromium.Page):
    """A report, used as a person does: by what its controls are called."""

    def __init__(self, browser: Any, path: Path) -> None:
        super().__init__(browser)
        self.address = path.as_uri()
        self.open()

    def open(self, filters: str = "") -> None:
        self.browser.get("about:blank")  # else a change of the filters alone loads nothing
        self.browser.get(self.address + filters)

    def headings(self) -> str:
        return ", ".join(each.text for each in self.all("h2, h3"))

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.browser, duration=0).send_keys(*keys).perform()

    def control(self, name: str) -> Any:
        controls = self.all("select, input, button:not(.images)")
        return next(each for each in controls if each.accessible_name.startswith(name))

    def reset(self) -> None:
        self.control("Show all").click()
        self.shows("7 of 7 shown")

    def choose(self, control: str, option: str) -> None:
        options = self.control(control).find_elements("css selector", "option")
        next(each for each in options if each.text == option).click()

    def fill(self, control: str, text: str) -> None:
        self.control(control).clear()
        self.control(control).send_keys(text)

    def shows(self, count: str, cards: str = "") -> None:
        """Wait until the count is this, and look that these names are on the cards."""
        # It is not shown where the filters are folded away.
        self.until(lambda: self.one("#count").get_property("textContent") == count)
        assert not cards or " ".join(self.names()) == cards

    def names(self, selector: str = ".card") -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((at) => at.textContent)"
        return list(self.browser.execute_script(script, f"{selector} .name"))


ROWS = [ok("in/three.png", "3", 0.95), doubt("in/doubt.png", "3", 0.4), BLANK]
ROWS += [ok("in/sure.png", "3", 0.999), broken("in/broken.png")]
ROWS += [ok("truth-4/nine.png", "9", 0.98), ok("truth-9/right.png", "9", 0.97)]
