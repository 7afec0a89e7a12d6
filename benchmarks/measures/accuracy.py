"""Accuracy of every exported format, compared with Keras, on the test digits."""

from collections.abc import Iterator

from benchmarks.harness.plan import Plan, bundle, data
from benchmarks.harness.results import Finding, Table, Value, columns
from tinydigits_export.bundle import open_bundle, verify
from tinydigits_train.labelled_folder import Digits

COLUMNS = columns(
    "model; bytes:,d; accuracy:.2%; agreement:.2%; max |Δ|:.1e; ties:d; differ:d; proof"
)


def measure(plan: Plan) -> Finding:
    test = data(plan).test
    rows = tuple(row for name in plan.names for row in _rows(plan, name, test))
    return Finding(
        "accuracy",
        what="The accuracy of each format of a model, the share of images that it decides like "
        "Keras, and the largest difference of a score from that of Keras. The C of "
        "`tiny` returns classes only.",
        on=f"the {len(test.labels):,} MNIST test digits",
        how="each image once; every run gives the same figures",
        tables=(Table("accuracy", f"{len(test.labels):,} test digits", COLUMNS, rows),),
    )


def _rows(plan: Plan, name: str, test: Digits) -> Iterator[tuple[Value, ...]]:
    folder = bundle(plan, name)
    plan.say(f"{name}: proving")
    keras = folder / f"{name}.keras"
    receipt = verify(open_bundle(folder), test)
    size = keras.stat().st_size
    yield keras.name, size, receipt.keras_accuracy, 1.0, 0.0, None, 0, None
    for artefact, parity in receipt.info.parity.items():
        yield (
            artefact,
            receipt.info.artifacts[artefact].bytes,
            parity.accuracy,
            parity.agreement,
            None if artefact in receipt.unscored else parity.max_delta,
            parity.ties,
            len(parity.disagreeing),
            "FAILED" if artefact in receipt.failures else "holds",
        )
