"""C as text: what the writers of C have in common."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinydigits import ModelError, ModelInfo
from tinydigits_export.templates import fill
from tinydigits_train.labelled_folder import DIGITS

TEMPLATES = Path(__file__).with_name("templates")
PIXELS = 784
MAX_CLASSES = 100
STEPS = 32  # of the sigmoid table, of 1/4 each


@dataclass(frozen=True, slots=True)
class CSource:
    """The files of a network, as text."""

    name: str  # a C identifier: the name of the files, and the beginning of the names of functions
    c: str
    h: str
    sketch: str  # Arduino: answers 784 bytes that come over the serial line with the class
    readme: str
    classes: int  # K
    fraction: int  # the logit 1.0 is 2 ** fraction; 0 where the C gives no logits

    @property
    def contents(self) -> tuple[bytes, ...]:
        """The .c, .h, .ino and .md."""
        return tuple(text.encode() for text in (self.c, self.h, self.sketch, self.readme))


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Return a file of `templates` with its $names replaced by `values`."""
    return fill(TEMPLATES / template, values)


def filled_source(kind: str, info: ModelInfo, fraction: int, values: Mapping[str, Any]) -> CSource:
    """Return the files of a network that gives logits.

    kind: the name of its templates. values: their $names beside those that all kinds have. Raises
    ModelError where there are more classes than C can be written for.
    """
    classes = len(info.labels)
    known: dict[str, Any] = {
        **described(info),
        "sigmoid": rows(np.rint(255 / (1 + np.exp(-np.arange(STEPS + 1) / 4))).astype(int)),
        "fraction": fraction,
        **values,
    }
    for part in ("api.h", "noinline.h", "probability.c"):
        known[part.partition(".")[0]] = filled(part, known).removesuffix("\n")
    c, h, sketch, readme = (filled(f"{kind}.{end}", known) for end in ("c", "h", "ino", "md"))
    return CSource(info.name, c, h, sketch, readme, classes, fraction)


def described(info: ModelInfo) -> dict[str, Any]:
    """Return the $names of every kind of network: what describes the model."""
    return {
        "name": info.name,
        "guard": info.name.upper(),
        "what": "digit" if info.labels == DIGITS else "character",
        "recipe": in_comment(info.recipe),
        "created_by": in_comment(info.created_by),
        "accuracy": accuracy(info),
        "classes": len(info.labels),
        "last": len(info.labels) - 1,
        "labels": ", ".join(map(c_string, info.labels)),
        "label_list": ", ".join(info.labels),
    }


def check_classes(origin: Path, classes: int) -> None:
    """Raise ModelError where C cannot be written for that number of classes."""
    if not 2 <= classes <= MAX_CLASSES:
        raise ModelError(
            f"{origin}: {classes} classes, where C can be written for 2 to {MAX_CLASSES}"
        )


def in_comment(text: str) -> str:
    """Return one line that neither ends nor begins a C comment."""
    return re.sub(r"[^ -)+-.0-~]", "?", text)


def c_string(text: str) -> str:
    """Return a C string literal in ASCII; other UTF-8 becomes octal escapes."""
    plain = re.compile(rb"""[ !#-\[\]-~]""")
    escaped = (
        chr(byte) if plain.match(bytes([byte])) and byte != ord("?") else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{"".join(escaped)}"'


def rows(values: Iterable[int]) -> str:
    """Return numbers, separated by commas, in lines of at most 100 characters."""
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
    """Return the registers of each sum in the AVR's assembly: those that hold nothing else."""
    pairs = [*range(2, 16, 2), 20, 22, 24][:group]
    each = [f"DO(r{low}, r{low + 1}, {3 * k + 2})" for k, low in enumerate(pairs)]
    return " \\\n    ".join(" ".join(each[at : at + 5]) for at in range(0, group, 5))
