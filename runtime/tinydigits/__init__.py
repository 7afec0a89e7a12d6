"""tinydigits reads handwritten digits from image files.

    from tinydigits import Classifier

    classifier = Classifier()
    classifier("seven.png")  # Prediction(label='7', score=0.98, status='ok', ...)

This package is the runtime: it needs numpy, onnxruntime, pillow and click. Names are imported when
they are first asked for, so that the command line starts with what a command needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tinydigits.version import __version__

if TYPE_CHECKING:
    from tinydigits.bounds import Limits
    from tinydigits.classifier import Classifier
    from tinydigits.cluster.dataframes import classify_dataset, classify_frames
    from tinydigits.errors import (
        ImageError,
        MissingExtra,
        ModelError,
        ProofError,
        ResumeError,
        SinkError,
        SourceError,
        TinydigitsError,
    )
    from tinydigits.fitting import fit
    from tinydigits.images import ImageLike, decode
    from tinydigits.info import ModelInfo
    from tinydigits.items import Item
    from tinydigits.judging import Prediction, Status
    from tinydigits.numbers import Digit, Number

__all__ = [
    "Classifier",
    "Digit",
    "ImageError",
    "ImageLike",
    "Item",
    "Limits",
    "MissingExtra",
    "ModelError",
    "ModelInfo",
    "Number",
    "Prediction",
    "ProofError",
    "ResumeError",
    "SinkError",
    "SourceError",
    "Status",
    "TinydigitsError",
    "__version__",
    "classify_dataset",
    "classify_frames",
    "decode",
    "fit",
]

_MODULES = {
    "Classifier": "classifier",
    "Digit": "numbers",
    "ImageLike": "images",
    "Item": "items",
    "Limits": "bounds",
    "ModelInfo": "info",
    "Number": "numbers",
    "Prediction": "judging",
    "Status": "judging",
    "classify_dataset": "cluster.dataframes",
    "classify_frames": "cluster.dataframes",
    "decode": "images",
    "fit": "fitting",
}  # all others are in errors


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'tinydigits' has no attribute {name!r}")
    value: object = getattr(import_module(f"tinydigits.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value  # so that it is not asked for again
    return value


def __dir__() -> list[str]:
    return __all__
