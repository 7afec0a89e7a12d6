"""Write commands.md from the commands themselves: `python docs/make_commands.py`.

The page has the text of `--help`, laid out for reading. Its examples become blocks that a test
runs, like those of every other page.
"""

import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from tinydigits.cli.main import main

PAGE = Path(__file__).with_name("commands.md")
_KEPT = "\b\n"  # click does not wrap a paragraph that begins with this
_HEAD = """\
# Commands

This page holds the text of `tinydigits COMMAND --help` for each command; `python
docs/make_commands.py` writes it. [Getting started](getting-started.md) shows how to let the shell
complete commands, options, models and files.
"""


def commands() -> Iterator[tuple[click.Command, click.Context]]:
    """Yield each command, with the context that its texts are made in."""
    group = click.Context(main, info_name="tinydigits", **main.context_settings)
    for name in main.list_commands(group):
        command = main.get_command(group, name)
        assert command is not None
        yield command, click.Context(command, info_name=name, parent=group)


def page() -> str:
    """Return the text of commands.md."""
    return _HEAD + "".join(_section(*each) for each in commands())


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"## {command.name}", f"```text\n{context.command_path} {usage}\n```"]
    parts += map(_paragraph, inspect.cleandoc(command.help or "").split("\n\n"))
    records = [param.get_help_record(context) for param in command.get_params(context)]
    options = [_wrapped(f"- `{names}`: {text}") for names, text in filter(None, records) if text]
    return "\n" + "\n\n".join([*parts, "Options:", "\n".join(options)]) + "\n"


def _paragraph(text: str) -> str:
    if not text.startswith(_KEPT):
        return text
    title, *lines = text.removeprefix(_KEPT).splitlines()
    language = "sh" if title == "Examples:" else "text"
    code = "\n".join(line.removeprefix("  ") for line in lines)
    return f"{title}\n\n```{language}\n{code}\n```"


def _wrapped(item: str) -> str:
    words = " ".join(item.split())
    return textwrap.fill(words, 100, subsequent_indent="  ", break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
