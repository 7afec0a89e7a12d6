"""What the writers of C have in common: names, strings and rows of numbers, as text."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from tinydigits import ModelInfo
from tinydigits_train.data import DIGITS

TEMPLATES = Path(__file__).with_name("templates")
# Templates that others include: their text is put in, so that what is written needs no more files.
PARTS = re.compile(r'^#include "(api\.h|noinline\.h|probability\.c)"\n', re.MULTILINE)
STEPS = 32  # of the sigmoid table, of 1/4 each


def filled(template: str, values: Mapping[str, Any]) -> str:
    """The text of a file in `templates`, its PARTS put in and its $names replaced by `values`."""
    text = (TEMPLATES / template).read_text("utf-8")
    text = PARTS.sub(lambda part: (TEMPLATES / part[1]).read_text("utf-8"), text)
    return Template(text).substitute(values)


def common(name: str, info: ModelInfo) -> dict[str, Any]:
    """What every template asks for. name: a C identifier, which the functions begin with."""
    classes = len(info.labels)
    return {
        "name": name,
        "prefix": name,
        "guard": name.upper(),
        "what": "digit" if info.labels == DIGITS else "character",
        "recipe": in_comment(info.recipe),
        "created_by": in_comment(info.created_by),
        "accuracy": accuracy(info),
        "classes": classes,
        "last": classes - 1,
        "labels": ", ".join(map(c_string, info.labels)),
        "label_list": ", ".join(info.labels),
        "sigmoid": rows(np.rint(255 / (1 + np.exp(-np.arange(STEPS + 1) / 4))).astype(int)),
    }


def in_comment(text: str) -> str:
    """One line that ends no C comment and begins none."""
    return re.sub(r"[^ -)+-.0-~]", "?", text)


def c_string(text: str) -> str:
    """A C string literal in ASCII, UTF-8 as octal escapes."""
    plain = re.compile(rb"""[ !#-\[\]-~]""")
    escaped = (
        chr(byte) if plain.match(bytes([byte])) and byte != ord("?") else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{"".join(escaped)}"'


def rows(values: Iterable[int]) -> str:
    """Numbers, comma separated, in lines of at most 100 characters."""
    lines, line = [], "   "
    for value in values:
        if len(line) + len(f" {value},") > 100:
            lines.append(line)
            line = "   "
        line += f" {value},"
    return "\n".join([*lines, line])


def accuracy(info: ModelInfo) -> str:
    test = info.metrics.get("test", {})
    if "accuracy" not in test:
        return "not measured"
    return f"{test['accuracy']:.2%} of the test images read right by the Keras model"


def registers(group: int) -> str:
    """Registers of each sum in the AVR's assembly: those that nothing else is in there."""
    pairs = [*range(2, 16, 2), 20, 22, 24][:group]
    each = [f"DO(r{low}, r{low + 1}, {3 * k + 2})" for k, low in enumerate(pairs)]
    return " \\\n    ".join(" ".join(each[at : at + 5]) for at in range(0, group, 5))
