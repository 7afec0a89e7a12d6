"""Columns are as wide as their widest cell, and rows may end early."""

from tinydigits.text import aligned


def test_numbers_are_flush_right_and_names_flush_left() -> None:
    rows = [("name", "n", "file"), ("seven", "1,000", "a.png"), ("title",), ("1", "", "")]
    assert aligned(rows, left=(0, 2)) == [
        "name       n  file",
        "seven  1,000  a.png",
        "title",
        "1",
    ]
    assert aligned(rows)[0] == "name       n   file"
