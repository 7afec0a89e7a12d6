"""The TFLite files take uint8 and give float32; the int8 one multiplies integers only, and was
calibrated on training digits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinydigits_export.keras_model import open_original
from tinydigits_export.to_tflite import CALIBRATION, to_int8
from tinydigits_train.labelled_folder import Dataset


def opened(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return interpreter


@pytest.mark.parametrize("name", ["digits.tflite", "digits.int8.tflite"])
def test_input_and_output_are_the_contracts(bundle: Path, name: str) -> None:
    interpreter = opened(bundle / name)
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (inputs["name"], inputs["dtype"], inputs["shape"].tolist()) == (
        *("images", np.uint8),
        [1, 28, 28],
    )
    assert (outputs["name"], outputs["dtype"], outputs["shape"].tolist()) == (
        *("scores", np.float32),
        [1, 10],
    )


def test_the_int8_input_is_the_pixel_itself(bundle: Path) -> None:
    scale, zero_point = opened(bundle / "digits.int8.tflite").get_input_details()[0]["quantization"]
    assert scale == pytest.approx(1 / 255)
    assert zero_point == 0


def test_the_int8_weights_have_a_scale_for_each_class(bundle: Path) -> None:
    tensors = opened(bundle / "digits.int8.tflite").get_tensor_details()
    (weights,) = [t for t in tensors if t["shape"].tolist() == [10, 784]]
    assert weights["dtype"] == np.int8
    assert len(weights["quantization_parameters"]["scales"]) == 10


def test_only_the_ten_logits_become_floats(bundle: Path) -> None:
    tensors = opened(bundle / "digits.int8.tflite").get_tensor_details()
    floats = [t for t in tensors if t["dtype"] == np.float32]
    assert {t["shape"].tolist()[-1] for t in floats} == {10}
    (logits,) = [t for t in tensors if t["dtype"] == np.int16 and t["shape"].tolist() == [1, 10]]
    assert logits["quantization"][1] == 0


def test_calibration_sees_training_digits_only(keras_path: Path, mnist: Dataset) -> None:
    seen: list[int] = []

    class Watched(np.ndarray):
        def __iter__(self) -> Any:
            seen.append(len(self))
            return super().__iter__()

    images = mnist.train.images.view(Watched)
    whole = to_int8(open_original(keras_path), images)
    assert CALIBRATION <= seen[0] < 2 * CALIBRATION
    # Other images, other ranges: what is passed is what counts.
    assert to_int8(open_original(keras_path), mnist.train.images // 2) != whole
