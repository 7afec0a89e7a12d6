"""ModelInfo survives its JSON, and what is not one is refused with the file's name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tinydigits import ModelError, ModelInfo
from tinydigits.info import (
    Artifact,
    Parity,
    Thresholds,
    check_artifact,
    info_path,
    model_name,
    read_info,
)

INFO = ModelInfo(
    name="digits",
    recipe="dense",
    labels=("0", "ä"),
    parameters=7850,
    keras_sha256="ab" * 32,
    created_by="a test",
    metrics={"test": {"accuracy": 0.9265, "errors": 735}},
    thresholds=Thresholds(0.25, 0.75),
    artifacts={"digits.onnx": Artifact(3, "ba7816bf" + "0" * 56)},
    parity={"digits.onnx": Parity(10000, 0.9265, 1.0, 1e-6, 0, (3, 5))},
)


def test_json_gives_back_the_same() -> None:
    assert ModelInfo.from_json(INFO.to_json(), "here") == INFO


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema 2, and this version reads schema 1"),
        ({"fit": "magic"}, "fit='magic'"),
        ({"unknown": 1}, "damaged model information"),
        ({"labels": None}, "damaged model information"),
        ({"thresholds": 3}, "damaged model information"),
        ({"thresholds": {"min_score": "x"}}, "damaged model information"),
        ({"thresholds": {"min_score": float("nan")}}, "unusable thresholds"),
        ({"metrics": {"train": 3}}, "unusable metrics"),
        ({"parameters": "many"}, "unusable parameters"),
        ({"labels": ["a\nb"]}, "unusable labels"),
        ({"labels": ["\ud800"]}, "unusable labels"),
        ({"labels": []}, "unusable labels"),
        ({"labels": ["0"]}, r"unusable labels \(at least two, all different\)"),
        ({"labels": ["7", "7"]}, r"unusable labels \(at least two, all different\)"),
        ({"artifacts": 3}, "damaged model information"),
        ({"artifacts": {"a": {"bytes": "x", "sha256": ""}}}, "unusable artifacts"),
        ({"artifacts": {"a": {"bytes": 1, "sha256": 5}}}, "unusable artifacts"),
        ({"artifacts": {"a": {"bytes": 1}}}, "damaged model information"),
        ({"input": {"name": "images"}}, "unusable input"),
    ],
)
def test_other_information_is_refused(change: dict[str, object], said: str) -> None:
    text = json.dumps(json.loads(INFO.to_json()) | change)
    with pytest.raises(ModelError, match=f"here: .*{said}"):
        ModelInfo.from_json(text, "here")


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "{}", "[" * 200_000])
def test_what_is_no_information_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="here: "):
        ModelInfo.from_json(text, "here")


def test_what_is_nested_too_deep_to_be_shown_is_said() -> None:
    text = json.dumps(json.loads(INFO.to_json()) | {"trained_on": {"a": 0}})
    info = ModelInfo.from_json(text.replace('"a": 0', '"a": ' + "[" * 600 + "]" * 600), "here")
    for shown in (info.to_json, replace(info, trained_on={"a": nested(2000)}).summary):
        with pytest.raises(ModelError, match="digits: model information that is nested too deep"):
            shown()


def nested(depth: int) -> list[object]:
    """Lists in a list, as deep as asked for."""
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


def test_a_missing_file_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tinydigits export"):
        read_info(tmp_path / "digits.json")


def test_every_artefact_finds_its_information() -> None:
    for name in ("digits.onnx", "digits.tflite", "digits.int8.tflite"):
        assert info_path(Path("out") / name) == Path("out/digits.json")
    assert model_name(Path("my.v2.onnx")) == "my.v2"


def test_an_artefact_is_held_to_its_sha256() -> None:
    with pytest.raises(ModelError, match=r"SHA-256 ba7816bf8f01… where digits.json says ba7816bf0"):
        check_artifact(INFO, "digits.onnx", b"abc", "here")
    with pytest.raises(ModelError, match="not among the artefacts"):
        check_artifact(INFO, "digits.tflite", b"abc", "here")


def test_the_listing_is_called_as_its_file_is_whatever_the_model_is_called() -> None:
    renamed = replace(INFO, artifacts={"mine.onnx": INFO.artifacts["digits.onnx"]})
    with pytest.raises(ModelError, match=r"where mine\.json says"):
        check_artifact(renamed, "mine.onnx", b"abc", "here")
    with pytest.raises(ModelError, match=r"artefacts that mine\.json lists"):
        check_artifact(INFO, "mine.int8.tflite", b"abc", "here")


def test_the_summary_names_what_a_person_asks_for() -> None:
    text = "\n".join(f"{name} {value}" for name, value in INFO.summary())
    for part in ("digits", "dense, 7,850 parameters", "accuracy 0.9265", "digits.onnx, 3 bytes"):
        assert part in text
