"""How well the models read digits in drawn scenes: papers, light, lines, tables, thumbs."""

from benchmarks.harness.plan import Plan
from benchmarks.harness.results import ONCE, Finding, Table
from benchmarks.harness.scenes import SCENES, scenes
from benchmarks.measures.reading import COLUMNS, shares
from tinydigits import Classifier

COUNT = 100  # pictures of each kind


def measure(plan: Plan) -> Finding:
    count = 10 if plan.short else COUNT
    rows = []
    for kind in SCENES:
        plan.say(kind)
        pictures, truth = zip(*scenes(kind, count), strict=True)
        for model in plan.names:
            found = shares(Classifier(model), [*pictures], [*truth])
            rows.append((model, kind, count, *found))
    return Finding(
        "scenes",
        what="How well the bundled models read a digit on the kinds of paper, in the light and "
        "among the lines that people have. No model was trained on these pictures.",
        on=f"{count} drawn pictures of each kind",
        how=ONCE,
        tables=(Table("scenes", "drawn scenes", COLUMNS, tuple(sorted(rows))),),
    )
