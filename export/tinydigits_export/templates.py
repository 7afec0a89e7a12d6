"""Templates: files of this package whose $names are replaced by values."""

from collections.abc import Mapping
from pathlib import Path
from string import Template


def fill(template: Path, values: Mapping[str, object]) -> str:
    """Return the text of a file with its $names replaced. Raises KeyError for an unknown one."""
    return Template(template.read_text("utf-8")).substitute(values)
