"""The tasks of `tinydigits bench` measure what they say, and are planned into the seconds it has.

Times themselves are not tested: they are the machine's.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, SCANS
from tinydigits import Classifier, ModelError, SourceError, TinydigitsError
from tinydigits.bench import pictures as bench_pictures
from tinydigits.bench.child import peak_memory
from tinydigits.bench.measure import LADDER, ROUNDS, measure, order, plan, share
from tinydigits.bench.pictures import Pictures, digits, drawn, own
from tinydigits.bench.stats import Figure
from tinydigits.bench.tasks import BATCHES, THREADS, Task, contestants, tasks
from tinydigits.fitting import model_inputs

SHORT, LONG = Task((Figure("infer"),), tuple), Task((Figure("command"),), tuple, like="a process")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> list[Pictures]:
    return drawn(tmp_path_factory.mktemp("drawn"), digits(6))


def test_small_pictures_are_drawn_as_in_mnist_and_the_same_each_time() -> None:
    first = digits(6)
    assert (first == digits(6)).all()
    ready, blank = model_inputs(first)
    assert ready.all()
    assert not blank.any()


def test_drawn_pictures_are_what_their_names_say_and_have_ink(kinds: list[Pictures]) -> None:
    classifier = Classifier()
    for kind, size, format_ in zip(
        kinds, ((28, 28), (128, 128), (1280, 960)), ("PNG", "PNG", "JPEG"), strict=True
    ):
        assert kind.name.startswith(f"{size[0]}×{size[1]} ")
        for path in kind.paths:
            with Image.open(path) as picture:
                assert (picture.size, picture.format) == (size, format_)
        assert {row.reason for row in classifier.classify(kind.paths)} <= {
            *(None, "low_score", "ambiguous")
        }
    folder = Path(kinds[0].folder)
    assert len(list(folder.iterdir())) == kinds[0].files


def test_pictures_of_ones_own_are_described_and_unreadable_ones_left_out(tmp_path: Path) -> None:
    for name in ("7-black-pen.jpg", "1-small.png"):
        (tmp_path / name).write_bytes((SCANS / name).read_bytes())
    (tmp_path / "broken.png").write_text("no picture")
    found, unreadable = own(str(tmp_path))
    assert unreadable == 1
    assert [Path(path).name for path in found.paths] == ["1-small.png", "7-black-pen.jpg"]
    assert (found.name, found.what) == (tmp_path.name, "2 files, JPG, PNG, 28×28 to 640×480")
    assert found.files == 3  # of the folder, as classify would read it


def test_a_folder_is_looked_through_for_so_long_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_pictures, "LOOKED_AT", 0.0)
    assert len(own(str(SCANS))[0].paths) == 1


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(SourceError, match="no picture in it can be read"):
        own(str(tmp_path))
    with pytest.raises(SourceError, match="not a folder"):
        own(str(tmp_path / "broken.png"))


def test_with_time_every_percentile_is_reached_and_without_it_every_task_is_done() -> None:
    todo, costs = [SHORT, LONG], [0.0001, 0.5]
    assert plan(todo, costs, 60) == [LADDER[0], ROUNDS]
    assert plan(todo, costs, 0) == [LADDER[-1], 1]


@pytest.mark.parametrize("seconds", [3, 10, 30])
def test_a_plan_keeps_to_its_seconds(seconds: float) -> None:
    todo, costs = [SHORT, SHORT, SHORT, LONG, LONG], [0.00001, 0.001, 0.01, 0.2, 0.3]
    calls = plan(todo, costs, seconds)
    total = sum(count * cost for count, cost in zip(calls, costs, strict=True))
    assert 0.2 * seconds < total <= seconds


@pytest.mark.parametrize("calls", [1, 3, ROUNDS, 25, 12_500])
def test_calls_are_spread_over_the_rounds_from_the_first_on(calls: int) -> None:
    shares = [share(calls, place) for place in range(ROUNDS)]
    assert sum(shares) == calls
    assert shares[0] == max(shares) >= 1
    assert max(shares) - min(shares) <= 1


def test_no_task_always_follows_the_same_one() -> None:
    assert [list(order(3, place)) for place in range(2)] == [[0, 1, 2], [2, 1, 0]]


@pytest.mark.slow
def test_every_task_gives_a_value_for_each_of_its_figures(kinds: list[Pictures]) -> None:
    images = np.resize(digits(3), (max(BATCHES), 28, 28))
    todo = tasks(contestants(("dense",)), kinds, images)
    names = [figure.name for task in todo for figure in task.figures]
    assert len(set(names)) == len(names)
    stages = {figure.stage for task in todo for figure in task.figures}
    assert stages >= {"import", "session", "decode", "fit", "infer", "end to end", "folder"}
    assert {f.batch for task in todo for f in task.figures if f.stage == "batch"} == set(BATCHES)
    for task in todo:
        values = task.once()
        assert len(values) == len(task.figures)
        assert all(value is not None and value >= 0 for value in values), task.figures


def test_models_that_want_another_fit_have_stages_of_their_own(kinds: list[Pictures]) -> None:
    models = contestants(("conv", "dense"))
    models[1] = models[1]._replace(classifier=Classifier("dense", fit="resize"))
    todo = tasks(models, kinds[:1], digits(1))
    stages = [figure.stage for task in todo for figure in task.figures if "fit" in figure.stage]
    assert stages == ["decode for fit=auto", "fit=auto", "decode for fit=resize", "fit=resize"]


def test_a_fresh_process_that_fails_says_why(kinds: list[Pictures], tmp_path: Path) -> None:
    model = tmp_path / "dense.onnx"
    model.write_bytes((ROOT / "runtime/tinydigits/models/dense.onnx").read_bytes())
    todo = tasks(contestants((str(model),)), kinds, digits(1))
    model.unlink()
    with pytest.raises(TinydigitsError, match=r"fails: .*dense\.onnx: No such file"):
        todo[0].once()


def test_fresh_processes_take_nothing_from_the_current_folder(
    kinds: list[Pictures], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    fresh, command, *_ = tasks(contestants(("dense",)), kinds, digits(1))
    assert len(fresh.once()) == 5
    assert command.once()[0]


def test_models_are_named_briefly_and_twice_is_once(tmp_path: Path) -> None:
    source = ROOT / "runtime/tinydigits/models/dense.onnx"
    paths = [tmp_path / folder / "dense.onnx" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(source.read_bytes())
    words = tuple(map(str, paths))
    assert [model.name for model in contestants(("dense", words[0], "dense"))] == [
        "dense",
        "dense.onnx",
    ]
    assert [model.name for model in contestants(words)] == list(words)
    with pytest.raises(ModelError, match="no such model"):
        contestants(("dense", "densee"))


def test_a_run_of_onnxruntime_has_the_threads_that_are_told() -> None:
    for name in ("conv", "dense"):
        options = Classifier(name)._backend._session.get_session_options()  # type: ignore[attr-defined]
        assert options.intra_op_num_threads == options.inter_op_num_threads == THREADS


def test_peak_memory_is_the_processs_own_and_not_that_of_who_started_it() -> None:
    before = peak_memory()
    large = np.ones(300_000_000, np.uint8)
    after = peak_memory()
    assert before is not None
    assert after is not None
    assert after >= large.nbytes
    code = "from tinydigits.bench.child import peak_memory; print(peak_memory())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert 5_000_000 < int(told) < large.nbytes / 2


@pytest.mark.slow
def test_own_pictures_of_one_size_are_measured_too(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes((SCANS / "1-small.png").read_bytes())
    said: list[str] = []
    result = measure(("dense",), str(tmp_path), seconds=1, say=said.append)
    assert said[-1].startswith("round ")
    assert result.rounds >= 1
    assert [kind.what for kind in result.pictures] == ["1 file, PNG, 28×28"]
    found = {metric.figure.stage: metric for metric in result.metrics}
    assert found["folder"].samples >= 1
    assert found["end to end"].samples >= LADDER[-1] // ROUNDS
    assert 1e6 < found["memory"].value < 1e9
