"""No page, README among them, names a file of the repository that is gone."""

import re
from pathlib import Path

from tests.conftest import ROOT
from tests.support.snippets import PAGES

IN_REPOSITORY = re.compile(
    r"`((?:runtime|train|export|tests|benchmarks|examples|docs|\.ci)/[\w./-]*)`"
)


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
