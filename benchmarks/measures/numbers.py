"""How well numbers are read: pictures by people, beside other programs, and drawn rows."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.harness.plan import MissingInput, Plan, data
from benchmarks.harness.results import ONCE, Check, Finding, Table, Target, columns
from benchmarks.harness.rows import KINDS, pictures
from benchmarks.rivals.readers import NUMBERS, Read, installed, timed
from tinydigits import Classifier
from tinydigits.images import ImageLike
from tinydigits.number_evaluation import edit_distance
from tinydigits.sources.truths import read_truths
from tinydigits_train.ready import ENVIRONMENT

TRUTH = "truth.tsv"
ROWS = 1000  # drawn pictures of each kind
COLUMNS = columns("read by; pictures; number:,d; exact:.1%; digit errors:.1%; CPU ms:,.0f")
Texts = Callable[[Sequence[ImageLike]], list[str]]
TARGETS = {"apart": 0.97, "one pair touches": 0.85}


def measure(plan: Plan) -> Finding:
    drawn = plan.mnist is not None or bool(os.environ.get(ENVIRONMENT))
    if plan.numbers is None and not drawn:
        raise MissingInput(
            "needs pictures of numbers: pass --numbers DIR, a folder with truth.tsv (file, tab, "
            "number, with | between its lines), or --mnist DIR, whose digits are put in rows"
        )
    on, rows, checks = [], [], []
    if plan.numbers is not None:
        table = read_truths(str(plan.numbers / TRUTH)).by_rows().texts
        files = [*table][::5] if plan.short else [*table]
        truth = [table[file] for file in files]
        on.append(f"{len(truth)} pictures by people")
        for name, read in _readers(plan):
            plan.say(name)
            rows.append((name, "by people", len(truth), *_measured(read, files, truth)))
    if drawn:
        digits, count = data(plan).test, 10 if plan.short else ROWS
        on.append(f"{count:,} drawn rows of each kind, of MNIST test digits")
        for kind in KINDS:
            images, truths = zip(*pictures(digits, kind, count, seed=1), strict=True)
            truth = [each.replace("\n", " ") for each in truths]
            for model in plan.names:
                plan.say(f"{model}: {kind}")
                figures = _measured(_texts(model), images, truth)
                rows.append((f"tinydigits, {model}", kind, count, *figures))
                if kind in TARGETS and model == "conv":
                    target = Target(at_least=TARGETS[kind])
                    checks.append(Check(f"conv, {kind}", figures[0], target, ".1%"))
    return Finding(
        "numbers",
        what="How well whole numbers are read. `exact` is the share of pictures whose every line "
        "is read exactly, `digit errors` the digits to insert, delete and replace, divided by the "
        "digits that there are, and `CPU ms` the CPU time for each picture, decoding included.",
        on="; ".join(on),
        how="; ".join([f"{ONCE}, but for the CPU time", *plan.skipped]),
        tables=(Table("numbers", "whole numbers", COLUMNS, tuple(rows)),),
        checks=tuple(checks),
    )


def _readers(plan: Plan) -> Iterator[tuple[str, Texts]]:
    """Yield each program's name and what reads files with it."""
    for model in plan.names:
        yield f"tinydigits, {model}", _texts(model)
    for name, read in installed(NUMBERS, plan.skipped):
        yield name, partial(_texts_by, read)


def _texts(model: str) -> Texts:
    classifier = Classifier(model)
    return lambda pictures: [
        (number.text or "").replace("\n", " ") for number in classifier.read_many([*pictures])
    ]


def _texts_by(read: Read, files: Sequence[ImageLike]) -> list[str]:
    return [" ".join(filter(None, read(str(file)))) for file in files]


def _measured(
    read: Texts, pictures: Sequence[ImageLike], truth: Sequence[str]
) -> tuple[float, float, float]:
    """Return the two rates of a reader, and its CPU time for each picture in ms."""
    found, spent = timed(partial(read, pictures))
    return *rates(found, truth), 1000 * spent / len(truth)


def rates(found: Sequence[str], truth: Sequence[str]) -> tuple[float, float]:
    """Return the share of numbers that are exact, and the digit error rate. A blank parts lines."""
    pairs = list(zip(found, truth, strict=True))
    joined = [(one.replace(" ", ""), other.replace(" ", "")) for one, other in pairs]
    errors = sum(edit_distance(one, other) for one, other in joined)
    exact = sum(one == other for one, other in pairs)
    return exact / len(pairs), errors / sum(len(other) for _, other in joined)
