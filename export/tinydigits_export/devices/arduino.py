"""A network's C as a library of the Arduino IDE, which PlatformIO, ESP-IDF and the Pico SDK take
too.

The layout is that of Arduino's library specification, revision 2.2.
"""

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tinydigits import ModelError, ModelInfo, __version__
from tinydigits_export.c.backend import CBackend, read_source
from tinydigits_export.c.source import described
from tinydigits_export.templates import fill

ENDING = "_arduino.zip"
MOST_LETTERS = 63  # in the name of a library and of its folder
TEMPLATES = Path(__file__).with_name("templates") / "arduino"
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name


def packed(info: ModelInfo, c: Mapping[str, bytes]) -> bytes:
    """Return the zip of a library. c: name → content of each file of the format `c`.

    Each run returns the same bytes, on every machine: nothing is compressed, because versions of
    zlib compress differently. Raises ModelError if the name is too long for a library.
    """
    name, folder = info.name, _folder(info.name)
    if len(folder) > MOST_LETTERS:
        raise ModelError(
            f"{folder}: the name of a library has at most {MOST_LETTERS} letters: rename the file"
        )
    values = {**described(info), "version": __version__, "folder": folder}
    files = {
        path.relative_to(TEMPLATES).as_posix(): fill(path, values).encode()
        for path in TEMPLATES.rglob("*.*")
    }
    files |= {f"src/{file}": data for file, data in c.items() if file.endswith((".c", ".h"))}
    files[f"extras/{name}.md"] = c[f"{name}.md"]
    files["examples/Serial/Serial.ino"] = c[f"{name}.ino"].replace(
        f"Put {name}.c and {name}.h in the folder of this sketch.".encode(),
        f"This library has {name}.c and {name}.h.".encode(),
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(files):
            member = zipfile.ZipInfo(f"{folder}/{file}", BEGINNING)
            member.create_system = 3  # Unix, which the permissions are those of
            member.external_attr = 0o100644 << 16
            archive.writestr(member, files[file])
    return buffer.getvalue()


def open_library(path: Path, data: bytes) -> CBackend:
    """Compile the network in a library. Raises ModelError, and MissingTool without a compiler."""
    name = path.name.removesuffix(ENDING)
    with tempfile.TemporaryDirectory(prefix="tinydigits-library-") as folder:
        try:
            zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
        except Exception as error:  # zipfile's errors on a changed file have no common base
            raise ModelError(f"{path}: not a zip that can be unpacked: {error}") from error
        return CBackend(read_source(Path(folder) / _folder(name) / "src" / f"{name}.c"))


def _folder(name: str) -> str:
    """Return the name of a library, which is that of its folder."""
    return f"tinydigits_{name}"
