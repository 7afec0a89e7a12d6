"""tinydigits reads handwritten digits from image files.

    from tinydigits import Classifier

    clf = Classifier()
    clf("seven.png")  # Prediction(label='7', score=0.98, status='ok', ...)

This package is the runtime: it needs numpy, onnxruntime, pillow and click. Names are imported when
they are first asked for, so that the command line starts with what a command needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinydigits.classifier import Classifier, Prediction
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
    from tinydigits.images import Limits
    from tinydigits.info import ModelInfo

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "ImageError",
    "Limits",
    "MissingExtra",
    "ModelError",
    "ModelInfo",
    "Prediction",
    "ProofError",
    "ResumeError",
    "SinkError",
    "SourceError",
    "TinydigitsError",
    "__version__",
]

_MODULES = {"Classifier": "classifier", "Prediction": "classifier", "Limits": "images"}
_MODULES |= {"ModelInfo": "info"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'tinydigits' has no attribute {name!r}")
    value: object = getattr(import_module(f"tinydigits.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value  # the next time nobody asks
    return value


def __dir__() -> list[str]:
    return __all__
