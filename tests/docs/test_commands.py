"""Every command and every option is documented: in its help, with examples, and on one page."""

import inspect
import re
import tomllib

import click
import pytest
from click.testing import CliRunner

from docs.make_commands import PAGE, commands, page
from tests.conftest import ROOT
from tinydigits.cli.main import main

COMMANDS = {command.name or "": (command, context) for command, context in commands()}
COLUMNS = 80  # of a terminal


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python docs/make_commands.py`"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_and_argument_has_a_text_and_is_on_the_page(name: str) -> None:
    command, context = COMMANDS[name]
    section = PAGE.read_text("utf-8").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    listed = " ".join(re.findall(r"^- `(.+?)`: \S", section, re.MULTILINE)).replace(",", " ")
    for param in command.get_params(context):
        if isinstance(param, click.Option):
            assert len((param.help or "").split()) >= 3, f"{param.opts}: no help"
            assert set(param.opts) <= set(listed.split())
        else:
            named = param.make_metavar(context).strip("[].")
            assert f"{named} " in section.partition("```\n")[2], f"{named} is not described"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_has_examples_and_exit_codes_and_fits_a_terminal(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"], terminal_width=COLUMNS)
    assert done.exit_code == 0
    paragraphs = inspect.cleandoc(COMMANDS[name][0].help or "").split("\n\n")
    examples = next(text for text in paragraphs if text.startswith("\b\nExamples:\n"))
    assert all("tinydigits " in line for line in examples.splitlines()[2:])
    assert f"tinydigits {name}" in examples
    assert any(text.startswith("\b\nExit status:\n") for text in paragraphs)
    assert [line for line in done.stdout.splitlines() if len(line) > COLUMNS] == []


def test_the_list_of_commands_says_whole_sentences() -> None:
    done = CliRunner().invoke(main, ["--help"], terminal_width=COLUMNS)
    listed = done.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert [line for line in listed if not re.search(r"[^.]\.$", line)] == []


def test_every_extra_is_in_the_table_of_what_can_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs" / "getting-started.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(project["optional-dependencies"])
