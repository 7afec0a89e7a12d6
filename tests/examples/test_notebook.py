"""The notebook is whole and clean as committed, and runs from top to bottom with few digits."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

NOTEBOOK = ROOT / "examples" / "digits.ipynb"
STEPS = (
    "Load MNIST",
    "Look at it",
    "Flatten and scale",
    "Build the network",
    "Compile it",
    "Train it",
    "Evaluate it",
    "Predict new images",
    "The same network on a photo",
    "Fit",
    "Why sigmoid scores are not a distribution",
    "Export to ONNX and TFLite, and prove it",
    "Latency against Keras",
    "The conv recipe, of the same size",
)
SECONDS = 600  # for a cell, on a machine that others use too


def opened() -> Any:
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def executed(few_digits: Path) -> Any:
    """All cells with what they gave. Raises where one of them fails."""
    from nbclient import NotebookClient

    notebook = opened()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYDIGITS_DATA", str(few_digits))
        resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
        NotebookClient(notebook, timeout=SECONDS, resources=resources).execute()
    return notebook


def outputs(notebook: Any, cell: str) -> list[Any]:
    return [output for each in notebook.cells if each.id == cell for output in each.outputs]


def said(notebook: Any, cell: str) -> str:
    """The sentences that a cell computed."""
    data = [output.get("data", {}) for output in outputs(notebook, cell)]
    return "\n".join(e["text/markdown"].strip() for e in data if "text/markdown" in e)


def figures(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\.?\d*", text)]


def test_it_is_committed_without_outputs() -> None:
    import nbformat

    notebook = opened()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 20
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert all(not cell.metadata for cell in notebook.cells)


def test_it_has_the_whole_lesson_in_order() -> None:
    text = "\n".join(cell.source for cell in opened().cells if cell.cell_type == "markdown")
    assert re.findall(r"^## \d+\. (.*)$", text, re.MULTILINE) == list(STEPS)


def test_no_figure_is_written_into_the_text() -> None:
    measured = re.compile(
        r"(?<![\d.{])\d+ ?%|\d[.,]\d|\d ?(?:µs|ms|s|times|points|minutes|parameters|bytes)\b"
    )
    for cell in opened().cells:
        prose = cell.source
        if cell.cell_type == "code":  # what is between braces is computed
            prose = "\n".join(re.findall(r'"[^"]*"', re.sub(r"\{[^{}]*\}", "…", prose)))
        assert not measured.search(prose), f"{cell.id}: {measured.search(prose)}"


def test_it_runs_from_top_to_bottom_without_a_complaint(executed: Any) -> None:
    assert [cell.id for cell in executed.cells if cell.cell_type == "code"] == [
        cell.id for cell in executed.cells if cell.get("execution_count")
    ]
    complaints = [
        output.text
        for cell in executed.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert complaints == []


@pytest.mark.parametrize(
    "cell",
    ["look", "curves", "confusion", "classes", "weights", "mistakes", "predict", "photo", "fit"],
)
def test_pictures_are_shown(executed: Any, cell: str) -> None:
    assert any("image/png" in output.get("data", {}) for output in outputs(executed, cell))


def test_the_figures_are_those_of_the_data(executed: Any) -> None:
    train, test = figures(said(executed, "load").partition(", from")[0])
    assert (train, test) == (4_000, 1_000)
    five, ten = said(executed, "evaluate").splitlines()[2:4]
    for line, epochs in ((five, 5), (ten, 10)):
        after, *accuracies = figures(line)
        assert (after, len(accuracies)) == (epochs, 2)
        assert all(80 < accuracy < 95 for accuracy in accuracies)
    reached, naive, *_ = figures(said(executed, "photo"))
    assert reached == pytest.approx(figures(ten)[2], abs=0.1)
    fitted, before = figures(said(executed, "fit"))
    assert before == naive < 50 < 90 < fitted  # the lesson of the photo


def test_the_proof_is_done_twice_and_holds(executed: Any) -> None:
    lines = said(executed, "export").splitlines()[2:4]
    assert [line.split(" | ")[0] for line in lines] == ["| digits.onnx", "| digits.tflite"]
    assert all(" | 100.00% of " in line for line in lines)
    for line in said(executed, "proof").splitlines():
        same, images = figures(line)[:2]
        assert same == images


def test_the_sums_and_the_letters_bear_the_text_out(executed: Any) -> None:
    median, least, most = figures(said(executed, "sums"))
    assert least < 1 < most
    assert median != pytest.approx(1, abs=0.1)
    by_keras, by_softmax, by, raised, total, before = figures(said(executed, "loss"))[:6]
    assert by_keras == by_softmax == raised
    assert (by, before) == (3, median)
    assert total > median
    dense, conv = said(executed, "compare").splitlines()[2:4]
    assert figures(dense)[0] == 7850 > figures(conv)[0]
    assert figures(dense)[-1] < figures(conv)[-1]  # letters refused


def test_every_way_is_timed(executed: Any) -> None:
    table = said(executed, "latency").splitlines()[2:7]
    assert [line.split(",")[0] for line in table] == ["| Keras"] * 3 + ["| ONNX", "| TFLite"]
    assert all(figure > 0 for line in table for figure in figures(line))
