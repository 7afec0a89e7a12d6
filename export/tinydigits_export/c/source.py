"""C as text: what the writers of C have in common."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydigits import ModelError, ModelInfo
from tinydigits.info import Thresholds
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
    # _read.c and _read.h: from a camera's frame to an answer. They are separate files, so that a
    # program with 28×28 pixels at hand pays for no byte of them, and needs no fit.c.
    read_c: str = ""
    read_h: str = ""

    @property
    def contents(self) -> tuple[bytes, ...]:
        """The .c, .h, .ino, .md, _read.c and _read.h, and the fit that the latter two call."""
        texts = (self.c, self.h, self.sketch, self.readme, self.read_c, self.read_h, *fit_files())
        return tuple(text.encode() for text in texts)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Return a file of `templates` with its $names replaced by `values`."""
    return fill(TEMPLATES / template, values)


def fit_files() -> tuple[str, ...]:
    """Return fit.c and fit.h. In a wheel they are beside the templates (see hatch_build.py)."""
    shipped = (TEMPLATES / "fit.c").exists()
    folder = TEMPLATES if shipped else Path(__file__).parents[3] / "runtime" / "core"
    return tuple((folder / name).read_text("utf-8") for name in ("fit.c", "fit.h"))


def filled_source(
    kind: str,
    info: ModelInfo,
    fraction: int,
    values: Mapping[str, Any],
    code: str | None = None,
    parts: Sequence[str] = (),
) -> CSource:
    """Return the files of a network that gives logits.

    kind: the name of its templates; code: that of the template of its .c, where it is another one;
    parts: those of the $names in it. values: their $names beside those that all kinds have. Raises
    ModelError where there are more classes than C can be written for.
    """
    known: dict[str, Any] = {
        **described(info),
        "probability_note": "255 times its score, the sigmoid of its logit",
        "sigmoid": rows(np.rint(255 / (1 + np.exp(-np.arange(STEPS + 1) / 4))).astype(int)),
        "fraction": fraction,
        **values,
    }
    for part in ("api.h", "noinline.h", "probability.c", *parts):
        known[part.partition(".")[0]] = filled(part, known).removesuffix("\n")
    least, rivals = judged(info.thresholds, fraction)
    known |= {**info.thresholds._asdict(), "least": least, "rivals": rows(rivals)}
    known["judge"] = filled("read_logits.c", known).removesuffix("\n")
    return source_of(kind, info, fraction, known, code)


def source_of(
    kind: str, info: ModelInfo, fraction: int, values: Mapping[str, Any], code: str | None = None
) -> CSource:
    """Return the files of a network, with all $names of its templates in `values`."""
    names = (f"{code or kind}.c", *(f"{kind}.{ending}" for ending in ("h", "ino", "md")))
    names = (*names, "read.c", "read.h")
    c, h, sketch, readme, *read = (filled(name, values) for name in names)
    return CSource(info.name, c, h, sketch, readme, len(info.labels), fraction, *read)


def scores_of(logits: NDArray[np.integer[Any]], fraction: int) -> NDArray[np.float32]:
    """Return the scores, in [0, 1], of logits in units of 2 ** -fraction."""
    within = np.clip(logits / 2.0**fraction, -80, 80)  # where float32 still differs
    return (1 / (1 + np.exp(-within))).astype(np.float32)


def judged(thresholds: Thresholds, fraction: int) -> tuple[int, list[int]]:
    """Return the thresholds as C compares with them: the lowest logit that `min_score` accepts, and
    the table RIVALS of read_logits.c.
    """
    most = 2**31 - 1

    def accepted(logit: int) -> bool:
        return float(scores_of(np.array([logit]), fraction)[0]) >= thresholds.min_score

    least = bisect_left(range(-most, most), True, key=accepted) - most
    ratio, best = thresholds.max_ratio, np.arange(-32, 33) / 4
    with np.errstate(divide="ignore"):  # 0 and 1 are ratios too
        rivals = -np.log((1 - ratio + np.exp(-best)) / np.float64(ratio))
    if ratio == 1:  # no second score is above the best
        rivals[:] = np.inf
    return least, np.clip(np.rint(1024 * rivals), -(2**15), 2**15 - 1).astype(int).tolist()


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
        "how": f"FIT_{info.fit.upper()}",
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
