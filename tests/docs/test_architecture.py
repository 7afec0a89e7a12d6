"""docs/architecture.md names every module of the three packages, and nothing that is not there; nor
does any other page, README among them, name a file of the repository that is gone.
"""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.snippets import PAGES

PACKAGES = {
    "The runtime": ROOT / "runtime" / "tinydigits",
    "Training": ROOT / "train" / "tinydigits_train",
    "Export": ROOT / "export" / "tinydigits_export",
}
LINES = 110  # about a printed page
IN_REPOSITORY = re.compile(
    r"`((?:runtime|train|export|tests|benchmarks|examples|docs|\.ci)/[\w./-]*)`"
)


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert len(text.splitlines()) <= LINES
    return dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE))


@pytest.mark.parametrize("title", PACKAGES)
def test_each_module_is_drawn_and_nothing_else(title: str, sections: dict[str, str]) -> None:
    package = PACKAGES[title]
    drawn = set(re.findall(r"[\w/]+\.py\b", sections[title]))
    there = {
        str(path.relative_to(package).as_posix())
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    borrowed = {"images.py"} if title == "Training" else set()
    assert there - drawn == set(), "not drawn"
    assert drawn - there - borrowed == set(), "drawn, and not there"


def test_the_files_that_pages_name_are_there() -> None:
    named = [
        (page.name, name)
        for page in PAGES
        for name in IN_REPOSITORY.findall(page.read_text("utf-8"))
    ]
    assert len(named) > 5
    assert [(page, name) for page, name in named if not Path(ROOT, name).exists()] == []


def test_the_links_of_the_readme_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text("utf-8"))
    assert [link for link in links if not Path(ROOT, link).exists()] == []
    assert "CONTRIBUTING.md" in links
