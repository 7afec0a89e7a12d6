"""The formats that `tinydigits export` writes: one row each, and one module that writes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tinydigits.info import ModelInfo
from tinydigits.model import Backend, open_backend
from tinydigits_export.c.backend import CBackend, read_source
from tinydigits_export.c.kinds import write_c
from tinydigits_export.conversion import convert
from tinydigits_export.devices.arduino import ENDING, open_library, packed
from tinydigits_export.keras_model import Original
from tinydigits_export.page.browser import HtmlBackend
from tinydigits_export.page.to_html import to_html
from tinydigits_export.proof import Tolerance
from tinydigits_export.to_onnx import to_onnx
from tinydigits_export.to_tflite import to_int8, to_tflite
from tinydigits_train.labelled_folder import Dataset


@dataclass(frozen=True, slots=True)
class Format:
    """How a model is written in one format, opened again and judged."""

    name: str  # the name that `--formats` takes
    use: str  # the machines that such a file is for, for the help of `export`
    ending: str  # the end of the file's name, after the name of the model
    # The names of further files, with * for the name of the model.
    beside: tuple[str, ...]
    # Return the contents of the file and of those beside it.
    write: Callable[[Original, ModelInfo, Dataset], tuple[bytes, ...]]
    # Open the file. Takes its path and its bytes. Raises ModelError or MissingTool.
    open: Callable[[Path, bytes], Backend]
    tolerance: Tolerance

    on_devices: bool = False  # whether it is C for microcontrollers, which `devices.table` measures
    # Return the file, made of those of the format `c` (name → content). None for other formats.
    pack: Callable[[ModelInfo, Mapping[str, bytes]], bytes] | None = None

    def files(self, model: str) -> tuple[str, ...]:
        """Return the names of the files for a model of that name, first the one that is proved."""
        return model + self.ending, *(file.replace("*", model) for file in self.beside)


# The same numbers in another order of operations: float32 differs in the last digits.
_SAME = Tolerance(max_delta=1e-5, min_agreement=1.0, max_accuracy_loss=0.0, max_ties=None)
# Weights of 8 bits change scores. The decisions of the model count.
_INT8 = Tolerance(max_delta=1.0, min_agreement=0.995, max_accuracy_loss=0.002, max_ties=9)
_C = Tolerance(max_delta=1.0, min_agreement=0.997, max_accuracy_loss=0.001, max_ties=9)


def _write_library(original: Original, info: ModelInfo, data: Dataset) -> tuple[bytes]:
    names, contents = FORMATS["c"].files(info.name), write_c(original, info, data)
    return (packed(info, dict(zip(names, contents, strict=True))),)


_ROWS = (
    Format(
        "onnx", "servers and desktops", ".onnx", (),
        lambda original, info, _: (convert(to_onnx, original, info),), open_backend, _SAME,
    ),
    Format(
        "tflite", "phones and boards", ".tflite", (),
        lambda original, _info, _data: (convert(to_tflite, original, kills=True),),
        open_backend, _SAME,
    ),
    Format(
        "int8", "the same with 8-bit weights, smaller", ".int8.tflite", (),
        lambda original, _, data: (convert(to_int8, original, data.train.images, kills=True),),
        open_backend, _INT8,
    ),
    Format(
        "c", "microcontrollers", ".c",
        ("*.h", "*.ino", "*.md", "*_read.c", "*_read.h", "fit.c", "fit.h"),
        write_c, lambda path, _: CBackend(read_source(path)), _C, on_devices=True,
    ),
    Format(
        "arduino", "the same for Arduino, PlatformIO, ESP-IDF, Pico", ENDING, (),
        _write_library, open_library, _C, pack=packed,
    ),
    Format(
        "html", "a page to draw on", ".html", (),
        lambda original, info, _: (to_html(original, info),),
        lambda path, data: HtmlBackend(data, str(path)), _SAME,
    ),
)  # fmt: skip
FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}


def by_file(model: str) -> dict[str, Format]:
    """Return the formats by the files that are proved, for a model of that name."""
    return {format_.files(model)[0]: format_ for format_ in FORMATS.values()}
