"""The report shows what needs a look first, in bounded space, and no name in it is markup."""

import io
import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.reports import (
    BLANK,
    HOSTILE,
    LABELS,
    answers,
    broken,
    doubt,
    inside,
    names,
    ok,
    truth_in_name,
    written,
)
from tinydigits import SinkError
from tinydigits.reading import thumbnail
from tinydigits.sinks import report
from tinydigits.sinks.report import report_sink

Patch = pytest.MonkeyPatch


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
