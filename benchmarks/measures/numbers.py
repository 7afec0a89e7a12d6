"""How well numbers are read: pictures by people, beside other programs, and drawn rows."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.harness.plan import MissingInput, Plan, data
from benchmarks.harness.results import Check, Finding, Table, Target, columns
from benchmarks.rivals.numbers import rivals
from tinydigits import Classifier
from tinydigits_train.data import ENVIRONMENT
from tinydigits_train.rows import KINDS, pictures

TRUTH = "truth.tsv"
ROWS = 1000  # drawn pictures of each kind
COLUMNS = columns("read by; pictures; number:,d; exact:.1%; digit errors:.1%")
TARGETS = {"apart": 0.97, "one pair touches": 0.85}


def measure(plan: Plan) -> Finding:
    drawn = plan.mnist is not None or bool(os.environ.get(ENVIRONMENT))
    if plan.numbers is None and not drawn:
        raise MissingInput(
            "needs pictures of numbers: pass --numbers DIR, a folder with truth.tsv (file, tab, "
            "number, with | between its lines), or --mnist DIR, whose digits are put in rows"
        )
    on, how, rows, checks = [], ["each picture once; every run gives the same figures"], [], []
    if plan.numbers is not None:
        truth = truth_in(plan.numbers)
        truth = truth[::5] if plan.short else truth
        on.append(f"{len(truth)} pictures by people")
        for name, found in _read_by_all(plan, [file for file, _ in truth]):
            if isinstance(found, str):
                how.append(f"{name} is {found}")
            else:
                rows.append((name, "by people", len(truth), *rates(found, [t for _, t in truth])))
    if drawn:
        digits, count = data(plan).test, 10 if plan.short else ROWS
        on.append(f"{count:,} drawn rows of each kind, of MNIST test digits")
        for kind in KINDS:
            images, numbers = zip(*pictures(digits, kind, count, seed=1), strict=True)
            for model in plan.names:
                plan.say(f"{model}: {kind}")
                found = [number.text or "" for number in Classifier(model).read_many([*images])]
                exact, errors = rates(found, [*numbers])
                rows.append((f"tinydigits, {model}", kind, count, exact, errors))
                if kind in TARGETS and model == "conv":
                    target = Target(at_least=TARGETS[kind])
                    checks.append(Check(f"conv, {kind}", exact, target, ".1%"))
    return Finding(
        "numbers",
        what="How well whole numbers are read. `exact` is the share of pictures whose every line "
        "is read exactly, and `digit errors` the digits to insert, delete and replace, divided by "
        "the digits that there are.",
        on="; ".join(on),
        how="; ".join(how),
        tables=(Table("numbers", "whole numbers", COLUMNS, tuple(rows)),),
        checks=tuple(checks),
    )


def _read_by_all(plan: Plan, files: list[str]) -> Iterator[tuple[str, list[str] | str]]:
    """Yield each program's name and what it reads in each file, or why it is not measured."""
    for model in plan.names:
        plan.say(model)
        numbers = Classifier(model).read_many([*files])
        yield f"tinydigits, {model}", [number.text or "" for number in numbers]
    for name, read in rivals():
        plan.say(f"{name} is {read}" if isinstance(read, str) else name)
        if isinstance(read, str):
            yield name, read
        else:
            yield name, ["\n".join(filter(None, read(file))) for file in files]


def truth_in(folder: Path) -> list[tuple[str, str]]:
    """Return the path and the number of each picture, its lines parted by newlines."""
    try:
        lines = (folder / TRUTH).read_text("utf-8").splitlines()[1:]
    except OSError as error:
        raise MissingInput(f"{folder} has no {TRUTH}: it names each picture's number") from error
    pairs = [line.split("\t") for line in lines if line]
    return [(str(folder / file), number.replace("|", "\n")) for file, number in pairs]


def rates(found: list[str], truth: list[str]) -> tuple[float, float]:
    """Return the share of numbers that are exact, and the digit error rate."""
    exact = np.mean([one == other for one, other in zip(found, truth, strict=True)])
    errors = sum(
        edits(one.replace("\n", ""), other.replace("\n", ""))
        for one, other in zip(found, truth, strict=True)
    )
    return float(exact), errors / sum(len(each.replace("\n", "")) for each in truth)


def edits(one: str, other: str) -> int:
    """Return how many digits must be inserted, deleted and replaced (Levenshtein, 1966)."""
    costs = list(range(len(other) + 1))
    for at, sign in enumerate(one, 1):
        diagonal, costs[0] = costs[0], at
        for place, wanted in enumerate(other, 1):
            diagonal, costs[place] = (
                costs[place],
                min(costs[place] + 1, costs[place - 1] + 1, diagonal + (sign != wanted)),
            )
    return costs[-1]
