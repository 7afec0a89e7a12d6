"""Sharing: the CPUs of one process answer large arrays together.

Chunks of pictures are not shared so: several processes read those, each on one CPU (see `workers`).
"""

import os
from typing import Protocol
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from tinydigits.cpus import usable_cpus
from tinydigits.model import Backend, OnnxBackend

# Images that one thread answers in 0.2 ms: of fewer, two threads take as long.
FROM, FROM_OF_CONVOLUTIONS = 512, 8


class Scorer(Protocol):
    """What `Classifier.scores` needs of a network."""

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8 [N, 28, 28], ink bright → float32 [N, K], each in [0, 1]."""
        ...


def sharing(backend: Backend) -> Scorer:
    """The same network, with the same scores to the last bit; only ONNX gains."""
    return Sharing(backend) if isinstance(backend, OnnxBackend) else backend


class Sharing:
    """A network that is opened once more, with a thread for each CPU, for the first large array."""

    def __init__(self, alone: OnnxBackend) -> None:
        self._alone = alone
        self._together: OnnxBackend | None = None
        self._from = FROM_OF_CONVOLUTIONS if alone.convolves else FROM

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(images) < self._from:
            return self._alone.scores(images)
        if self._together is None:
            cpus = usable_cpus()
            alone = self._alone
            self._together = OnnxBackend(alone.data, alone.origin, cpus) if cpus > 1 else alone
            _OPENED.add(self)
        return self._together.scores(images)

    def forget(self) -> None:
        """In a process that was forked, to which threads do not come along. onnxruntime waits for
        its own when it is let go, there for ever: so it never is.
        """
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._together))
        self._together = None


_OPENED: WeakSet[Sharing] = WeakSet()


def _forked() -> None:
    for each in list(_OPENED):
        each.forget()
    _OPENED.clear()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_forked)
