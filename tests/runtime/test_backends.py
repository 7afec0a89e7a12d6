"""A network is run by the backend that is asked for, or by the best one that is here. `info` and
commands say why if that is not the usual one. The words of a library that is loaded are kept from
the terminal, and the process is what it was afterwards.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.support.commands import COMMAND
from tinydigits import Classifier, ModelError, TinydigitsError
from tinydigits.backends import load_onnxruntime
from tinydigits.model import MODELS, BackendName

DIGIT = "examples/scans/1-small.png"
LINES = 567  # that Debian's onnxruntime prints
# Packages that take the place of onnxruntime.
BROKEN = "import os; os.write(2, b'what was printed'); raise ImportError('GLIBC_2.34 not found')"
LOUD = f"""
import os, sys
os.write(2, b"Schema error: already registered\\n" * {LINES})
sys.path.remove(os.path.dirname(os.path.dirname(__file__)))
del sys.modules["onnxruntime"]
import onnxruntime
"""
OPENS = """
import os, threading
def descriptors():
    return [(n, os.fstat(n).st_dev, os.fstat(n).st_ino) for n in range(64) if is_open(n)]
def is_open(n):
    try: os.fstat(n)
    except OSError: return False
    return True
before, ended = descriptors(), threading.Event()
if {threads}: threading.Thread(target=ended.wait).start()
import tinydigits
tinydigits.Classifier("dense", backend="onnxruntime")
ended.set()
same = descriptors() == before
{tells}
"""


@pytest.fixture
def _no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    load_onnxruntime.cache_clear()
    yield
    load_onnxruntime.cache_clear()


def run(command: list[str], onnxruntime: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with another package in the place of onnxruntime."""
    (folder / "onnxruntime").mkdir()
    (folder / "onnxruntime" / "__init__.py").write_text(onnxruntime)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "backend",
    [None, "onnxruntime", "numpy", pytest.param("litert", marks=pytest.mark.tensorflow)],
)
def test_a_bundled_model_is_run_by_what_is_asked_for(backend: BackendName | None) -> None:
    classifier = Classifier("light", backend=backend)
    name = backend or "onnxruntime"
    assert classifier.backend == name
    assert classifier(ROOT / DIGIT).label == "1"
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28), np.uint8)
    again = pickle.loads(pickle.dumps(classifier))
    assert again.backend == name
    assert (again.scores(images) == classifier.scores(images)).all()


@pytest.mark.parametrize(("backend", "ending"), [("litert", ".onnx"), ("numpy", ".tflite")])
def test_what_does_not_run_such_files_is_refused(backend: BackendName, ending: str) -> None:
    with pytest.raises(ModelError, match=f"backend {backend} does not run {ending} files: leave"):
        Classifier(MODELS / f"conv{ending}", backend=backend)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(TinydigitsError, match="'cuda': choose from None, onnxruntime, numpy, lite"):
        Classifier(backend="cuda")  # type: ignore[arg-type]


@pytest.mark.usefixtures("_no_onnxruntime")
def test_numpy_answers_where_onnxruntime_is_not_installed() -> None:
    classifier = Classifier()
    assert classifier.backend == "numpy"
    assert classifier(ROOT / DIGIT).label == "1"
    said = "onnxruntime is not installed: pip install onnxruntime, or choose the backend numpy"
    with pytest.raises(ModelError, match=said):
        Classifier(backend="onnxruntime")


def test_an_onnxruntime_that_does_not_load_is_replaced_and_named(tmp_path: Path) -> None:
    why = "onnxruntime does not load here: GLIBC_2.34 not found"
    for number, (words, status, there, said) in enumerate(
        (
            (["info"], 0, f"run by       numpy: {why}\n", "what was printed"),
            (["classify", DIGIT], 0, f"{DIGIT}: 1  1.00\n", f"{why}; numpy runs the network\n"),
            (["classify", DIGIT, "--backend", "numpy"], 0, f"{DIGIT}: 1  1.00\n", "1 image: 1 ok"),
            (["classify", DIGIT, "--backend", "onnxruntime"], 2, "", f"conv.onnx: {why}: install "),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = run([COMMAND, *words], BROKEN, folder)
        assert done.returncode == status
        assert there in done.stdout
        assert said in done.stderr
        assert ("what was printed" in done.stderr) == ("numpy" not in words)


@pytest.mark.linux
@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"])
def test_what_is_closed_stays_closed_and_the_rest_open_while_a_library_loads(
    closed: str, tmp_path: Path
) -> None:
    code = OPENS.format(threads=False, tells="open('said', 'w').write(str(same))")
    command = ["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "said").read_text() == "True"


@pytest.mark.linux
@pytest.mark.parametrize("threads", [False, True])
def test_what_a_library_prints_while_it_loads_is_kept_from_an_application(
    threads: bool, tmp_path: Path
) -> None:
    """Beside other threads nothing is held back, since their words would be too."""
    done = run(
        [sys.executable, "-c", OPENS.format(threads=threads, tells="print(same)")], LOUD, tmp_path
    )
    assert done.stdout == "True\n"
    assert done.stderr.count("already registered") == (LINES if threads else 0)
