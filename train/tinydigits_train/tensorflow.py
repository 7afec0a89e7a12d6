"""Import TensorFlow when it is needed, and without the messages that it prints."""

import gc
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType

from tinydigits.errors import MissingExtra, ModelError
from tinydigits.quiet import is_own_process, quiet_native_code


def load_tensorflow(purpose: str, extra: str) -> ModuleType:
    """The module `tensorflow`, with Keras on top of it, whatever KERAS_BACKEND says. Raises
    MissingExtra, which names `purpose` and the `extra`, and ModelError if Keras was imported with
    another backend before.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with quiet_native_code(), _uncollected():
            import tensorflow
            from tensorflow import keras

            keras.layers  # noqa: B018 - loads Keras now, in the quiet
    except ModuleNotFoundError as error:
        raise MissingExtra(purpose, "TensorFlow", extra) from error
    if (backend := keras.backend.backend()) != "tensorflow":
        raise ModelError(
            f"{purpose} needs Keras on TensorFlow, and this process has it on {backend}: set "
            "KERAS_BACKEND=tensorflow before it is imported"
        )
    if is_own_process():
        # Python would keep the bytecode of what AutoGraph generates, in the temporary folder.
        sys.dont_write_bytecode = True
    module: ModuleType = tensorflow
    return module


@contextmanager
def _uncollected() -> Generator[None]:
    """Search for no garbage while TensorFlow is loaded. A process of tinydigits' own never searches
    what was loaded, 430,000 objects: each search takes 0.3 s.

    A process that only loads it and ends takes 3 s of CPU time in place of 5.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
    if is_own_process() and not gc.get_freeze_count():
        gc.freeze()
