"""Every command and every line of Python in README.md and docs/ does what its page says."""

import shutil
from pathlib import Path
from shutil import which

import pytest

from tests.conftest import ROOT
from tests.support.snippets import PAGES, RUN, SHELL, SHOWN, Block, blocks, not_printed, run

# What the reader of a page has already, beside the examples: earlier pages or his own pictures.
HAS = {
    "classify.md": ("digits", "inbox"),
    "commands.md": ("digits", "inbox", "digits.keras", "digits.train.json", "out", "model.onnx"),
    "contract.md": ("out",),
    "devices.md": ("digits.keras", "digits.train.json", "tiny.keras", "tiny.train.json"),
    "export.md": ("digits.keras", "digits.train.json", "notebook.keras", "model.onnx"),
    "library.md": ("out", "digits"),
    "train.md": ("digits",),
}
NOT_RUN = 12  # blocks, at most, that say why they are not
COMPILERS = ("avr-gcc", "arm-none-eabi-gcc", "cc")  # which apt.txt brings


def test_the_readme_opens_with_what_it_does_and_the_two_commands() -> None:
    readme = ROOT / "README.md"
    opening = readme.read_text("utf-8").partition("## Classify")[0]
    assert "reads handwritten digits from image files" in opening
    assert [block.code for block in blocks(readme) if block.language == "sh"][:2] == [
        "pip install . && tinydigits classify examples/scans\n",
        'pip install -e ".[dev]" && pytest\n',
    ]


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.cluster
@pytest.mark.network
@pytest.mark.device
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_works_and_prints_what_the_page_shows(
    page: Path, few_digits: Path, commands: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for name in HAS.get(page.name, ()):
        prepared = request.getfixturevalue("prepared") / name
        copied = shutil.copytree if prepared.is_dir() else shutil.copyfile
        copied(prepared, tmp_path / name)
    for block in blocks(page):
        missing = [name for name in COMPILERS if f"{name} -" in block.code and not which(name)]
        if missing:
            pytest.skip(f"{block.place}: {missing[0]} is missing")
        if block.saved_as is not None:
            (tmp_path / block.saved_as).write_text(block.code, "utf-8")
        elif block.not_run is None and block.language in RUN:
            status, printed = run(block, tmp_path, few_digits, commands)
            assert status == 0, f"{block.place}\n{block.code}\n{printed}"
            assert not_printed(block, printed) == [], f"{block.place}\n{printed}"


def test_every_block_has_a_language_that_says_whether_it_is_run() -> None:
    odd = [f"{block.place} {block.language!r}" for block in _all() if not _known(block)]
    assert odd == []


def _known(block: Block) -> bool:
    return block.language in RUN + SHOWN


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    not_run = [block for block in _all() if block.not_run is not None]
    assert all(block.language in RUN for block in not_run)
    assert [block.place for block in not_run if len((block.not_run or "").split()) < 3] == []
    assert len(not_run) <= NOT_RUN


def _all() -> list[Block]:
    found = [block for page in PAGES for block in blocks(page)]
    assert sum(block.language in SHELL for block in found) > 20
    return found


@pytest.mark.parametrize(
    ("code", "shown", "printed", "missing"),
    [
        ("tinydigits classify a", "a: 7  1.00", "a: 7  1.00\n", []),
        ("tinydigits classify a", "a: 7  1.00", "a: 1  1.00\n", ["a: 7  1.00"]),
        ("tinydigits classify a", "b\na", "a\nb\n", ["a"]),
        ("tinydigits classify a", "…\n0.1 s (20/s)", "b\n2.1 s (1,500/s)\n", []),
        ("tinydigits train", "accuracy 92.5%", "accuracy 7.13%\n", []),
        ("tinydigits train", "accuracy 92.5%", "errors 7\n", ["accuracy 92.5%"]),
    ],
)
def test_what_a_page_shows_is_looked_for_in_order(
    code: str, shown: str, printed: str, missing: list[str]
) -> None:
    assert not_printed(Block(ROOT / "README.md", 1, "sh", code, None, shown), printed) == missing


def test_blocks_are_found_with_their_reason_and_output(tmp_path: Path) -> None:
    page = ROOT / "docs" / "no-such-page.md"
    written = tmp_path / "page.md"
    written.write_text(
        "```sh\na\n```\n\n```text\nb\n```\n\n<!-- not run: it takes\nan hour -->\n```sh\nc\n```\n"
        "words\n```text\nd\n```\n"
    )
    found = [block._replace(page=page) for block in blocks(written)]
    assert found == [
        Block(page, 1, "sh", "a\n", None, "b\n"),
        Block(page, 11, "sh", "c\n", "it takes an hour", None),
        Block(page, 15, "text", "d\n", None, None),
    ]
