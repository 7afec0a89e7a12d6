"""The report shows what needs a look first, in bounded space, and runs nothing that a name says. A
wrong answer is corrected in it.
"""

import io
import json
import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tinydigits import Prediction, SinkError
from tinydigits.items import Chunk
from tinydigits.judging import Answers, Status
from tinydigits.reading import Reading, thumbnail
from tinydigits.sinks import report
from tinydigits.sinks.report import Box, Card, report_page, report_sink
from tinydigits.sources.truths import read_truths

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

LABELS = tuple("0123456789")
Patch = pytest.MonkeyPatch
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=1200,1600"
)
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
    """As a Classifier gives them, black where no pixels are given."""
    seen = np.zeros((len(rows), 28, 28), np.uint8) if pixels is None else pixels
    originals = [None if row.status == "error" else original for row in rows]
    reading = Reading(np.zeros((len(rows), 10), np.float32), {}, seen, originals)
    return Answers(Chunk([row.path for row in rows], seen), reading, rows)


def truth_in_name(prediction: Prediction) -> str | None:
    """4 for `truth-4/…`."""
    return (prediction.path or "")[6] if "truth-" in (prediction.path or "") else None


def written(path: Path, *parts: Answers, truth: report.Truth | None = None) -> Path:
    with report_sink(str(path), LABELS, truth) as write:
        for part in parts:
            write(part)
    return path


def inside(path: Path) -> str:
    """What the page's script is given."""
    return path.read_text("utf-8").split('type="application/json">')[1].split("</script>")[0]


def names(page: Any) -> list[str]:
    return [row[0] for row in page["pictures"]]


def test_what_needs_eyes_most_comes_first(tmp_path: Path) -> None:
    rows = [ok("sure", "3", 0.99), BLANK, doubt("doubt", "3", 0.7), ok("less", "3", 0.9)]
    rows += [ok(f"truth-{truth}/sure", "3", 0.5) for truth in (3, 4)]
    rows += [doubt("truth-4/unsure", "3", 0.1)]
    page = json.loads(inside(written(tmp_path / "r.html", answers(rows), truth=truth_in_name)))
    expected = "truth-4/unsure,truth-4/sure,doubt,in/blank.png,truth-3/sure,less,sure"
    assert names(page) == expected.split(",")
    assert (page["summary"]["mistakes"], page["summary"]["known"]) == (2, 3)


def test_the_surest_are_left_out(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(report, "PICTURES", 5)
    monkeypatch.setattr(report, "ERRORS", 2)
    scores = np.random.default_rng(0).permutation(40) / 40
    parts = [answers([ok(f"{score}", "7", float(score))]) for score in scores]
    parts += [answers([broken(f"{number}"), doubt("doubt", "1", 0.99)]) for number in range(3)]
    page = json.loads(inside(written(tmp_path / "r.html", *parts)))
    assert names(page) == ["doubt"] * 3 + ["0.0", "0.025"]
    assert [row[0] for row in page["errors"]] == ["0", "1"]
    assert page["summary"]["counts"] == {"ok": 40, "uncertain": 3, "error": 3}
    assert page["summary"]["readAs"] == [0, 3, 0, 0, 0, 0, 0, 40, 0, 0, 0]


@pytest.mark.slow
def test_ten_thousand_of_the_largest_pictures_are_less_than_20_mb(tmp_path: Path) -> None:
    """Noise, which nothing compresses, and names as long as they are shown."""
    rng = np.random.default_rng(0)
    original = thumbnail(Image.fromarray(rng.integers(0, 256, (72, 72, 3), np.uint8)))
    pixels = rng.integers(0, 256, (100, 28, 28), np.uint8)
    scores = np.linspace(0, 1, 10_100).reshape(-1, 100).tolist()
    rows = ([ok(f"{'ü' * 300}{score}", "7", score) for score in part] for part in scores)
    parts = (answers(part, pixels, original) for part in rows)
    path = written(tmp_path / "r.html", *parts)
    assert 17_000_000 < path.stat().st_size < 20_000_000
    pictures = json.loads(inside(path))["pictures"]
    assert len(pictures) == report.PICTURES
    assert all(seen for *_, seen in pictures)
    shown = [bool(original) for *_, original, _ in pictures]
    assert shown == sorted(shown, reverse=True)
    assert 0 < sum(shown) < len(shown)
    seen = Image.open(io.BytesIO(b64decode(pictures[0][-1]))).convert("L")
    assert np.array_equal(np.asarray(seen), pixels[0])


def test_no_name_is_markup_and_the_page_has_no_address_in_it(tmp_path: Path) -> None:
    rows = [*map(ok, HOSTILE), *map(broken, HOSTILE)]
    path = written(tmp_path / "r.html", answers(rows))
    assert not set(inside(path)) & set("<>&\u2028\u2029")
    page = json.loads(inside(path))
    assert names(page) == [row[0] for row in page["errors"]] == [*HOSTILE.values()]
    whole = path.read_text("utf-8")
    assert "://" not in whole
    assert "innerHTML" not in whole
    assert "default-src 'none'; img-src data:;" in whole


def test_a_page_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("before")

    def interrupted() -> None:
        with report_sink(str(path), LABELS) as write:
            write(answers([ok("a")]))
            raise BrokenPipeError  # of another sink: it is not the page that cannot be written

    with pytest.raises(BrokenPipeError):
        interrupted()
    assert path.read_text() == "before"
    written(path)
    assert json.loads(inside(path))["pictures"] == []
    assert [each.name for each in tmp_path.iterdir()] == ["r.html"]


@pytest.mark.linux
def test_where_no_page_can_be_written_it_is_said_before_the_run(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "r.html"):
        refused = pytest.raises(SinkError, match="cannot be written")
        with refused, report_sink(str(path), LABELS):
            pytest.fail("the run began")
    with pytest.raises(SinkError, match="/dev/full: cannot be written: No space left"):
        written(Path("/dev/full"), answers([ok("a")] * 1000))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    """A Chromium of its own, without a window or a network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    if not shutil.which(CHROMIUM) or not shutil.which(DRIVER):
        pytest.skip(f"needs {CHROMIUM} and {DRIVER}: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*ARGUMENTS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    with Patch.context() as patch:
        for name in filter(lambda name: name.lower().endswith("_proxy"), [*os.environ]):
            patch.delenv(name)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        yield driver
        driver.quit()


@contextmanager
def phone(page: "Page") -> Iterator[None]:
    """Show a page as a phone of 360 px does."""
    size = {"width": 360, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


class Page:
    """A report in a browser, used as a person does: by what its controls are called."""

    def __init__(self, browser: "Chrome", path: Path) -> None:
        self.browser = browser
        self.address = path.as_uri()
        self.open()

    def open(self, filters: str = "") -> None:
        self.browser.get("about:blank")  # else a change of the filters alone loads nothing
        self.browser.get(self.address + filters)

    def all(self, selector: str) -> "list[WebElement]":
        return self.browser.find_elements("css selector", selector)

    def one(self, selector: str) -> "WebElement":
        return self.browser.find_element("css selector", selector)

    def headings(self) -> str:
        return ", ".join(each.text for each in self.all("h2, h3"))

    def until(self, holds: Callable[[], object]) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        wait: Any = WebDriverWait(self.browser, 10, 0.02)
        wait.until(lambda _: holds())

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.browser, duration=0).send_keys(*keys).perform()

    def control(self, name: str) -> "WebElement":
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


@pytest.fixture
def page(browser: "Chrome", tmp_path: Path) -> Page:
    return Page(browser, written(tmp_path / "r.html", answers(ROWS), truth=truth_in_name))


@pytest.mark.browser
def test_what_needs_a_look_comes_first_and_then_the_classes(page: Page) -> None:
    assert page.headings() == (
        "Look at these, Mistakes 1 picture, Unreadable 1 file, Uncertain 2 pictures, "
        "The others, by class, 3 2 pictures, 9 1 picture"
    )
    assert page.names()[:3] == ["truth-4/nine.png", "in/doubt.png", "in/blank.png"]
    assert page.names()[3:] == ["in/three.png", "in/sure.png", "truth-9/right.png"]
    assert page.names(".error") == ["in/broken.png"]
    assert page.all(".error")[0].text.endswith("a damaged PNG: truncated")
    assert page.all("#totals")[0].text.startswith("7 pictures: 1 mistake · 4 ok, 2 uncertain, 1 un")
    widths = "return [...document.images].map((image) => image.naturalWidth)"
    assert page.browser.execute_script(widths) == [40, 28] * 6


@pytest.mark.browser
def test_each_control_filters(page: Page) -> None:
    page.choose("Read as", "9 (2)")
    page.shows("2 of 7 shown", "truth-4/nine.png truth-9/right.png")
    page.control("only mistakes").click()
    page.shows("1 of 7 shown", "truth-4/nine.png")
    assert "truth 4" in page.all(".card.mistake")[0].text
    page.reset()
    page.choose("Status", "uncertain (2)")
    page.shows("2 of 7 shown", "in/doubt.png in/blank.png")
    page.choose("Status", "unreadable (1)")
    page.shows("1 of 7 shown")
    assert page.names(".error") == ["in/broken.png"]
    page.reset()
    page.choose("Truth", "9 (1)")
    page.shows("1 of 7 shown", "truth-9/right.png")
    page.reset()
    page.fill("Name contains", "SURE")
    page.shows("1 of 7 shown", "in/sure.png")


@pytest.mark.browser
def test_scores_are_filtered_by_number_and_by_slider(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.fill("highest score", "0.97")
    page.shows("3 of 7 shown", "in/doubt.png in/three.png truth-9/right.png")
    page.fill("lowest score", "0.9")
    page.shows("2 of 7 shown", "in/three.png truth-9/right.png")
    page.control("highest score, as a slider").send_keys(Keys.ARROW_DOWN * 2)
    page.shows("1 of 7 shown", "in/three.png")
    assert page.control("highest score").get_property("value") == "0.95"


@pytest.mark.browser
def test_a_filtered_view_can_be_linked(page: Page) -> None:
    page.choose("Read as", "3 (3)")
    page.fill("Name contains", "t&h=#")
    page.shows("none of 7 matches")
    filters = page.browser.current_url.removeprefix(page.address)
    assert filters == "#class=3&text=t%26h%3D%23"
    page.open(filters)
    page.shows("none of 7 matches")
    assert page.control("Name contains").get_property("value") == "t&h=#"
    page.open("#class=blank")
    page.shows("1 of 7 shown", "in/blank.png")
    page.open("#class=no+such&status=&max=x&nothing=1")
    page.shows("7 of 7 shown")


@pytest.mark.browser
def test_names_are_text_and_run_nothing(browser: "Chrome", tmp_path: Path) -> None:
    rows = [*map(ok, HOSTILE), *map(broken, HOSTILE)]
    page = Page(browser, written(tmp_path / "r.html", answers(rows)))
    assert page.names() == page.names(".error") == [*HOSTILE.values()]
    page.fill("Name contains", "<img")
    page.shows("2 of 10 shown", image)
    assert browser.execute_script("return typeof window.hacked") == "undefined"
    assert not browser.execute_script("return performance.getEntriesByType('resource')")
    log: Any = browser.get_log
    assert [entry for entry in log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.browser
def test_a_large_group_is_filled_as_it_is_asked_for(browser: "Chrome", tmp_path: Path) -> None:
    rows = [ok(f"{at}.png", "7", at / 400) for at in range(300)]
    page = Page(browser, written(tmp_path / "r.html", answers(rows)))
    assert len(page.all(".card")) == 120
    page.control("Show 120 more of 180").send_keys("\n")  # a click might miss what moves
    assert page.names() == [f"{at}.png" for at in range(240)]
    page.control("Show 60 more of 60").send_keys("\n")  # a click might miss what moves
    assert len(page.all(".card")) == 300
    assert not page.all("button.more")[0].is_displayed()


@pytest.mark.browser
def test_what_is_left_out_is_said(browser: "Chrome", tmp_path: Path, monkeypatch: Patch) -> None:
    for limit, value in (("PICTURES", 3), ("ERRORS", 1), ("BUDGET", 500)):
        monkeypatch.setattr(report, limit, value)
    rows = [ok("a", "7", at / 10) for at in range(5)] + [broken("b")] * 4
    page = Page(browser, written(tmp_path / "r.html", answers(rows)))
    assert page.all("#left-out")[0].text == (
        "Only the 3 that need eyes most are here, not the other 2. Of 4 unreadable files the first "
        "1 are listed. 1 original left out to keep the page small: those of the surest."
    )
    assert page.headings() == (
        "Look at these, Unreadable 1 of 4 files, The others, by class, 7 3 of 5 pictures"
    )


@pytest.mark.browser
def test_it_fits_a_phone_and_a_dark_room(page: Page) -> None:
    grounds = []
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        grounds.append(page.all("body")[0].value_of_css_property("background-color"))
    assert grounds == ["rgba(247, 246, 243, 1)", "rgba(23, 25, 28, 1)"]
    with phone(page):
        widths = page.browser.execute_script(
            "return [innerWidth, document.documentElement.scrollWidth]"
        )
    assert widths == [360, 360]


def corrections(page: Page, folder: Path) -> bytes:
    """Return what a click on the button downloads, once nothing is enlarged."""
    page.press("\ue00c")  # Escape
    behaviour = {"behavior": "allow", "downloadPath": str(folder)}
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    assert page.one("#given button").text == "Download corrections.csv"
    page.one("#given button").click()
    file = folder / "corrections.csv"
    page.until(file.exists)
    return file.read_bytes()


@pytest.mark.browser
def test_an_answer_is_corrected_with_one_key_or_one_click(page: Page, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    def point(card: "WebElement") -> None:
        ActionChains(page.browser, duration=0).move_to_element(card).perform()
        page.until(lambda: card.find_elements("css selector", "#keys"))

    assert not page.one("#given").is_displayed()
    nine, doubt_, *_ = page.all(".card")
    point(nine)
    page.press("4")
    assert "you: 4" in nine.text
    point(doubt_)
    doubt_.find_elements("css selector", "#keys button")[3].click()
    assert "you: right" in doubt_.text
    assert page.one("#given b").text == "2 corrections"
    page.press("5", "5")  # the same once more takes it back
    assert "you:" not in doubt_.text
    page.press("3")
    page.fill("Name contains", "nine")  # the cards are made anew
    page.shows("1 of 7 shown", "truth-4/nine.png")
    assert "you: 4" in page.one(".card").text
    assert corrections(page, tmp_path) == b"file,truth\ntruth-4/nine.png,4\nin/doubt.png,3\n"


@pytest.mark.browser
def test_a_keyboard_enlarges_goes_on_corrects_and_returns(page: Page, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    first = page.one(".card .images")
    first.send_keys(Keys.ENTER)
    assert page.one("dialog .name").text.endswith("nine.png")
    small, large = (page.one(f"{at} .seen").size["width"] for at in (".card", "dialog"))
    assert large > 4 * small
    page.press(Keys.ARROW_RIGHT, "8")
    assert page.one("dialog .name").text.endswith("doubt.png")
    assert "you: 8" in page.one("dialog .badges").text
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert page.one("dialog .steps").text.replace("\n", " ") == "← → 1 of 6 Close"
    page.press(Keys.ESCAPE)
    assert not page.one("dialog").is_displayed()
    assert page.browser.switch_to.active_element == first
    page.press("6")
    assert corrections(page, tmp_path) == b"file,truth\nin/doubt.png,8\ntruth-4/nine.png,6\n"


@pytest.mark.browser
def test_corrections_name_the_file_as_the_system_does(
    browser: "Chrome", tmp_path: Path, monkeypatch: Patch
) -> None:
    """Whatever the page shows of a name that is hostile, long, or not UTF-8."""
    long = "long/" * 60 + "a.png"
    names_ = ['quoted",\n.png', os.fsdecode(b"\xff\xfe.png"), "ü.png", long]
    page = Page(browser, written(tmp_path / "r.html", answers([ok(name) for name in names_])))
    page.one(".card .images").click()
    for _ in names_:
        page.press("1", "\ue014")  # the right arrow
    expected = f'file,truth\n"quoted"",\n.png",1\n\udcff\udcfe.png,1\nü.png,1\n{long},1\n'
    assert corrections(page, tmp_path) == os.fsencode(expected)
    for name in names_:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    truths = read_truths(str(tmp_path / "corrections.csv"))
    assert truths.texts == {str(tmp_path / name): "1" for name in names_}
    monkeypatch.setattr(report, "NAMES", len(long))
    page = Page(browser, written(tmp_path / "r.html", answers([ok(long)])))
    page.one(".card .images").click()
    page.press("1")
    assert "cannot be corrected here" in page.one("dialog").text
    assert not page.one("#given").is_displayed()


@pytest.mark.browser
def test_a_number_is_shown_with_boxes_and_corrected_as_text(
    browser: "Chrome", tmp_path: Path
) -> None:
    boxes = (Box("4", 0.9, 0, 0.25, 0.5, 1), Box("1", 0.8, 0.5, 0.25, 1, 1))
    with report_page(str(tmp_path / "r.html"), None) as add:
        add(Card("right.png", "41", 0.8, "ok", None, "41", GREY, None, boxes))
        add(Card("wrong.png", "41", 0.8, "ok", None, "47", GREY, None, boxes))
        add(Card("none.png", None, None, "uncertain", "no_digit", None, GREY))
    page = Page(browser, tmp_path / "r.html")
    assert page.headings() == (
        "Look at these, Mistakes 1 picture, Uncertain 1 picture, The others, numbers 1 picture"
    )
    page.one(".card .images").click()
    (left, right), picture = page.all("dialog .boxed i"), page.one("dialog .boxed img").rect
    assert (left.text, right.text) == ("4", "1")
    assert right.rect["x"] == pytest.approx(picture["x"] + picture["width"] / 2, abs=1)
    assert right.rect["height"] == pytest.approx(picture["height"] * 0.75, abs=1)
    page.fill("The number that the picture shows", "47\n")
    assert "you: 47" in page.one("dialog .badges").text
    assert corrections(page, tmp_path) == b"file,truth\nwrong.png,47\n"


@pytest.mark.browser
def test_the_filters_fold_away_on_a_phone(page: Page) -> None:
    assert page.one("#fold").get_property("open")
    with phone(page):
        page.until(lambda: not page.one("#fold").get_property("open"))
        page.one("#fold summary").click()
        page.fill("Name contains", "sure")
        page.shows("1 of 7 shown", "in/sure.png")
        assert page.one("#fold summary").text == "Filter the pictures (1 set: 1 of 7 shown)"
        page.one(".card .images").click()
        assert page.one("dialog").rect["width"] <= 360


@pytest.mark.browser
def test_it_is_printed_with_its_pictures_and_without_its_controls(page: Page) -> None:
    pdfium = pytest.importorskip("pypdfium2")
    printed = page.browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27})["data"]
    document = pdfium.PdfDocument(b64decode(printed))
    text = "".join(each.get_textpage().get_text_range() for each in document)
    for name in ("nine.png", "doubt.png", "broken.png", "sure.png"):
        assert name in text
    assert "Name contains" not in text
    images = sum(len(list(each.get_objects(filter=[3]))) for each in document)  # 3: a picture
    assert images == 12
