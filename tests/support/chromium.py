"""A browser for the tests that open pages."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
)


def chromium(folder: Path, size: str = "1100,1000") -> Iterator[Any]:
    """A Chromium of its own, without a network. `size`: width and height of its window, in px."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    if not shutil.which(CHROMIUM) or not shutil.which(DRIVER):
        pytest.skip(f"needs {CHROMIUM} and {DRIVER}: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (*ARGUMENTS.split(), f"--user-data-dir={folder}", f"--window-size={size}"):
        options.add_argument(argument)
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(lambda name: name.lower().endswith("_proxy"), [*os.environ]):
            patch.delenv(name)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        yield driver
        driver.quit()


class Page:
    """A page in a browser."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def one(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def all(self, selector: str) -> Any:
        return self.browser.find_elements("css selector", selector)

    def until(self, holds: Callable[[], object]) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        wait: Any = WebDriverWait(self.browser, 10, 0.02)
        wait.until(lambda _: holds())
