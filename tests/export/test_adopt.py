"""An ONNX file of another's making reads as it did, as a model of the contract."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.support.commands import run, run_without_tensorflow
from tests.support.lessons import few, linear, onnx_linear
from tinydigits import Classifier, ModelError
from tinydigits_export.adopt import adopt
from tinydigits_export.ranges import RANGES, UNIT
from tinydigits_train.labelled_folder import Dataset


@pytest.mark.parametrize(
    ("shape", "range_", "options"),
    [
        (["batch", 1, 28, 28], "normalised", {}),  # PyTorch
        (["batch", 1, 28, 28], "0..1", {"last": "LogSoftmax"}),  # its example
        ([1, 1, 28, 28], "0..255", {"fixed": True, "opset": 12}),  # the model zoo
        (["batch", 28, 28, 1], "0..1", {"last": "Softmax", "fixed": True}),
        (["n", 784], "-1..1", {"last": "Sigmoid", "kind": TensorProto.DOUBLE}),
    ],
)
def test_it_answers_as_before(
    shape: list[Any], range_: str, options: dict[str, Any], mnist: Dataset, tmp_path: Path
) -> None:
    data, (kernel, bias) = few(mnist), linear(mnist.train, RANGES[range_])
    path = onnx_linear(tmp_path / "theirs.onnx", (kernel, bias), shape, **options)
    adopt(path, tmp_path / "mine.onnx", data)
    images = data.test.images
    logits = RANGES[range_].of(images).reshape(len(images), 784) @ kernel + bias
    model = Classifier(tmp_path / "mine.onnx")
    scores = model.scores(images)
    assert scores.argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()
    assert model.scores(images[:0]).shape == (0, 10)
    sigmoid = options.get("last") == "Sigmoid"
    assert sigmoid or np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    info = model.info
    assert info.activation == ("sigmoid" if sigmoid else "softmax")
    assert info.trained_on == {"adopted": "theirs.onnx", "range": range_}
    right = float((logits.argmax(axis=1) == data.test.labels).mean())
    assert info.parity["mine.onnx"].accuracy == info.metrics["test"]["accuracy"] == right
    assert 0 < info.thresholds.min_score < 1
    onnx.checker.check_model(onnx.load(tmp_path / "mine.onnx"), full_check=True)


def test_other_files_are_refused_with_what_was_found(mnist: Dataset, tmp_path: Path) -> None:
    data, weights, path = few(mnist), linear(mnist.train, UNIT), tmp_path / "theirs.onnx"
    with pytest.raises(ModelError, match=r"theirs\.onnx: No such file"):
        adopt(path, tmp_path / "mine.onnx", data)
    path.write_bytes(b"PK\3\4")
    with pytest.raises(ModelError, match=r"not an ONNX model .*torch\.onnx\.export"):
        adopt(path, tmp_path / "mine.onnx", data)
    onnx_linear(path, weights, ["n", 3, 28, 28])
    with pytest.raises(ModelError, match=r"images tensor\(float\) \['n', 3, 28, 28\].*N, 1, 28"):
        adopt(path, tmp_path / "mine.onnx", data)
    onnx_linear(path, (weights[0][:, :9], weights[1][:9]), ["n", 784])
    with pytest.raises(ModelError, match=r"and an output \[N, 10\] were expected"):
        adopt(path, tmp_path / "mine.onnx", data)
    untrained = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32)
    onnx_linear(path, (untrained, weights[1]), ["n", 784])
    with pytest.raises(ModelError, match="no better than chance"):
        adopt(path, tmp_path / "mine.onnx", data)
    assert [each.name for each in tmp_path.iterdir()] == ["theirs.onnx"]


def test_by_command_without_tensorflow(few_digits: Path, mnist: Dataset, tmp_path: Path) -> None:
    """The range may be named, and the mean and the deviation with it."""
    range_ = UNIT.normalised(0.5, 0.25)
    onnx_linear(tmp_path / "their.onnx", linear(mnist.train, range_), ["n", 1, 28, 28])
    words = ("adopt", "their.onnx", "-o", "mine.onnx", "--data", str(few_digits), "--range", "0..1")
    given = ("--mean", "0.5", "--std", "0.25")
    shown, said = run_without_tensorflow(*words, *given, cwd=tmp_path)
    assert "takes pixels 0..1, less 0.5, by 0.25: reads " in said
    assert "agreement 100.00%" in shown
    status, _, errors = run("verify", "mine.onnx", "--data", str(few_digits), cwd=tmp_path)
    assert status == 2
    assert "adopted from their.onnx" in errors
    status, described, _ = run("info", "mine.onnx", cwd=tmp_path)
    assert "softmax: they sum to 1" in described
    status, _, errors = run("adopt", "their.onnx", "-o", "mine", cwd=tmp_path)
    assert status == 2
    assert "has to end in .onnx" in errors
