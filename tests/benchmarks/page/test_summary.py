"""What is said in short is what the results say, and nothing is where a result is missing."""

from dataclasses import replace

import pytest

from benchmarks.harness.results import FOLDER, Finding, read_results
from benchmarks.page.summary import DEVICES, MODELS, _with_unit, summaries

FINDINGS = {result.finding.benchmark: result.finding for result in read_results(FOLDER)}


def rows_of(name: str, findings: dict[str, Finding] = FINDINGS) -> list[tuple[object, ...]]:
    (table,) = (table for table in summaries(findings.values()) if table.name == name)
    return list(table.rows)


def test_accuracy_is_that_of_mnist_of_people_and_of_what_notebooks_do() -> None:
    digits, people = (FINDINGS[name].tables[0].rows for name in ("reading", "people"))
    for model, *shares in rows_of("in short, accuracy"):
        wanted = [row[3] for row in digits if row[:2] == (model, "MNIST test")]
        for fit in ("fit=auto", "fit=resize", "notebook"):
            wanted += [row[3] for row in people if row[:2] == (model, fit)]
        assert shares == wanted


def test_speed_says_both_sides_and_how_many_times() -> None:
    rows = {row[0]: row[1:] for row in rows_of("in short, speed")}
    assert len(rows) == 10
    for model in MODELS:
        (race,) = (race for race in FINDINGS["latency"].races if race.name == f"latency {model}")
        medians = {side.name: side.spread.median for side in race.contestants}
        keras, ours, times = rows[f"{model}, one image"]
        assert keras == _with_unit(medians["Keras predict"], "µs")
        assert ours == _with_unit(medians["Classifier.scores"], "µs")
        ratio = medians["Keras predict"] / medians["Classifier.scores"]
        assert times == pytest.approx(ratio, rel=0.1)
        # Of images a second more is better.
        assert float(str(rows[f"{model}, 256 images in a call"][2])) > 1


def test_devices_are_the_smallest_that_take_each_form() -> None:
    assert [row[0] for row in rows_of("in short, devices")] == list(DEVICES)
    flash = {"ATmega328P": 32_768, "ATtiny13A": 1024}
    for _, accuracy, device, bytes_, memory, _ in rows_of("in short, devices"):
        assert isinstance(accuracy, float)
        assert accuracy > 0.9
        assert isinstance(bytes_, int)
        assert bytes_ <= flash[str(device)]
        assert isinstance(memory, int)
        assert memory <= 2048


@pytest.mark.parametrize("missing", ["people", "folders", "accuracy"])
def test_what_lacks_a_result_is_left_out(missing: str) -> None:
    findings = [finding for name, finding in FINDINGS.items() if name != missing]
    assert len(summaries(findings)) == 2
    assert summaries([FINDINGS["fit"]]) == []


@pytest.mark.parametrize("name", ["people", "latency", "folders", "accuracy"])
def test_what_was_measured_of_one_model_alone_is_left_out_too(name: str) -> None:
    whole = FINDINGS[name]
    tables = tuple(
        replace(table, rows=tuple(row for row in table.rows if "conv" not in str(row[0])))
        for table in whole.tables
    )
    races = tuple(
        replace(race, contestants=tuple(c for c in race.contestants if "conv" not in c.name))
        for race in whole.races
        if "conv" not in race.name
    )
    half = replace(whole, tables=tables, races=races)
    assert len(summaries([*(FINDINGS | {name: half}).values()])) == 2


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (3.8149, "s", "3.81 s"),
        (0.1694, "s", "169 ms"),
        (4980, "ms", "4.98 s"),
        (39_462, "µs", "39.5 ms"),
        (8.43, "µs", "8.43 µs"),
        (0.5, "µs", "0.50 µs"),
        (2_416_760.2, "images/s", "2,416,760 images/s"),
    ],
)
def test_times_have_three_digits_and_a_unit_of_their_size(
    value: float, unit: str, shown: str
) -> None:
    assert _with_unit(value, unit) == shown
