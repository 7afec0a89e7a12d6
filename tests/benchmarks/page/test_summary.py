"""What is said in short is what the results say, and nothing is where a result is missing."""

from dataclasses import replace

import pytest

from benchmarks.harness.results import FOLDER, Finding, read_results
from benchmarks.page.summary import DEVICES, MODELS, READERS, summaries
from tinydigits.bench.table import time

FINDINGS = {result.finding.benchmark: result.finding for result in read_results(FOLDER)}


def rows_of(name: str, findings: dict[str, Finding] = FINDINGS) -> list[tuple[object, ...]]:
    (table,) = (table for table in summaries(findings.values()) if table.name == name)
    return list(table.rows)


def test_accuracy_is_that_of_mnist_of_people_of_notebooks_and_of_other_programs() -> None:
    digits, people = (FINDINGS[name].tables[0].rows for name in ("reading", "people"))
    rows = rows_of("in short, accuracy")
    for model, mnist, right, wrong, notebook in rows[: len(READERS)]:
        assert [mnist] == [row[3] for row in digits if row[:2] == (model, "MNIST test")]
        (fitted,) = (row for row in people if row[:2] == (model, "fit=auto"))
        assert (right, wrong) == (fitted[3], fitted[5])
        assert [notebook] == [row[3] for row in people if row[:2] == (model, "notebook")]
    others = [(row[0], None, row[3], row[5], None) for row in people if row[1] == "itself"]
    assert rows[len(READERS) :] == others


def test_speed_shows_keras_both_ways_and_how_many_times_better_tinydigits_is() -> None:
    rows = {row[0]: row[1:] for row in rows_of("in short, speed")}
    assert len(rows) == 9
    for model in MODELS:
        (race,) = (race for race in FINDINGS["latency"].races if race.name == f"latency {model}")
        medians = {side.name: side.spread.median for side in race.contestants}
        predict, call, ours, *times = rows[f"{model}, one image"]
        names = ("Keras predict", "Keras model(x)", "Classifier.scores")
        assert [predict, call, ours] == [time(medians[name] * 1e-6) for name in names]
        ratios = [medians[name] / medians[names[2]] for name in names[:2]]
        assert times == pytest.approx(ratios, rel=0.1)
        # For images a second more is better.
        assert float(str(rows[f"{model}, 256 images in a call"][3])) > 1
    # The Keras side reads folders with dense alone, and the block says so.
    conv, dense = (rows[f"{model}, 60,000 PNG files"] for model in MODELS)
    assert conv[0] == f"{dense[0]} (dense)"
    assert conv[3] == pytest.approx(
        float(str(conv[0]).split()[0]) / float(str(conv[2]).split()[0]), 0.1
    )


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
