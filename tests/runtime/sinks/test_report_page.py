"""The page of a report, in a browser: it runs nothing that a name says, it is filtered and found by
its controls, and a wrong answer is corrected in it.
"""

import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.chromium import chromium
from tests.support.reports import (
    GREY,
    HOSTILE,
    ROWS,
    Page,
    answers,
    broken,
    image,
    ok,
    phone,
    truth_in_name,
    written,
)
from tinydigits.sinks import report
from tinydigits.sinks.report import Box, Card, report_page
from tinydigits.sources.truths import read_truths

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    yield from chromium(tmp_path_factory.mktemp("chromium"), "1200,1600")


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
