"""A model of the contract opens, from the package or from a file; everything else is refused with
what was found and what was expected."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conftest import ROOT
from tinydigits import ModelError, ModelInfo, backends
from tinydigits import model as model_module
from tinydigits.backends import load_onnxruntime
from tinydigits.model import BUNDLED, BackendName, load_model, open_backend

INFO = ModelInfo("digits", "dense", tuple("0123456789"), 1, "0" * 64, "a test")


def network(
    input_: tuple[str, int, list[str | int | None]] = ("images", TensorProto.UINT8, ["N", 28, 28]),
    output: tuple[str, int, list[str | int | None]] = ("scores", TensorProto.FLOAT, ["N", 10]),
    info: str | None = INFO.to_json(),
) -> onnx.ModelProto:
    """A network that gives the mean of each row of 28 pixels, in [0, 1], as far as its output has
    room for that.
    """
    name, _, shape = input_
    width = output[2][-1]
    rank = len(shape)
    nodes = [
        helper.make_node("Cast", [name], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "axes"], ["sums"], keepdims=0),
        helper.make_node("Mul", ["sums", "share"], ["means"]),
        helper.make_node("Expand", ["means", "one"], ["wide"]),
        helper.make_node("Slice", ["wide", "zeros", "ends", "axis1"], ["cut"]),
        helper.make_node("Cast", ["cut"], [output[0]], to=output[1]),
    ]
    constants = {
        "axes": [rank - 1],
        "one": [1, 1],
        "zeros": [0],
        "ends": [width],
        "axis1": [1],
    }
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(*input_)],
        [helper.make_tensor_value_info(*output)],
        [
            numpy_helper.from_array(np.array([1 / (28 * 255)], np.float32), "share"),
            *(numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if info is not None:
        helper.set_model_props(model, {"tinydigits": info})
    return model


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "digits.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("name", [None, *BUNDLED])
def test_the_bundled_models_open_and_answer(name: str | None) -> None:
    backend, info = load_model(name)
    scores = backend.scores(np.zeros((3, 28, 28), np.uint8))
    assert scores.shape == (3, len(info.labels))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_file_of_the_contract_opens(tmp_path: Path) -> None:
    backend, info = load_model(saved(network(), tmp_path))
    assert info == INFO
    scores = backend.scores(np.full((2, 28, 28), 51, np.uint8))
    assert scores.tolist() == [[pytest.approx(0.2)] * 10] * 2


def test_a_changed_bundled_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(model_module.__file__).parent / "models"
    folder = tmp_path / "models"
    folder.mkdir()
    data = bytearray((source / "dense.onnx").read_bytes())
    data[5000] ^= 1
    (folder / "dense.onnx").write_bytes(data)
    (folder / "dense.json").write_bytes((source / "dense.json").read_bytes())
    monkeypatch.setattr(model_module, "MODELS", folder)
    with pytest.raises(ModelError, match=r"dense.onnx: SHA-256 .* was changed or damaged"):
        load_model("dense")


@pytest.mark.parametrize(
    "change",
    [
        {"input_": ("pixels", TensorProto.UINT8, ["N", 28, 28])},
        {"input_": ("images", TensorProto.FLOAT, ["N", 28, 28])},
        {"input_": ("images", TensorProto.UINT8, ["N", 28, 27])},
        {"input_": ("images", TensorProto.UINT8, [1, 28, 28])},
        {"output": ("probabilities", TensorProto.FLOAT, ["N", 10])},
        {"output": ("scores", TensorProto.DOUBLE, ["N", 10])},
    ],
)
def test_another_input_or_output_is_refused(
    tmp_path: Path, change: dict[str, tuple[str, int, list[str | int | None]]]
) -> None:
    path = saved(network(**change), tmp_path)  # type: ignore[arg-type]
    found = (change.get("input_") or change["output"])[0]
    with pytest.raises(ModelError, match=rf"takes and gives .*{found}.* was expected"):
        load_model(path)


@pytest.mark.parametrize("word", [b"tinydigits", b"images"])
def test_text_that_is_not_utf_8_is_refused_and_nothing_else_is_printed(
    word: bytes, tmp_path: Path
) -> None:
    """onnxruntime prints several lines on stdout where a name cannot be decoded."""
    data = network().SerializeToString().replace(word, word[:-1] + b"\xc0")
    (tmp_path / "digits.onnx").write_bytes(data)
    for words in (["info"], ["classify", "examples/scans", "-m"]):
        done = ran(*words, str(tmp_path / "digits.onnx"))
        assert (done.returncode, done.stdout) == (2, "")
        assert "digits.onnx: holds names or metadata that are not UTF-8" in done.stderr
        assert done.stderr.count("\n") == 1


def ran(*words: str, program: str = "-mtinydigits") -> "subprocess.CompletedProcess[str]":
    """A run whose stdout is buffered, as it is for users."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, program, *words]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )


OPEN_MUTATED = """\
import random, sys
from pathlib import Path
import numpy as np
from tinydigits.errors import ModelError
from tinydigits.model import MODELS, load_model
from tinydigits.quiet import own_process
own_process()
path, opened = Path(sys.argv[1], "digits.onnx"), 0
for seed in range(int(sys.argv[2])):
    chance = random.Random(seed)
    data = bytearray((MODELS / "dense.onnx").read_bytes())
    for _ in range(chance.randint(1, 3)):  # mostly where the weights are not
        at = chance.choice([chance.randrange(600), -chance.randrange(1, 2500)])
        data[at] = chance.randrange(256)
    path.write_bytes(data)
    try:
        backend, info = load_model(path)
        info.summary()
        backend.scores(np.zeros((3, 28, 28), np.uint8))
        opened += 1
    except ModelError:
        pass
assert opened
"""


def test_mutated_models_are_refused_or_opened_and_print_nothing(tmp_path: Path) -> None:
    (tmp_path / "fuzz.py").write_text(OPEN_MUTATED)
    count = int(os.environ.get("TINYDIGITS_FUZZ", "2400")) // 20
    done = ran(str(tmp_path), str(count), program=str(tmp_path / "fuzz.py"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_labels_must_be_as_many_as_scores(tmp_path: Path) -> None:
    path = saved(network(output=("scores", TensorProto.FLOAT, ["N", 9])), tmp_path)
    with pytest.raises(ModelError, match="9 scores, but labels for 10"):
        load_model(path)


def test_a_model_without_information_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no `tinydigits` metadata"):
        load_model(saved(network(info=None), tmp_path))


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "digits.onnx"
    model = onnx.load_from_string(
        (Path(model_module.__file__).parent / "models" / "dense.onnx").read_bytes()
    )
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").exists()
    data = path.read_bytes()
    entry = b"\x0a\x08location\x12\x0bweights.bin"
    assert entry in data
    # The same in other encodings that protobuf reads: value first, and lengths in two bytes.
    swapped = b"\x12\x0bweights.bin\x0a\x08location"
    for content in (data, data.replace(entry, swapped)):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="keeps weights in other files"):
            load_model(path)
    assert backends._EXTERNAL.search(b"\x8a\x80\x00\x88\x00location")


def test_a_model_that_cannot_run_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    model = network()
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 28], np.int64), "fixed"))
    reshape = helper.make_node("Reshape", ["sums", "fixed"], ["one_row"])  # fits one image only
    model.graph.node.insert(2, reshape)
    model.graph.node[3].input[0] = "one_row"
    path = saved(model, tmp_path)
    with pytest.raises(ModelError, match=r"digits\.onnx: fails when it is run"):
        load_model(path)
    with pytest.raises(ModelError, match=r"digits\.onnx: fails when it is run"):
        open_backend(path, path.read_bytes()).scores(np.ones((2, 28, 28), np.uint8))


def adding(value: float, folder: Path) -> Path:
    """A network whose scores have `value` added to them."""
    model = network()
    made = {
        "nan": [helper.make_node("Log", ["minus"], ["added"])],
        "inf": [
            helper.make_node("Add", ["minus", "plus"], ["zero"]),
            helper.make_node("Div", ["plus", "zero"], ["added"]),
        ],
    }.get(str(value), [helper.make_node("Identity", ["constant"], ["added"])])
    for name, number in (("minus", -1), ("plus", 1), ("constant", value)):
        array = np.array([number], np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    last = model.graph.node.pop()
    last.input[0] = "summed"
    model.graph.node.extend([*made, helper.make_node("Add", ["cut", "added"], ["summed"]), last])
    return saved(model, folder)


@pytest.mark.parametrize("count", [2, 5000])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30, 2e-6, -2e-6])
def test_scores_outside_0_to_1_are_refused_on_opening_and_in_each_batch(
    tmp_path: Path, value: float, count: int
) -> None:
    path = adding(value, tmp_path)
    with pytest.raises(
        ModelError, match=r"returns scores from .* scores in \[0, 1\] were expected"
    ):
        load_model(path)
    images = np.full((count, 28, 28), 100, np.uint8)
    images[-1] = 0 if value < 0 else 255  # the last alone leaves [0, 1] by little
    with pytest.raises(ModelError, match=r"digits\.onnx: returns scores from"):
        open_backend(path, path.read_bytes()).scores(images)


@pytest.mark.parametrize("value", [5e-7, -5e-7])
def test_scores_within_rounding_of_0_to_1_are_clipped(tmp_path: Path, value: float) -> None:
    backend, _ = load_model(adding(value, tmp_path))
    edge = 0 if value < 0 else 255
    images = np.stack([np.full((28, 28), level, np.uint8) for level in (edge, 100)])
    low, middle = backend.scores(images)[:, 0].tolist()
    assert low == edge / 255
    assert middle == pytest.approx(100 / 255, abs=1e-5)


def test_a_file_beside_its_description_is_held_to_it(tmp_path: Path) -> None:
    path = saved(network(), tmp_path)
    (tmp_path / "digits.json").write_text(INFO.to_json())
    with pytest.raises(ModelError, match="not among the artefacts"):
        load_model(path)


def test_an_enormous_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "digits.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="over the limit of 268,435,456"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("digits.onnx", b"not a network", "not an ONNX model"),
        ("digits.onnx", b"", "not an ONNX model"),
        ("digits.keras", b"text", "not an .onnx or .tflite file; `tinydigits export` makes"),
        ("digits.tflite", b"not a network", "digits.json: cannot be read"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=said):
        load_model(tmp_path / name)


@pytest.mark.parametrize(
    ("package", "module", "ending", "backend", "name"),
    [
        ("onnxruntime", "__init__", "onnx", "onnxruntime", "onnxruntime"),
        pytest.param(
            *("ai_edge_litert", "interpreter", "tflite", "litert", "LiteRT"),
            marks=pytest.mark.tensorflow,
        ),
    ],
)
def test_what_is_installed_and_does_not_load_is_named(
    package: str,
    module: str,
    ending: str,
    backend: BackendName,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is told to install it. What runs instead is held by `test_backends`."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / f"{module}.py").write_text("raise ImportError('GLIBC_2.34 not found')")
    monkeypatch.syspath_prepend(tmp_path)
    for loaded in [each for each in sys.modules if each.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, loaded)
    load_onnxruntime.cache_clear()
    try:
        with pytest.raises(ModelError, match=rf"{name} does not load here: GLIBC_2\.34 not found"):
            open_backend(tmp_path / f"digits.{ending}", b"", backend=backend)
    finally:
        load_onnxruntime.cache_clear()


def test_an_unknown_name_lists_the_bundled_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model; bundled: conv, light, dense"):
        load_model("densee")
    with pytest.raises(ModelError, match="No such file"):
        load_model(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="a folder; name a model in it"):
        load_model(tmp_path)


def test_a_fifo_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "digits.onnx")
    with pytest.raises(ModelError, match="not a regular file"):
        load_model(tmp_path / "digits.onnx")


def test_onnxruntime_is_told_to_report_nothing() -> None:
    code = (
        "import os; os.environ.pop('ORT_DISABLE_TELEMETRY', None)\n"
        "from tinydigits import Classifier; Classifier('dense')\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
