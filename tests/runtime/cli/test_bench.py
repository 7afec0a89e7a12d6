"""`tinydigits bench`, run as a process: tables, JSON, the comparison and the exit codes.

Runs are as short as can be: no time is judged but against one that was doctored.
"""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SCANS
from tests.runtime.test_init import modules_after
from tests.support.commands import COMMAND
from tests.support.commands import run as run_here
from tests.support.waiting import soon
from tinydigits.bench.stats import BEYOND
from tinydigits.bench.table import time as shown

pytestmark = pytest.mark.slow

BENCH = [COMMAND, "bench"]


def run(*words: str) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    done = subprocess.run([*BENCH, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("images")
    for name in ("1-small.png", "0-white-on-black.png"):
        (folder / name).write_bytes((SCANS / name).read_bytes())
    (folder / "broken.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def quick(images: Path) -> list[str]:
    """Words for a short run."""
    return ["-m", "dense", "--seconds", "3", "--images", str(images)]


@pytest.fixture(scope="module")
def measured(quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The JSON of a run, its table, and what it said beside."""
    path = tmp_path_factory.mktemp("bench") / "before.json"
    status, table, said = run(*quick, "--json", str(path))
    assert status == 0, said
    return path, table, said


def doctored(source: Path, target: Path, scale: float) -> str:
    """The same run, of a machine on which everything takes `scale` times as long."""
    fields = json.loads(source.read_text("utf-8"))
    for metric in fields["metrics"]:
        factor = 1 / scale if metric["unit"] == "images/s" else scale
        if metric["unit"] in ("s", "images/s"):
            metric["blocks"] = [factor * block for block in metric["blocks"]]
            metric["value"] *= factor
    target.write_text(json.dumps(fields))
    return str(target)


def rows_of(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def test_the_table_shows_what_the_json_holds(measured: tuple[Path, str, str]) -> None:
    path, table, _ = measured
    fields = json.loads(path.read_text("utf-8"))
    metrics = {metric["name"]: metric for metric in fields["metrics"]}
    for name, row in (
        (f"decode, {path_name(fields)}", ["decode"]),
        (f"fit, {path_name(fields)}", ["fit"]),
        (f"end to end dense, {path_name(fields)}", ["end", "to", "end,", "dense"]),
        ("infer dense", ["dense"]),
    ):
        metric = metrics[name]
        times = [metric[key] for key in ("p50", "p90", "p99", "p99.9")]
        cells = " ".join("–" if value is None else shown(value) for value in times).split()
        assert [*row, *cells, f"{metric['samples']:,}"] in rows_of(table)
    for stage in ("import", "session", "first picture", "command"):
        assert shown(metrics[f"{stage} dense"]["value"]) in table
    assert f"{metrics['memory dense']['value'] / 1e6:.1f} MB" in table
    assert fields["machine"]["cpu"] in table
    assert f"{fields['machine']['cores_allowed']} of {fields['machine']['cores']} cores" in table
    assert f"SHA-256 {fields['models'][0]['sha256'][:12]}" in table
    assert max(map(len, table.splitlines())) <= 100


def path_name(fields: dict[str, Any]) -> str:
    """What the run calls its pictures."""
    return str(fields["pictures"][0]["name"])


def test_the_json_is_whole_and_percentiles_have_samples_beyond(
    measured: tuple[Path, str, str],
) -> None:
    fields = json.loads(measured[0].read_text("utf-8"))
    assert fields["schema"] == 1
    assert fields["models"][0]["backend"] == "onnxruntime"
    stages = {metric["stage"] for metric in fields["metrics"]}
    assert stages >= {
        *("import", "session", "first picture", "command", "memory", "threads", "python"),
        *("control", "decode", "fit", "infer", "end to end", "batch", "CPUs", "folder"),
    }
    batches = {metric["batch"] for metric in fields["metrics"] if metric["stage"] == "batch"}
    assert batches == {1, 32, 256, 1024}
    for metric in fields["metrics"]:
        assert 1 <= len(metric["blocks"]) <= fields["rounds"]
        low, *_, high = sorted([*metric["blocks"], metric["blocks"][0]])
        assert low <= metric["value"] <= high
        for key, beyond in (("p90", 0.1), ("p99", 0.01), ("p99.9", 0.001)):
            stated = metric[key] is not None
            few = metric["samples"] * beyond < BEYOND - 1e-6
            assert not (stated and few)
    steady = [m["p50"] <= m["p90"] for m in fields["metrics"] if m["p90"] is not None]
    assert steady
    assert all(steady)


def test_every_row_of_a_short_run_has_a_figure() -> None:
    """On a busy machine too, where no row has many samples."""
    status, table, said = run("--seconds", "1", "-m", "dense")
    assert status == 0, said
    _, fresh, one_by_one, many = table.split("\n\n")
    assert "–" not in fresh + many
    rows = [row for row in one_by_one.splitlines() if row.startswith("  ")]
    assert len(rows) == 1 + 3 * 3  # the network; decode, fit and end to end of three kinds
    assert all(re.search(r"\d (ns|µs|ms|s) ", row) for row in rows), one_by_one


def test_what_cannot_be_read_is_said_on_stderr(measured: tuple[Path, str, str]) -> None:
    assert measured[2] == "left out because they cannot be read: 1\n"


def test_twice_as_fast_before_fails_and_is_named(
    measured: tuple[Path, str, str], quick: list[str], tmp_path: Path
) -> None:
    before = doctored(measured[0], tmp_path / "fast.json", 1 / 8)
    status, table, said = run(*quick, "--compare", before, "--fail-if-slower", "10%")
    assert status == 1
    assert "TOO SLOW" in table
    assert "slower by more than 10%: " in said
    assert "infer dense" in said.splitlines()[-1]
    assert "memory" not in said.splitlines()[-1]


def test_slower_before_is_no_failure_and_json_has_stdout_to_itself(
    measured: tuple[Path, str, str], quick: list[str], tmp_path: Path
) -> None:
    before = doctored(measured[0], tmp_path / "slow.json", 8)
    status, stdout, said = run(*quick, "--compare", before, "--fail-if-slower", "10%", "--json")
    assert status == 0
    assert json.loads(stdout)["schema"] == 1
    assert "faster" in said
    assert "TOO SLOW" not in said
    assert "one picture at a time" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-if-slower", "10%"], "needs --compare"),
        (["--compare", "{json}", "--fail-if-slower", "10"], "such as 10%"),
        (["--compare", "{json}", "--fail-if-slower", "-5%"], "such as 10%"),
        (["--compare", "{json}", "--json", "{json}"], "would overwrite the file of --compare"),
        (["--compare", "{folder}/broken.png"], "not the JSON of `tinydigits bench --json`"),
        (["--compare", "missing.json"], "missing.json: cannot be read: No such file"),
        (["--json", "{folder}/none/a.json"], "name a file in an existing folder"),
        (["--json", "{folder}"], "name a file in an existing folder"),
        (["--images", "missing"], "missing: not a folder"),
        (["-m", "densee"], "no such model"),
        (["--seconds", "0"], "Invalid value"),
    ],
)
def test_wrong_usage_exits_2_before_anything_is_measured(
    words: list[str], said: str, measured: tuple[Path, str, str], images: Path
) -> None:
    words = [word.format(json=measured[0], folder=images) for word in words]
    status, stdout, errors = run_here("bench", *words)
    assert (status, stdout) == (2, "")
    assert said in errors
    assert "Traceback" not in errors


def test_a_run_of_other_pictures_and_models_cannot_be_compared(
    measured: tuple[Path, str, str], quick: list[str], tmp_path: Path
) -> None:
    fields = json.loads(measured[0].read_text("utf-8"))
    fields["metrics"] = [m for m in fields["metrics"] if m["stage"] in ("python", "control")]
    (tmp_path / "other.json").write_text(json.dumps(fields))
    status, _, said = run(*quick, "--compare", str(tmp_path / "other.json"))
    assert status == 2
    assert "has no figure of these models and pictures" in said


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        BENCH, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert soon(lambda: list(tmp_path.glob("tinydigits-bench-*/photos/*")), 60)
    process.send_signal(signal.SIGINT)
    stdout, said = process.communicate(timeout=60)
    assert (process.returncode, stdout, said) == (130, b"", b"stopped: nothing was measured\n")
    assert list(tmp_path.iterdir()) == []


def test_the_command_imports_no_heavy_package_and_onnxruntime_only_with_a_model() -> None:
    modules = modules_after("from tinydigits.cli.bench import bench")
    assert "tinydigits.bench.tasks" in modules
    tops = {name.partition(".")[0] for name in modules}
    heavy = {"tensorflow", "keras", "onnx", "matplotlib", "cv2", "pyarrow", "pandas", "scipy"}
    assert not tops & (heavy | {"onnxruntime", "ai_edge_litert"})
