"""Columns: the tables that are printed for people."""

from collections.abc import Container, Sequence


def aligned(rows: Sequence[Sequence[str]], left: Container[int] = (0,)) -> list[str]:
    """Lines of columns two blanks apart, all but those numbered `left` flush right. Rows may end
    early.
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
