"""What the tests of the page share: models to make pages of, and a browser to open them in."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.support import chromium
from tinydigits.info import ModelInfo, Thresholds
from tinydigits_export.keras_model import Original, open_original
from tinydigits_export.page.to_html import to_html

THRESHOLDS = Thresholds(min_score=0.9, max_ratio=0.6)  # some digits fail the one, some the other
READ = """
const [encoded, done] = arguments;
Promise.all(encoded.map(async (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const { pixels, doubt, scores, judgement, inverted, box } =
    await tinydigits.read(new Blob([bytes]));
  return [[...pixels], doubt, [...scores], judgement, inverted, box];
})).then(done, (error) => done(String(error)));
"""


def info_of(original: Original, thresholds: Thresholds = THRESHOLDS) -> ModelInfo:
    return ModelInfo(
        name=original.path.stem,
        recipe=original.model.name,
        labels=original.labels,
        parameters=int(original.model.count_params()),
        keras_sha256=original.sha256,
        created_by="a test",
        thresholds=thresholds,
    )


def opened(model: Any, folder: Path) -> Original:
    """Save a model with random weights, none of them 0, and open it."""
    random = np.random.default_rng(0)
    fan = [max(1, int(np.prod(w.shape[:-1]))) for w in model.get_weights()]
    model.set_weights(
        [
            random.uniform(0.1, 1, w.shape) if w.ndim == 1 else random.normal(0, n**-0.5, w.shape)
            for w, n in zip(model.get_weights(), fan, strict=True)
        ]
    )
    model.save(folder / f"{model.name}.keras")
    return open_original(folder / f"{model.name}.keras")


class Page(chromium.Page):
    """An exported page, used as a person does."""

    def says(self, sentence: str) -> None:
        """Wait until the page says it, to those who see it and to those who listen."""
        self.until(lambda: self.one("#sentence").text.startswith(sentence))
        assert self.one("#said").get_property("textContent").startswith(sentence)
        assert self.one("#said").aria_role == "status"

    def draw(self, points: list[tuple[int, int]]) -> None:
        from selenium.webdriver import ActionChains

        pad = self.one("#pad")
        width = pad.size["width"]
        actions = ActionChains(self.browser, duration=10)
        for place, point in enumerate(points):
            across, down = (round((part / 192 - 0.5) * width) for part in point)
            actions.move_to_element_with_offset(pad, across, down)
            if place == 0:
                actions.click_and_hold()
        actions.release().perform()

    def read(self, files: list[bytes]) -> Any:
        """Return what the page's own function reads in the files."""
        found = self.browser.execute_async_script(
            READ, [b64encode(each).decode() for each in files]
        )
        assert not isinstance(found, str), found
        return found

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


Opens = Callable[..., Page]


def opener(browser: Any, folder: Path) -> Iterator[Opens]:
    """Yield what opens the page of a model. Nothing may be fetched, and nothing go wrong."""

    def open_(original: Original, info: ModelInfo | None = None) -> Page:
        path = folder / "page.html"
        path.write_bytes(to_html(original, info or info_of(original)))
        browser.get(path.as_uri())
        return Page(browser)

    yield open_
    assert browser.execute_script("return performance.getEntriesByType('resource')") == []
    assert Page(browser).complaints() == []
