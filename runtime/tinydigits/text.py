"""Text: aligned columns, names that cannot harm a terminal, and lines of JSON."""

import json
from collections.abc import Container, Iterable, Mapping, Sequence

NAMED = 100  # names in one message


def aligned(rows: Sequence[Sequence[str]], left: Container[int] = (0,)) -> list[str]:
    """Return lines of columns two blanks apart. Columns are aligned right, those numbered in `left`
    to the left. Rows may be shorter than others.
    """
    widths = [
        max(len(row[at]) for row in rows if at < len(row)) for at in range(max(map(len, rows)))
    ]
    return [
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]


def printable(name: str) -> str:
    """Return a name on one line: control characters, which a terminal would obey, are escaped."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def json_line(fields: Mapping[str, object]) -> str:
    """Return a JSON object with a line end. Bytes of a name that are not UTF-8 are lone surrogates
    in Python; JSON can hold them only as escapes.
    """
    line = json.dumps(fields, ensure_ascii=False)
    return (line if line.isprintable() else json.dumps(fields)) + "\n"


def names_in(names: Sequence[str]) -> str:
    """Return names on one line, cut where there are too many to read."""
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(printable, names[:NAMED])) + rest


def similar(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of `names`, which `name` may be a mistyped form of; None for none."""
    from difflib import get_close_matches  # only a mistake needs it

    by_letters = {each.lower(): each for each in names}
    found = get_close_matches(name.lower(), by_letters, 1)
    return by_letters[found[0]] if found else None
