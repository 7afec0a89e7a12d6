"""The page is used with a mouse, with a keyboard, on a phone, and without a network."""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.golden.make import HERE as GOLDEN
from tests.support.files import png
from tests.support.pages import Opens, info_of
from tinydigits import Classifier
from tinydigits.info import Thresholds
from tinydigits_export.keras_model import Original
from tinydigits_export.page.to_html import to_html
from tinydigits_train.labelled_folder import Digits

pytestmark = pytest.mark.browser

SEVEN = [(52, 46), (90, 44), (136, 40), (120, 80), (98, 122), (84, 162)]  # of 192
GIVE = """
const [kind, text] = arguments;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], "digit.png", { type: "image/png" }));
dispatchEvent(kind === "drop" ? new DragEvent("drop", { dataTransfer: data, cancelable: true })
  : new ClipboardEvent("paste", { clipboardData: data }));
"""


def test_a_drawn_seven_is_read(opens: Opens, dense: Original) -> None:
    page = opens(dense, info_of(dense, Thresholds()))
    assert page.one("#sentence").text == "Nothing drawn yet."
    page.draw(SEVEN)
    page.says("Read as 7")
    assert page.one("#sign").text == "7"
    assert page.one("#bars .best").text.startswith("7")
    page.draw([(96, 96)])  # a dot more
    page.says("Read as")
    page.one("#undo").click()
    page.says("Read as 7")
    page.one("#clear").click()
    page.says("Nothing drawn yet.")
    assert page.one("#sign").text == ""
    from selenium.webdriver.common.keys import Keys

    page.one("body").send_keys(Keys.CONTROL + "z")
    page.says("Read as 7")


def test_pictures_are_chosen_dropped_and_pasted(
    opens: Opens, dense: Original, mnist_test: Digits, tmp_path: Path
) -> None:
    page = opens(dense, info_of(dense, Thresholds()))
    scores = dense.scores(mnist_test.images[:100])
    sure = [int(scores[:, digit].argmax()) for digit in (0, 1, 2)]
    (tmp_path / "chosen.png").write_bytes(png(mnist_test.images[sure[0]]))
    page.one("#file").send_keys(str(tmp_path / "chosen.png"))
    page.says("Read as 0")
    for kind, place, label in (("drop", sure[1], "1"), ("paste", sure[2], "2")):
        encoded = b64encode(png(mnist_test.images[place])).decode()
        page.browser.execute_script(GIVE, kind, encoded)
        page.says(f"Read as {label}")
    (tmp_path / "text.txt").write_text("no picture")
    page.one("#file").send_keys(str(tmp_path / "text.txt"))
    page.until(lambda: page.one("#problem").text.startswith("text.txt: this browser cannot open"))
    page.one("#file").send_keys(str(GOLDEN / "small-in-a-large-sheet.png"))
    page.until(lambda: not page.one("#problem").is_displayed())


def test_verdicts_name_the_threshold_that_failed(opens: Opens, dense: Original) -> None:
    page = opens(dense, info_of(dense, Thresholds(1.0, 1.0)))
    page.all(".example")[0].click()
    page.says("Uncertain, at best")
    assert "is below 1.000" in page.one("#why").text
    page = opens(dense, info_of(dense, Thresholds(0.0, 0.0)))
    page.all(".example")[0].click()
    page.says("Uncertain, 2 or")
    assert "more than 0 % of it" in page.one("#why").text


def test_more_than_one_sign_and_a_small_one_are_uncertain(
    opens: Opens, dense: Original, tmp_path: Path
) -> None:
    """Names, unlike digits, are not written side by side."""
    info = info_of(dense, Thresholds(0.0, 1.0))
    page = opens(dense, replace(info, labels=tuple(f"no. {label}" for label in info.labels)))
    seven = [(20 + x // 3, 40 + y // 2) for x, y in SEVEN]
    page.draw(seven)
    page.says("Read as")
    page.draw([(x + 80, y) for x, y in seven])
    page.says("Uncertain: more than one sign.")
    assert page.one("#why").text.startswith("They cannot be parted into digits here. The main")
    assert page.one("#answer").get_attribute("data-status") == "uncertain"
    speck = np.zeros((28, 28), np.uint8)
    speck[10:15, 11:14] = 255
    (tmp_path / "speck.png").write_bytes(png(speck))
    page.one("#file").send_keys(str(tmp_path / "speck.png"))
    page.says("Uncertain: the sign is too small.")


NUMBERS = ROOT / "examples" / "numbers"
NUMBER = """
const [text, done] = arguments;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
tinydigits.number(new Blob([bytes])).then((found) => done(
  found && [found.text, found.digits.map(({ box }) => box), found.leftOut]), done);
"""


def test_a_number_is_read_digit_by_digit(opens: Opens, read_conv: Original) -> None:
    """As `tinydigits read` reads it, in the same places; one digit alone is no number."""
    page, classifier = opens(read_conv, info_of(read_conv, Thresholds(0.5, 0.5))), Classifier()
    for path in NUMBERS.glob("*g"):
        encoded = b64encode(path.read_bytes()).decode()
        text, boxes, left_out = page.browser.execute_async_script(NUMBER, encoded)
        number = classifier.read(path)
        assert (text, left_out) == ((number.text or "").replace("\n", " "), number.left_out), path
        expected = [digit.box for line in number.lines for digit in line]
        assert np.abs(np.subtract(boxes, expected)).max() <= 4, path
    single = b64encode((ROOT / "examples" / "scans" / "7-red-pen.png").read_bytes()).decode()
    assert page.browser.execute_async_script(NUMBER, single) is None


def test_a_drawn_number_is_read_and_undone(opens: Opens, read_conv: Original) -> None:
    """A digit of several strokes stays one. Phones show a long number whole."""
    page = opens(read_conv, info_of(read_conv, Thresholds(0.5, 0.5)))
    for across in (0, 58, 116):
        page.draw([(across + x // 3, 30 + 2 * y // 3) for x, y in SEVEN])
    page.says("Read as 777.")
    assert page.one("#sign").text == "777"
    assert page.one("#why").text.startswith("3 digits. The least sure is shown: 7, score ")
    assert page.one("#bars .best").text.startswith("7")
    page.one("#undo").click()
    page.says("Read as 77.")
    page.one("#clear").click()
    page.draw([(34, 34), (22, 66), (10, 104), (46, 104), (88, 100)])
    page.draw([(64, 66), (60, 108), (54, 160)])
    page.draw([(x + 48, y) for x, y in SEVEN])
    page.says("Read as 47.")
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    encoded = b64encode((NUMBERS / "5550142-blue-pen.jpg").read_bytes()).decode()
    page.browser.execute_script(GIVE, "drop", encoded)
    page.says("Read as 5550142.")
    sizes = page.browser.execute_script(
        "return [innerWidth, document.documentElement.scrollWidth, sign.scrollWidth, "
        "sign.clientWidth]"
    )
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert sizes[0] == sizes[1] == 360
    assert sizes[2] == sizes[3]


def test_a_drawn_digit_is_read_in_5_ms_and_the_page_is_small(opens: Opens, conv: Original) -> None:
    page = opens(conv)
    assert len(to_html(conv, info_of(conv))) <= 130_000
    took = []
    for place in (0, 1, 2, 3, 4) * 4:
        page.all(".example")[place].click()
        took.append(float(page.one("#took").text.split()[2]))
    assert min(took) < 5, took


def test_everything_but_drawing_is_done_with_a_keyboard(opens: Opens, dense: Original) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    page = opens(dense)

    def pressed(key: str) -> str:
        ActionChains(page.browser).send_keys(key).perform()
        focused = page.browser.switch_to.active_element
        return str(focused.accessible_name or focused.text)

    examples = ["2", "3", "4", "7", "8"]
    named = [f"Example: a handwritten {each}" for each in examples]
    expected = ["Choose a picture…", *named, "Example: a star, which is none of them"]
    assert [pressed(Keys.TAB) for _ in range(7)] == expected
    assert pressed(Keys.TAB) == "About this model"
    page.all(".example")[3].send_keys(Keys.ENTER)
    page.says("Uncertain, 7 or 9")
    page.one("#undo").send_keys(Keys.SPACE)
    page.says("Nothing drawn yet.")
    page.all(".example")[3].send_keys(Keys.ENTER)
    page.one("#clear").send_keys(Keys.ENTER)
    page.says("Nothing drawn yet.")


def test_dense_shows_its_weights_and_conv_does_not(
    opens: Opens, dense: Original, conv: Original
) -> None:
    names = [each.accessible_name for each in opens(dense).all("#templates canvas")]
    assert names == [f"Weights for {digit}" for digit in range(10)]
    assert not opens(conv).one("#templates").is_displayed()


def test_own_labels_are_text_and_as_many_as_there_are(opens: Opens, dense: Original) -> None:
    hostile = ("</script><img src=x onerror=window.hacked=1>", "ö\u2028", "a very long label" * 3)
    labels = (*hostile, *"abcdefg")
    page = opens(dense, replace(info_of(dense), labels=labels, thresholds=Thresholds()))
    names = [each.get_property("textContent") for each in page.all("#bars .name")]
    assert tuple(names) == labels
    assert len(page.all(".example")) == 1
    assert page.browser.execute_script("return typeof window.hacked") == "undefined"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_a_dark_room(theme: str, opens: Opens, dense: Original) -> None:
    page = opens(dense)
    command = page.browser.execute_cdp_cmd
    feature = {"name": "prefers-color-scheme", "value": theme}
    command("Emulation.setEmulatedMedia", {"features": [feature]})
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    command("Emulation.setDeviceMetricsOverride", phone)
    page.draw(SEVEN)
    page.until(lambda: page.one("#sign").text)
    widths = page.browser.execute_script(
        "return [innerWidth, document.documentElement.scrollWidth]"
    )
    ground = page.one("body").value_of_css_property("background-color")
    command("Emulation.clearDeviceMetricsOverride", {})
    command("Emulation.setEmulatedMedia", {"features": []})
    assert widths == [360, 360]
    assert ground == {"light": "rgba(247, 246, 243, 1)", "dark": "rgba(23, 25, 28, 1)"}[theme]


def test_nothing_can_be_fetched(opens: Opens, dense: Original) -> None:
    text = to_html(dense, info_of(dense)).decode()
    assert "default-src 'none'" in text
    assert "://" not in text
    assert "url(" not in text
    page = opens(dense)
    tried = "fetch('data:,x').then(() => arguments[0]('fetched'), () => arguments[0]('refused'))"
    assert page.browser.execute_async_script(tried) == "refused"
    assert any("Content Security Policy" in each for each in page.complaints())
