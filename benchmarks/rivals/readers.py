"""Programs that people use to read digits in pictures: on single digits and on whole numbers.

Each is used as its own documentation says, with those of its settings that read most of the
pictures by people; DIGITS and NUMBERS name them. Each runs on one thread, so that its CPU time is
its work and no waiting. A reader takes the path of a picture and returns the text of its lines,
the digits alone.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any, TypeVar

Found = TypeVar("Found")
Read = Callable[[str], list[str]]
INSTALL = "pip install 'tinydigits[rivals]'"


def rapid() -> Read:
    """Return RapidOCR's reading: PP-OCR networks of 15 MB in onnxruntime. It finds words; those
    that lie beside each other are one line.
    """
    engine = _rapid_engine()

    def read(path: str) -> list[str]:
        found, _ = engine(path)
        lines: list[str] = []
        level = 0.0  # the middle of the last word
        for box, text, _ in found or []:  # from top to bottom, and from left to right
            middle, height = sum(y for _, y in box) / 4, box[3][1] - box[0][1]
            if lines and abs(middle - level) * 2 < height:
                lines[-1] += digits(text)
            else:
                lines.append(digits(text))
            level = middle
        return lines

    return read


def rapid_line() -> Read:
    """Return RapidOCR's reading of pictures that are one word each, without looking for words. Of
    pictures of one digit, it reads 79 % so, and 26 % where it looks for words first.
    """
    engine = _rapid_engine()

    def read(path: str) -> list[str]:
        found, _ = engine(path, use_det=False, use_cls=False)
        return [digits(text) for text, _ in found or []]

    return read


def _rapid_engine() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def tesseract(psm: int, side: int | None = None) -> Read:
    """Return the reading of Tesseract's own network, told that there are digits alone.

    psm: its page segmentation mode. side: the longer side in px that pictures are scaled to, and
    get a margin of a fifth of it.
    """
    import pytesseract
    from PIL import Image, ImageOps

    os.environ["OMP_THREAD_LIMIT"] = "1"
    config = f"--psm {psm} -c tessedit_char_whitelist=0123456789"

    def read(path: str) -> list[str]:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file).convert("L")
        if side is not None:
            picture = ImageOps.contain(picture, (side, side))
            picture = ImageOps.expand(picture, side // 5, picture.tobytes()[0])
        text = pytesseract.image_to_string(picture, config=config)
        return [digits(line) for line in text.split("\n")]

    return read


def digit_recognizer() -> Read:
    """Return the reading of digit-recognizer-py: a network of 391,000 parameters in PyTorch."""
    import torch
    from digit_recognizer import DigitRecognizer

    torch.set_num_threads(1)
    recognizer = DigitRecognizer(device="cpu")
    return lambda path: [str(recognizer.predict(path))]


# Each program's name and settings; the module and the command that have to be installed; and what
# makes its reader.
RAPID, TESSERACT = ("rapidocr_onnxruntime",), ("pytesseract", "tesseract")
Rivals = Mapping[str, tuple[tuple[str, ...], Callable[[], Read]]]
DIGITS: Rivals = {
    "RapidOCR, use_det=False, use_cls=False": (RAPID, rapid_line),
    "Tesseract, --psm 10, 64 px": (TESSERACT, lambda: tesseract(10, 64)),
    "digit-recognizer-py": (("digit_recognizer",), digit_recognizer),
}
NUMBERS: Rivals = {
    "RapidOCR": (RAPID, rapid),
    "Tesseract, --psm 6": (TESSERACT, lambda: tesseract(6)),
}


def installed(rivals: Rivals, absent: list[str]) -> Iterator[tuple[str, Read]]:
    """Yield each program's name and its reader. Add the others to `absent`, with the remedy."""
    for name, (needs, make) in rivals.items():
        module, *commands = needs
        if find_spec(module) is None:
            absent.append(f"{name} is not installed: {INSTALL}")
        elif not all(map(shutil.which, commands)):
            absent.append(f"{name} is not installed: apt-get install tesseract-ocr")
        else:
            yield name, make()


def timed(work: Callable[[], Found]) -> tuple[Found, float]:
    """Return what `work` returns, and the seconds of CPU time that this process and the processes
    that it waited for spent on it.
    """
    began = sum(os.times()[:4])
    return work(), sum(os.times()[:4]) - began


def digits(text: str) -> str:
    """Return the digits of a text."""
    return "".join(sign for sign in text if sign in "0123456789")
