"""The ONNX file is the contract's: standard operators, one input, one output, any batch size."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.support.pages import opened
from tinydigits.backends import NumpyBackend, OnnxBackend
from tinydigits.info import ModelInfo
from tinydigits_export.keras_model import Original
from tinydigits_export.to_onnx import to_onnx
from tinydigits_train.labelled_folder import Digits
from tinydigits_train.recipes import RECIPES


@pytest.fixture(scope="module")
def proto(bundle: Path) -> onnx.ModelProto:
    return onnx.load(bundle / "digits.onnx")


def describe(proto: onnx.ModelProto) -> ModelInfo:
    """Return the card in its metadata."""
    text = {prop.key: prop.value for prop in proto.metadata_props}["tinydigits"]
    return ModelInfo.from_json(text, "here")


def test_it_is_valid_and_of_an_opset_that_is_widely_run(proto: onnx.ModelProto) -> None:
    onnx.checker.check_model(proto, full_check=True)
    used = {node.domain for node in proto.graph.node}
    assert used == {""}
    assert next(o.version for o in proto.opset_import if o.domain == "") >= 17


def test_its_input_and_output_are_the_contracts(proto: onnx.ModelProto) -> None:
    def described(value: onnx.ValueInfoProto) -> tuple[str, int, list[object]]:
        tensor = value.type.tensor_type
        return value.name, tensor.elem_type, [d.dim_param or d.dim_value for d in tensor.shape.dim]

    assert [described(value) for value in proto.graph.input] == [
        ("images", onnx.TensorProto.UINT8, ["N", 28, 28])
    ]
    assert [described(value) for value in proto.graph.output] == [
        ("scores", onnx.TensorProto.FLOAT, ["N", 10])
    ]


def test_its_bytes_do_not_depend_on_chance_or_on_what_the_process_made_before(
    conv: Original, proto: onnx.ModelProto
) -> None:
    """TensorFlow and Keras number what they make, and tf2onnx orders some of it by chance."""
    assert len({to_onnx(conv, describe(proto)) for _ in range(6)}) == 1


def test_its_weights_are_inside(proto: onnx.ModelProto) -> None:
    assert all(not tensor.external_data for tensor in proto.graph.initializer)


def test_it_says_what_it_is(proto: onnx.ModelProto) -> None:
    info = describe(proto)
    assert (info.recipe, info.labels, info.parameters) == ("dense", tuple("0123456789"), 7850)
    assert info.trained_on["name"] == "MNIST"
    assert "categorical cross-entropy" in info.trained_on["how"]
    assert set(info.metrics) == {"train", "test"}
    assert 0 < info.thresholds.min_score < 1
    assert 0 < info.thresholds.max_ratio <= 1


@pytest.mark.parametrize("count", [0, 1, 2, 257])
def test_any_number_of_images_gives_the_same_scores(
    bundle: Path, mnist_test: Digits, count: int
) -> None:
    session = onnxruntime.InferenceSession(bundle / "digits.onnx")
    images = mnist_test.images[:count]
    (scores,) = session.run(["scores"], {"images": images})
    assert scores.shape == (count, 10)
    for image, row in zip(images, scores, strict=True):
        assert np.allclose(session.run(None, {"images": image[None]})[0], row, atol=1e-6)


@pytest.mark.parametrize("recipe", ["mlp", "pictures", "small", "tiny"])
def test_numpy_runs_what_is_written_for_a_recipe_without_a_bundled_model(
    recipe: str, mnist_test: Digits, tmp_path: Path, keras: Any
) -> None:
    found = RECIPES[recipe]
    model = found.finished(keras, found.build(keras, 100))
    info = ModelInfo("digits", recipe, tuple("0123456789"), 1, "0" * 64, "a test")
    data = to_onnx(opened(model, tmp_path), info)
    theirs, ours = (
        each(data, "digits.onnx").scores(mnist_test.images[:100])
        for each in (OnnxBackend, NumpyBackend)
    )
    assert np.abs(ours - theirs).max() <= 1e-5
