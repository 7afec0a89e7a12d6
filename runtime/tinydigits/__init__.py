"""tinydigits reads handwritten digits from image files.

    from tinydigits import Classifier

    clf = Classifier()
    clf("seven.png")  # Prediction(label='7', score=0.98, status='ok', ...)

This package is the runtime: it needs numpy, onnxruntime, pillow and click, and imports onnxruntime
only when a model is opened.
"""

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
