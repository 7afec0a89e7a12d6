"""`tinydigits bench` measures exported files: TFLite with LiteRT beside ONNX with onnxruntime."""

import json
import subprocess
from pathlib import Path

from tests.support.commands import COMMAND
from tinydigits.bench.table import time

BENCH = [COMMAND, "bench", "--seconds", "4"]


def test_exported_models_are_measured_side_by_side(bundle: Path, tmp_path: Path) -> None:
    names = ("digits.int8.tflite", "digits.onnx")
    words = [word for name in names for word in ("-m", str(bundle / name))]
    output = tmp_path / "bench.json"
    done = subprocess.run(
        [*BENCH, *words, "--json", str(output)], capture_output=True, text=True, check=True
    )
    fields = json.loads(output.read_text("utf-8"))
    backends = {model["name"]: model["backend"] for model in fields["models"]}
    assert backends == dict(zip(names, ("litert", "onnxruntime"), strict=True))
    metrics = {metric["name"]: metric for metric in fields["metrics"]}
    for name in names:
        for stage in ("import", "session", "first picture", "memory", "infer", "batch 1024"):
            assert metrics[f"{stage} {name}"]["value"] > 0
        assert time(metrics[f"session {name}"]["value"]) in done.stdout
    assert metrics["CPUs 32 digits.int8.tflite"]["value"] < 1.5  # one image after the other
