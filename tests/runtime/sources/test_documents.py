"""Every page of a document is a picture with a row of its own, wherever the document is."""

import io
import os
import pickle
import struct
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Barrier

import pytest
from PIL import Image

from examples.draw_scans import blue_pen, mask
from tests.support.commands import run
from tests.support.files import encoded, tarred, zipped
from tinydigits import Classifier, ImageError
from tinydigits.bounds import Limits
from tinydigits.images import decode
from tinydigits.items import Chunk, Skipped, held_in
from tinydigits.pages import Page, directories
from tinydigits.sources import Opening, open_inputs
from tinydigits.sources.documents import AHEAD, opened_ahead
from tinydigits.sources.watch import watched_files

pytest.importorskip("pypdfium2", reason="the extra `formats` is not installed")

DIGITS = (7, 9, 1)


def drawn(digit: int) -> Image.Image:
    return blue_pen(mask(digit, (150, 200), 0.06, digit), digit).convert("RGB")


@cache
def document(format_: str, digits: tuple[int, ...] = DIGITS, **options: object) -> bytes:
    first, *others = map(drawn, digits)
    return encoded(first, format_, save_all=True, append_images=others, **options)


MODEL = "conv"  # of `classifier`


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.tiff").write_bytes(document("TIFF"))
    (tmp_path / "b.PDF").write_bytes(document("PDF"))
    (tmp_path / "c.tif").write_bytes(document("TIFF", (4,)))
    (tmp_path / "d.pdf").write_bytes(document("PDF", (6,)))
    return tmp_path


EXPECTED = [
    *((f"a.tiff#{number}", str(digit)) for number, digit in enumerate(DIGITS, 1)),
    *((f"b.PDF#{number}", str(digit)) for number, digit in enumerate(DIGITS, 1)),
    *(("c.tif", "4"), ("d.pdf", "6")),
]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_page_in_a_folder_has_a_row(
    classifier: Classifier, folder: Path, workers: int
) -> None:
    rows = classifier.classify([str(folder)], batch_size=3, workers=workers)
    assert [(os.path.relpath(str(row.path), folder), row.label) for row in rows] == EXPECTED


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_every_page_in_an_archive_has_a_row(
    classifier: Classifier, folder: Path, ending: str, tmp_path: Path
) -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    path = tmp_path / f"all.{ending}"
    path.write_bytes(zipped(*files) if ending == "zip" else tarred(*files))
    rows = classifier.classify([str(path)], workers=2)
    assert [(str(row.path).removeprefix(f"{path}/"), row.label) for row in rows] == EXPECTED


def test_a_list_names_documents_and_single_pages(folder: Path) -> None:
    names = ["a.tiff", "b.PDF#2", "a.tiff#3", "b.PDF#4"]
    words = ["classify", "-", "--format", "csv"]
    done = subprocess.run(
        ["tinydigits", *words], cwd=folder, input="\n".join(names), capture_output=True, text=True
    )
    rows = [row.split(",")[:2] for row in done.stdout.splitlines()[1:]]
    assert rows == [
        *([f"a.tiff#{number}", str(digit)] for number, digit in enumerate(DIGITS, 1)),
        *(["b.PDF#2", "9"], ["a.tiff#3", "1"], ["b.PDF#4", ""]),
    ]
    assert "it has 3 pages, and page 4 was named" in done.stdout


def test_a_file_of_that_name_comes_before_a_page(classifier: Classifier, folder: Path) -> None:
    drawn(0).save(folder / "a.tiff#2", "PNG")
    (row,) = classifier.classify([str(folder / "a.tiff#2")])
    assert row.label == "0"


def test_the_second_page_of_a_picture_is_refused(classifier: Classifier, folder: Path) -> None:
    drawn(0).save(folder / "a.png")
    one, two = classifier.classify([str(folder / f"a.png#{number}") for number in (1, 2)])
    assert (one.label, two.reason) == ("0", "a PNG has no pages, and page 2 was named")


def test_pages_without_an_ending_are_read_and_behind_a_wrong_one_are_counted(
    classifier: Classifier, folder: Path
) -> None:
    (folder / "a.tiff").rename(folder / "scan")
    (folder / "b.PDF").rename(folder / "lies.png")
    rows = classifier.classify([str(folder / "scan")])
    assert [row.label for row in rows] == ["7", "9", "1"]
    status, _, errors = run("classify", folder / "lies.png")
    assert status == 0
    assert "1 image: 1 ok" in errors
    assert "skipped: 1 file after its first frame" in errors


def test_a_run_over_pages_can_be_resumed(folder: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    words = ("classify", folder / "a.tiff", folder / "b.PDF", "--resume", "--batch-size", 2, "-o")
    assert run(*words, whole)[0] == run(*words, cut)[0] == 0
    cut.write_bytes(whole.read_bytes()[:120])
    assert run(*words, cut)[0] == 0
    assert cut.read_bytes() == whole.read_bytes()


def test_pages_are_not_sorted_and_single_ones_are(folder: Path, tmp_path: Path) -> None:
    status, _, errors = run("classify", folder, "--sort-into", tmp_path.parent / "sorted")
    assert status == 1
    assert "a.tiff#2 is not sorted: a page cannot be sorted without its document" in errors
    found = [each.name for each in (tmp_path.parent / "sorted").rglob("*.*")]
    assert {"c.tif", "d.pdf"} <= set(found)
    assert not any("#" in name for name in found)


def test_a_document_that_arrives_gives_its_pages(folder: Path) -> None:
    stop = iter([False] * 40 + [True] * 9)
    (batch,) = watched_files([str(folder)], lambda: next(stop), Skipped(), settle=0, interval=0)
    assert [os.path.relpath(str(item.name), folder) for item in batch] == [n for n, _ in EXPECTED]


def test_pages_are_truth_and_pictures_of_a_report(folder: Path, tmp_path: Path) -> None:
    for digit in (4, 6):
        (tmp_path / f"by/{digit}").mkdir(parents=True)
    (folder / "c.tif").rename(tmp_path / "by/4/c.tif")
    (tmp_path / "by/6/two.pdf").write_bytes(document("PDF", (6, 6)))
    report = tmp_path / "r.html"
    status, _, errors = run("evaluate", tmp_path / "by", "--report", report)
    assert status == 0, errors
    assert "3 images" in errors
    assert "two.pdf#2" in report.read_text("utf-8")


def test_the_pages_of_a_document_in_memory_share_its_bytes() -> None:
    data = document("PDF")
    pages = [Page(data, number) for number in (1, 2, 3)]
    assert [*map(held_in, pages, [None, *pages])] == [len(data), 0, 0]
    assert len(pickle.dumps(Chunk(["a"] * 3, [*pages]))) < 1.5 * len(data)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_a_page_of_a_tiff_is_what_pillow_reads_there(big: bool, compression: str) -> None:
    data = document("TIFF", compression=compression, big_tiff=big)
    assert len(directories(io.BytesIO(data))) == 3
    for number in (1, 2, 3):
        with Image.open(io.BytesIO(data)) as image:
            image.seek(number - 1)
            expected = image.convert("RGB").tobytes()
        assert decode(Page(data, number)).convert("RGB").tobytes() == expected


def linked(*tags: tuple[int, int], order: str = "<", last: int = 0) -> bytes:
    """A TIFF of directories that hold one tag, SUBFILE; each (value, offset of the next)."""
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for at, (kind, following) in enumerate(tags):
        following = following if following else (8 + 18 * (at + 1) if at + 1 < len(tags) else last)
        data += struct.pack(order + "HHHIII", 1, 254, 4, 1, kind, following)
    return data


@pytest.mark.parametrize("order", ["<", ">"])
def test_copies_and_masks_are_no_pages(order: str) -> None:
    data = linked((0, 0), (1, 0), (2, 0), (4, 0), (0, 0), order=order)
    assert directories(io.BytesIO(data)) == [8, 8 + 18 * 2, 8 + 18 * 4]


def test_a_chain_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    assert directories(io.BytesIO(linked((0, 0), (0, 8)))) == [8, 26]
    assert directories(io.BytesIO(linked((0, 0), last=10**6))) == [8, 10**6]  # an error row
    monkeypatch.setattr("tinydigits.pages.MOST_PAGES", 5)
    assert len(directories(io.BytesIO(linked(*[(0, 0)] * 9)))) == 6


def test_a_document_of_too_many_pages_gives_one_more_row(
    classifier: Classifier, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("tinydigits.pages", "tinydigits.sources.documents"):
        monkeypatch.setattr(f"{module}.MOST_PAGES", 2)
    for name in ("a.tiff", "b.PDF"):
        rows = list(classifier.classify([str(folder / name)]))
        assert [row.label for row in rows] == ["7", "9", None]
        assert "more than 2 pages" in str(rows[-1].reason)


def test_a_page_is_rendered_at_150_to_300_dpi_or_refused() -> None:
    data = document("PDF", (3,), resolution=100)  # px to the inch
    assert decode(data).size == (300, 400)
    large = document("PDF", (3,), resolution=1)
    with pytest.raises(ImageError, match="22,500×30,000 pixels, over the limit"):
        decode(large)


@pytest.mark.parametrize("format_", ["TIFF", "PDF"])
def test_a_damaged_document_is_an_error_row(
    classifier: Classifier, format_: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{format_.lower()}"
    path.write_bytes(document(format_)[:100])
    rows = list(classifier.classify([str(path)]))
    assert rows
    assert {row.status for row in rows} == {"error"}


@pytest.mark.parametrize("name", ["a.tiff", "b.PDF"])
def test_a_document_over_the_limit_is_one_row_and_is_not_read(folder: Path, name: str) -> None:
    path = folder / name
    os.truncate(path, 1 << 40)  # sparse: reading it would take all memory
    (row,) = Classifier("conv").classify([str(path)])
    assert row.path == str(path)
    assert "over the limit of 67,108,864 (--max-bytes)" in str(row.reason)


def test_inputs_open_no_page_themselves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinydigits.pages.pdf_page", lambda *_: pytest.fail("it was rendered"))
    items = list(open_inputs([str(folder)], Opening(Limits(), Skipped())))
    assert len(items) == len(EXPECTED)


def test_documents_at_addresses_are_fetched_together_and_come_in_order() -> None:
    together = Barrier(AHEAD)

    def open_file(name: str) -> Iterator[str]:
        if name.endswith(".tif"):
            together.wait(timeout=20)  # raises where one waits for another to end
        yield from (f"{name}#1", f"{name}#2")

    names = ["a.png", *(f"{number}.tif" for number in range(AHEAD)), "b.png"]
    expected = [f"{name}#{page}" for name in names for page in (1, 2)]
    assert list(opened_ahead(names, open_file)) == expected
