"""Shell completion for arguments that click cannot complete by itself.

`_TINYDIGITS_COMPLETE=bash_source tinydigits` prints the script that asks for it, and so do
`zsh_source` and `fish_source`.
"""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def models(_ctx: click.Context, _param: click.Parameter, start: str) -> "list[CompletionItem]":
    """Return the bundled models whose names begin with `start`, and files, which bash offers if
    there is no such model.
    """
    from click.shell_completion import CompletionItem

    from tinydigits.model import BUNDLED

    names = [CompletionItem(name) for name in BUNDLED if name.startswith(start)]
    # Files come first: in bash they replace what came before them.
    return [CompletionItem(start, type="file"), *names]


files = click.Path().shell_complete
folders = click.Path(file_okay=False).shell_complete
