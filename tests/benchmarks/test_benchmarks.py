"""Every benchmark runs from the command line, says first what it runs and for how long, prints what
it found, and keeps it only where --write asks for that; where something is missing it says what to
pass and exits with 2.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks import __main__ as command_line
from benchmarks.harness.pictures import drawn_digits, write_labelled
from benchmarks.harness.processes import ContestantError
from benchmarks.harness.results import FOLDER
from benchmarks.harness.rows import pictures
from benchmarks.measures import BENCHMARKS
from benchmarks.measures.folders import CONV, OURS, READING, check_agreement, commands
from benchmarks.measures.start import required
from benchmarks.rivals.readers import DIGITS, NUMBERS, installed
from tests.conftest import ROOT
from tests.support.programs import tools_or_skip
from tinydigits_export.c.backend import find_tool
from tinydigits_train.data import load_data

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

# What the output of each must hold: its contestants, or its rows.
EXPECTED = {
    "accuracy": ("dense.keras", "dense.onnx", "dense.tflite", "dense.int8.tflite", "dense.c"),
    "latency": ("Keras predict", "Keras model(x)", "tf.function", "onnxruntime, 1 thread",
                "LiteRT int8", "NumPy", "\nC ", "Classifier.scores", "target ≥ ×2,000"),
    "throughput": ("onnxruntime, its own threads", "Classifier.scores, NumPy",
                   "Classifier.scores ÷ faster onnxruntime"),
    "folders": ("tinydigits, conv", "reading", "cv2", "image_dataset", "tf.data"),
    "pictures": ("crops of 128×128: CPU time", "12 megapixels: time", "1 worker ÷ expert"),
    "start": ("imports alone", "tinydigits classify", "LiteRT", "TensorFlow with Pillow"),
    "memory": ("3,000", "largest process"),
    "fit": ("128×128", "1280×960 photograph", "target ≤ 500.0 µs"),
    "reading": ("MNIST test at 16×16", "letters in fonts", "textures and blanks"),
    "people": ("notebook", "fit=auto", "fit=mnist", "fit=resize"),
    "scenes": ("squared paper", "sheet on a table", "small on a large sheet"),
    "numbers": ("by people", "one pair touches", "three rows"),
    "devices": ("ATmega328P", "Cortex-M0+", "Cortex-M4", "CH32V003"),
    "scale": ("to fetch one of tar", "\n      2  tar", "million LIST", "core hours"),
}  # fmt: skip


def invoked(*words: object) -> Result:
    return CliRunner().invoke(command_line.main, [str(word) for word in words])


def kept() -> dict[str, int]:
    """What the last run for good left, and when it was written."""
    files = [*FOLDER.glob("*"), *FOLDER.parent.glob("*.md")]
    return {str(path): path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled folder, drawn."""
    folder = tmp_path_factory.mktemp("people")
    write_labelled(drawn_digits(50), [place % 10 for place in range(50)], folder)
    return folder


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    """Pictures of numbers with their truth, drawn."""
    folder = tmp_path_factory.mktemp("numbers")
    lines = ["file\ttruth"]
    drawn = pictures(load_data(str(few_digits)).test, "three rows", 5, seed=0)
    for place, (picture, number) in enumerate(drawn):
        picture.save(folder / f"{place}.png")
        lines.append(f"{place}.png\t{number.replace(chr(10), '|')}")
    (folder / "truth.tsv").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_runs(name: str, few_digits: Path, bundles: Path, people: Path, numbers: Path) -> None:
    if name == "devices":
        with tools_or_skip():
            for tool in ("avr-gcc", "arm-none-eabi-gcc"):
                find_tool(tool, "a test", "gcc-avr gcc-arm-none-eabi")
    before = kept()
    inputs: tuple[object, ...] = ("--mnist", few_digits, "--bundles", bundles, "--people", people)
    inputs += ("--numbers", numbers)
    words = (name, "--short", "--turns", 1, "--model", "dense", *inputs)
    if name == "scale":  # its clients leave a thread behind, beside which no worker is forked
        command = [sys.executable, "-m", "benchmarks", *map(str, words)]
        apart = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        status, printed = apart.returncode, apart.stdout + apart.stderr
    else:
        done = invoked(*words)
        status, printed = done.exit_code, done.stdout
        assert f"{name:<12}" == done.stderr[:12]
        assert "Results are only printed; --write keeps them." in done.stderr
    rivals = {"people": DIGITS, "numbers": NUMBERS}.get(name, {})
    lacking: list[str] = []
    assert {*dict(installed(rivals, lacking))} <= {*rivals}
    assert status == (2 if lacking else 0), printed
    for expected in EXPECTED[name]:
        assert expected in printed
    assert kept() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["latency"], "needs MNIST: pass --mnist DIR"),
        (["latency", "--mnist", "MNIST", "--models", "EMPTY"], "dense.keras: `make models"),
        (["latency", "--mnist", "MNIST", "--bundles", "EMPTY"], "dense.keras: `make models"),
        (["folders"], "needs MNIST: pass --mnist DIR"),
        (["accuracy", "--mnist", "EMPTY"], "has no train-images"),
        (["people"], "pass --people DIR"),
        (["people", "--people", "MISSING"], "does not exist"),
        (["numbers"], "pass --numbers DIR"),
        (["numbers", "--numbers", "EMPTY"], "truth.tsv: No such file"),
        (["no such"], "is not one of"),
    ],
)
def test_what_is_missing_is_said(
    words: list[str], said: str, few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    (tmp_path / "empty").mkdir()
    places = {"MNIST": few_digits, "EMPTY": tmp_path / "empty", "MISSING": tmp_path / "missing"}
    done = invoked(*(places.get(word, word) for word in words))
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_network_that_is_not_the_bundled_one_is_refused(few_digits: Path, bundles: Path) -> None:
    """Two would be compared under one name."""
    done = invoked("latency", "--mnist", few_digits, "--models", bundles / "dense", "-m", "dense")
    assert done.exit_code == 2
    assert "is not what the bundled dense was exported from" in done.stderr


def test_a_bundle_that_lacks_a_format_says_how_to_add_it(
    few_digits: Path, bundles: Path, tmp_path: Path
) -> None:
    shutil.copytree(bundles, tmp_path / "bundles")
    card = tmp_path / "bundles" / "dense" / "dense.json"
    content = json.loads(card.read_text())
    del content["artifacts"]["dense.c"]
    card.write_text(json.dumps(content))
    where = ("--mnist", few_digits, "--bundles", tmp_path / "bundles")
    done = invoked("latency", "--short", "--model", "dense", *where)
    assert done.exit_code == 2
    assert "has no c: `tinydigits export" in done.stderr


def test_all_says_what_it_runs_goes_on_after_what_is_missing_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TINYDIGITS_DATA", raising=False)
    rows = {name: BENCHMARKS[name] for name in ("people", "fit")}
    monkeypatch.setattr(command_line, "BENCHMARKS", rows)
    before = kept()
    done = invoked("--short", "--models", tmp_path)
    assert done.exit_code == 2
    people, fit, both, kept_not = done.stderr.splitlines()[:4]
    about = rows["people"].about
    assert people.split() == ["people", "0.5", "min", *f"{about}, without --people".split()]
    assert fit.split() == ["fit", "0.1", "min", *rows["fit"].about.split()]
    assert both.split() == ["in", "all", "0.6", "min"]
    assert "--short takes less. Results are only printed" in kept_not
    assert "people      skipped, whole or in part" in done.stderr
    assert "fit         measured" in done.stderr
    assert kept() == before


def test_results_are_kept_where_write_asks_for_it_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    monkeypatch.setattr(command_line, "FOLDER", folder)
    monkeypatch.setattr(command_line, "QUOTING", ())
    assert invoked("fit", "--turns", 1).exit_code == 0
    assert not folder.exists()
    assert invoked("fit", "--turns", 1, "--write").exit_code == 0
    assert {path.name for path in folder.iterdir()} == {"fit.json", "fit.svg"}
    page = tmp_path / "RESULTS.md"
    assert "## fit" in page.read_text("utf-8")
    page.unlink()
    assert "## fit" in invoked("report").stdout
    assert not page.exists()
    assert invoked("report", "--write").exit_code == 0
    assert page.exists()
    for words in (("fit", "--short"), ("gate",)):
        assert invoked(*words, "--write").exit_code == 2


def test_all_fails_where_a_benchmark_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command_line, "BENCHMARKS", {"fit": BENCHMARKS["fit"]})
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    done = invoked("--short", "--models", tmp_path)
    assert done.exit_code == 1
    assert "fit         FAILED" in done.stderr


def test_programs_that_read_a_folder_otherwise_are_refused(tmp_path: Path) -> None:
    """`folders` compares the rows of all of them: where it ends with 0 they are the same."""
    rows = [f"{place}.png,{place % 10},0.9" for place in range(60)]
    files = {name: tmp_path / name for name in (OURS, CONV, READING, "cv2")}
    for name in (OURS, "cv2"):
        files[name].write_text("path,label,score\n" * (name == OURS) + "\n".join(rows))
    check_agreement(files)
    for wrong in (["0.png,7,0.9", *rows[1:]], rows[1:], [*rows, "60.png,0,0.9"]):
        files["cv2"].write_text("\n".join(wrong))
        with pytest.raises(ContestantError, match=r"cv2: \d+ of \d+ rows are those of"):
            check_agreement(files)


def test_each_program_is_compared_but_those_that_read_otherwise_on_purpose(tmp_path: Path) -> None:
    programs = commands(tmp_path, tmp_path / "rows", Path("a.onnx"), Path("a.keras"))
    assert len(programs) == 7
    for name, command in programs.items():
        assert command[-1].startswith(str(tmp_path / "rows"))
        words = {"a.onnx", "a.keras"} & set(command)
        assert bool(words) == (name not in (CONV, READING))
    assert len({command[-1] for command in programs.values()}) == 7


def test_what_has_to_be_installed_is_followed_to_its_end() -> None:
    ours, absent = required(["tinydigits"])
    assert {"tinydigits", "numpy", "onnxruntime", "pillow", "click", "protobuf"} <= ours.keys()
    assert not {"tensorflow", "opencv-python-headless", "pytest"} & ours.keys()
    assert not absent
    theirs, _ = required(["tensorflow"])
    assert {"tensorflow", "keras", "numpy", "h5py", "ml-dtypes"} <= theirs.keys()
    assert required(["no-such-distribution"]) == ({}, {"no-such-distribution"})


def test_a_rival_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.rivals.readers.find_spec", lambda _: None)
    for rivals in (DIGITS, NUMBERS):
        absent: list[str] = []
        assert [*installed(rivals, absent)] == []
        assert absent == [
            f"{name} is not installed: pip install 'tinydigits[rivals]'" for name in rivals
        ]
