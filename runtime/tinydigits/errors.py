"""Every error that tinydigits raises on purpose.

    TinydigitsError
    ├── ModelError     a model file is missing, damaged, or breaks the model contract
    ├── ImageError     one image cannot be read (a ValueError too); `classify` makes it a row
    ├── SourceError    an input that holds many images (a folder, IDX files) cannot be read
    ├── SinkError      results cannot be written
    │   └── SinkRefused  they would be written where they must not be
    ├── ProofError     an exported artefact does not equal the Keras model it came from
    ├── ResumeError    an earlier run cannot be resumed
    └── MissingExtra   an optional package is needed (an ImportError too)

All of them can be pickled. A message says what happened, to which file, and what to do next.
"""

import re
from typing import Any, ClassVar


class TinydigitsError(Exception):
    """The base of all errors: `except TinydigitsError` catches whatever tinydigits refuses."""

    exit_code: ClassVar[int] = 2  # what a command that ends with this error exits with


class ModelError(TinydigitsError):
    """A model file is missing, damaged, or breaks the model contract."""


class ImageError(TinydigitsError, ValueError):
    """One image cannot be read."""

    exit_code = 1


class SourceError(TinydigitsError):
    """A folder, list or data set cannot be read, or holds nothing to read."""


class SinkError(TinydigitsError):
    """Results cannot be written."""

    exit_code = 1


class ResumeError(TinydigitsError):
    """An earlier run cannot be resumed: its rows come from other settings or inputs."""


class SinkRefused(SinkError):  # noqa: N818 - a refusal rather than a failure
    """Results would be written where they must not be."""

    exit_code = 2


class ProofError(TinydigitsError):
    """An exported artefact does not equal the Keras model it came from."""

    exit_code = 1


class MissingExtra(TinydigitsError, ImportError):  # noqa: N818 - named for what the user has to do about it
    """An optional package is needed; the message gives the pip command that brings it."""

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        super().__init__(f'{purpose} needs {package}: pip install "tinydigits[{extra}]"')
        self._made_of = purpose, package, extra

    def __reduce__(self) -> tuple[Any, ...]:
        return MissingExtra, self._made_of

    @staticmethod
    def in_reason(why: str) -> tuple[str, str] | None:
        """Return the kind of picture and the pip command that the reason of an error row names;
        None where the picture needs no package.
        """
        found = re.fullmatch(r"an? (.+) needs .+: (pip install .+)", why)
        return found and (found[1], found[2])


def reason(error: BaseException) -> str:
    """Return what any error says, or its kind if it says nothing. Addresses in memory are left out:
    they differ from run to run, and a row must not.
    """
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", str(error)) or type(error).__name__
