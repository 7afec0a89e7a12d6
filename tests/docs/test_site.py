"""The site builds without a warning, a broken link is an error, and no page leads elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tinydigits
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

ASKED = {"src", "srcset", "href", "data", "action", "poster"}  # what a browser may go to
OUTSIDE = re.compile(r"\s*(https?:)?//")


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a folder that holds mkdocs.yml."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)],
        cwd=folder,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "site"
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


class _Addresses(HTMLParser):
    """The tags of a page that lead outside."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ASKED and value and OUTSIDE.match(value):
                self.found.append(f"<{tag} {name}={value}>")


def test_every_page_is_built(site: Path) -> None:
    wanted = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    assert {path.name for path in site.glob("*.html")} == wanted | {"404.html"}
    assert not list(site.rglob("*.py"))


def test_no_page_leads_to_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        addresses = _Addresses()
        addresses.feed(page.read_text("utf-8"))
        assert addresses.found == [], page.name
    for sheet in site.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')]+)", sheet.read_text("utf-8"))
        assert [address for address in loaded if OUTSIDE.match(address)] == [], sheet.name


def test_the_reference_has_every_public_name(site: Path) -> None:
    names = re.findall(r"^::: tinydigits\.(\w+)$", (ROOT / "docs" / "api.md").read_text(), re.M)
    assert sorted(names) == [name for name in tinydigits.__all__ if name != "__version__"]
    made = (site / "api.html").read_text("utf-8")
    for name in names:
        assert f'id="tinydigits.{name}"' in made
    assert "float32 [N, K], one score for each label" in re.sub(r"\s+", " ", made)


def test_each_broken_link_is_an_error(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "mkdocs.yml", tmp_path / "mkdocs.yml")
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "runtime", tmp_path / "runtime")
    with (tmp_path / "docs" / "questions.md").open("a") as page:
        page.write("\n[a](nowhere.md), [b](index.md#nowhere), [c](/index.md), [d](#nothing)\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    for link in ("'nowhere.md'", "'index.md#nowhere'", "'/index.md'", "'#nothing'"):
        assert any(link in line for line in warnings), done.stderr
