"""Programs that read numbers in pictures, used as their own documentation says. Each takes the path
of a picture and returns the text of its lines; no whitespace or other signs than digits count.
"""

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec

Read = Callable[[str], list[str]]
INSTALL = "pip install 'tinydigits[rivals]'"


def rivals() -> Iterator[tuple[str, Read | str]]:
    """Yield each program's name and its function, or why it is not measured."""
    missing = f"not installed: {INSTALL}"
    yield "RapidOCR", rapid() if find_spec("rapidocr_onnxruntime") else missing
    if not find_spec("pytesseract"):
        yield "Tesseract", missing
    elif not shutil.which("tesseract"):
        yield "Tesseract", "not installed: apt-get install tesseract-ocr"
    else:
        yield "Tesseract", tesseract


def rapid() -> Read:
    """Return RapidOCR's reading: PP-OCR networks of 15 MB in onnxruntime."""
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR()

    def read(path: str) -> list[str]:
        found, _ = engine(path)
        return [digits(text) for _, text, _ in found or []]

    return read


def tesseract(path: str) -> list[str]:
    """Read with Tesseract's own network, told that there are digits alone."""
    import pytesseract
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("L")
    config = "--psm 6 -c tessedit_char_whitelist=0123456789"
    return [
        digits(line) for line in pytesseract.image_to_string(upright, config=config).split("\n")
    ]


def digits(text: str) -> str:
    """Return the digits of a text."""
    return "".join(sign for sign in text if sign in "0123456789")
