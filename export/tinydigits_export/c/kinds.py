"""The kinds of networks that can be written as C."""

from tinydigits import ModelError, ModelInfo
from tinydigits_export.c.conv import to_conv
from tinydigits_export.c.dense import to_c
from tinydigits_export.c.tiny import is_tiny, to_tiny
from tinydigits_export.keras_model import Original
from tinydigits_train.labelled_folder import Dataset


def write_c(original: Original, info: ModelInfo, data: Dataset) -> tuple[bytes, ...]:
    """Return `CSource.contents` of a network. Raises ModelError where it is of no kind that can be
    written as C, or its name cannot begin the names of functions.
    """
    if not (info.name.isidentifier() and info.name.isascii()):
        raise ModelError(
            f"{original.path}: C functions get the name of the model, so it may have letters, "
            "digits and _ only: rename the file"
        )
    if original.activation == "softmax":
        raise ModelError(
            f"{original.path}: ends in a softmax, where C can be written for sigmoids: change the "
            "last activation and train it again"
        )
    if info.name == "fit":
        raise ModelError(f"{original.path}: C writes a fit.c of its own: rename the file")
    if is_tiny(original):
        return to_tiny(original, info).contents
    # Each of these refuses networks whose other layers it does not know.
    kinds = [type(layer).__name__ for layer in original.model.layers if layer.get_weights()]
    write = to_conv if kinds[:1] == ["Conv2D"] else to_c
    return write(original, info, data.train.images).contents
