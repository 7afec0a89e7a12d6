"""The library for Arduino, PlatformIO, ESP-IDF and the Pico SDK is laid out as each of them wants
it, and its examples read digits.
"""

import io
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.boards import compiled_library, program_of, unpacked
from tinydigits import ModelError, __version__
from tinydigits.images import decode
from tinydigits.info import read_info
from tinydigits.model import MODELS
from tinydigits_export.c.backend import CBackend
from tinydigits_export.devices.arduino import open_library, packed
from tinydigits_export.formats import FORMATS
from tinydigits_export.keras_model import Original
from tinydigits_export.ready import hand_out
from tinydigits_train.labelled_folder import Dataset

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("compiler")]

# The categories of Arduino's library specification, revision 2.2.
CATEGORIES = (
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing",
    "Data Storage", "Data Processing", "Other",
)  # fmt: skip
FIELDS = (
    "name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url",
    "architectures",
)  # fmt: skip
# Where ESP-IDF is not at hand: what its function does with a component's sources.
PROJECT = """
cmake_minimum_required(VERSION 3.13)
set(CMAKE_C_COMPILER_FORCED 1)
project(maker C)
add_subdirectory(tinydigits_light)
add_executable(linked main.c)
target_link_libraries(linked tinydigits_light)

function(idf_component_register)
  cmake_parse_arguments(given "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
  add_library(component STATIC ${given_SRCS})
  target_include_directories(component PUBLIC ${given_INCLUDE_DIRS})
endfunction()
set(ESP_PLATFORM 1)
add_subdirectory(tinydigits_light component)
add_executable(registered main.c)
target_link_libraries(registered component)
"""
MAIN = """
#include <light_read.h>
#include <stdio.h>

static uint8_t frame[96 * 96], workspace[LIGHT_WORKSPACE(96, 96)];

int main(void) {
    if (fread(frame, 1, sizeof frame, stdin) < sizeof frame) return 1;
    printf("%d", light_read(frame, 96, 96, 96, workspace).digit);
    return 0;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in the zip of the bundled `light`."""
    return unpacked("light", tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def objects(library: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return compiled_library(library, tmp_path_factory.mktemp("objects"))


def frame_of(name: str) -> bytes:
    """A scan as a camera of 96×96 gives it."""
    scan = decode(ROOT / "examples" / "scans" / name)
    return scan.convert("L").resize((96, 96)).tobytes()


def test_it_has_what_arduino_specifies(library: Path) -> None:
    text = (library / "library.properties").read_text("utf-8")
    found = dict(line.split("=", 1) for line in text.splitlines())
    assert set(FIELDS) <= found.keys() <= {*FIELDS, "includes"}
    assert all(found.values())
    assert found["name"] == library.name == "tinydigits_light"
    assert found["version"] == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])
    assert found["category"] in CATEGORIES
    assert all((library / "src" / name).is_file() for name in found["includes"].split(","))
    top = {path.name for path in library.iterdir()}
    assert top >= {"src", "examples", "extras", "library.json"}
    for example in (library / "examples").iterdir():
        assert [path.name for path in example.iterdir()] == [f"{example.name}.ino"]
    names = (path.name for path in library.rglob("*"))
    assert all(re.fullmatch(r"[A-Za-z0-9][\w.-]{,62}", name, re.ASCII) for name in names)
    # PlatformIO's: a name and a version are needed, and the headers are those of the library.
    card = json.loads((library / "library.json").read_text("utf-8"))
    assert (card["name"], card["version"]) == (found["name"], found["version"])
    assert ",".join(card["headers"]) == found["includes"]


def test_each_run_writes_the_same_bytes_and_they_are_proved_as_the_c(
    bundle: Path, original: Original, mnist: Dataset, tmp_path: Path
) -> None:
    info = read_info(bundle / "digits.json")
    (made,) = FORMATS["arduino"].write(original, info, mnist)
    beside = {name: (bundle / name).read_bytes() for name in FORMATS["c"].files("digits")}
    assert made == packed(info, dict(reversed(beside.items())))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        members = archive.infolist()
    assert [member.filename for member in members] == sorted(m.filename for m in members)
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}
    assert {member.date_time[:3] for member in members} == {(1980, 1, 1)}
    opened = FORMATS["arduino"].open(tmp_path / "digits_arduino.zip", made)
    assert isinstance(opened, CBackend)
    assert opened.sha256 == info.artifacts["digits.c"].sha256
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.c", "")
    encrypted = file.getvalue().replace(b"PK\3\4\x14\0\0", b"PK\3\4\x14\0\1")
    encrypted = encrypted.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1")
    for data in (b"PK", encrypted):
        with pytest.raises(ModelError, match="not a zip"):
            open_library(tmp_path / "digits_arduino.zip", data)


def test_it_is_handed_out_with_the_receipt_of_the_bundled_c(tmp_path: Path) -> None:
    receipt = hand_out(MODELS / "light.keras", tmp_path / "out", ("arduino",))
    assert receipt
    assert receipt.written == ("light_arduino.zip",)
    listed, bundled = read_info(tmp_path / "out" / "light.json"), read_info(MODELS / "light.json")
    assert listed.artifacts.keys() == {"light_arduino.zip"}
    assert listed.parity["light_arduino.zip"] == bundled.parity["light.c"]


def test_a_name_that_is_too_long_for_a_library_is_refused(bundle: Path) -> None:
    info = read_info(bundle / "digits.json")
    object.__setattr__(info, "name", "d" * 53)
    with pytest.raises(ModelError, match="at most 63 letters: rename the file"):
        packed(info, {})


def test_the_camera_example_reads_what_is_held_before_it(
    library: Path, objects: list[Path], tmp_path: Path
) -> None:
    frames = [frame_of(name) for name in ("7-red-pen.png", "10-blank-sheet.jpg", "5-pencil.png")]
    program = program_of(library, "Camera", objects, tmp_path)
    done = subprocess.run([program], input=b"".join(frames), capture_output=True, check=True)
    complaint, *lines = done.stdout.decode().splitlines()
    assert "does not answer" in complaint
    assert [line.split()[0] for line in lines] == ["7", "5"]
    assert all(0 <= int(line.split()[1]) <= 255 for line in lines)


def test_the_touch_screen_example_reads_what_is_drawn(
    library: Path, objects: list[Path], tmp_path: Path
) -> None:
    drawn = [  # the ends of strokes, in px of the square of 240
        [[(80, 60), (160, 60), (110, 180)]],
        [[(120, 50), (120, 190)]],
        [[(80, 50), (75, 120), (150, 120)], [(150, 60), (150, 190)]],
    ]
    looks = b""
    for strokes in drawn:
        for stroke in strokes:
            looks += b"".join(bytes(point) for point in stroke) + b"\xff\xff"
        looks += b"\xff\xff" * 80  # 800 ms
    program = program_of(library, "TouchScreen", objects, tmp_path)
    done = subprocess.run([program], input=looks, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert lines[::2] == ["green 7", "green 1", "green 4"]
    assert [line.split()[0] for line in lines[1::2]] == ["7", "1", "4"]


def test_cmake_builds_it_for_esp_idf_and_for_the_pico_sdk(library: Path, tmp_path: Path) -> None:
    if not shutil.which("cmake"):
        pytest.skip("building with CMake needs it: apt-get install cmake make")
    shutil.copytree(library, tmp_path / library.name)
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    (tmp_path / "main.c").write_text(MAIN)
    for words in (("-S", ".", "-B", "build"), ("--build", "build", "-j", "2")):
        subprocess.run(["cmake", *words], cwd=tmp_path, check=True, capture_output=True)
    frame = frame_of("7-red-pen.png")
    for program in ("linked", "registered"):
        command = tmp_path / "build" / program
        done = subprocess.run([command], input=frame, capture_output=True, check=True)
        assert done.stdout == b"7"
