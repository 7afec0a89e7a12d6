"""Import TensorFlow when it is needed, and without the messages that it prints."""

import os
from types import ModuleType

from tinydigits.errors import MissingExtra
from tinydigits.quiet import quiet_native_code


def load_tensorflow(purpose: str, extra: str) -> ModuleType:
    """The module `tensorflow`. Raises MissingExtra, which names `purpose` and the `extra`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_native_code():
            import tensorflow
            from tensorflow import keras

            keras.layers  # noqa: B018 - loads Keras now, in the quiet
    except ModuleNotFoundError as error:
        raise MissingExtra(purpose, "TensorFlow", extra) from error
    module: ModuleType = tensorflow
    return module
