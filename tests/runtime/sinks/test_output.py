"""A file is replaced only by a whole one, and where nothing can be written it is said."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import answers_of
from tinydigits import Classifier, Prediction, SinkError
from tinydigits.items import Chunk
from tinydigits.judging import Status
from tinydigits.reading import Keep, Reading
from tinydigits.sinks.fitted import fit_sink
from tinydigits.sinks.output import file_sink, format_of
from tinydigits.sinks.rows import Shown

ROW = answers_of([Prediction("a.png", "7", 0.98, Status.OK, None, inverted=True)])
PLAIN = Shown()


def test_the_ending_names_the_format() -> None:
    formats = [format_of(name) for name in ("a.csv", "a.JSONL", "a.parquet", "a.txt", "a")]
    assert formats == ["csv", "jsonl", "parquet", "text", "text"]


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")

    def interrupted() -> None:
        with file_sink(str(path), "csv", PLAIN) as write:
            write(ROW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    with file_sink(str(path), "csv", PLAIN) as write:
        write(ROW)
        assert path.read_text() == "before"
    assert path.read_text().count("\n") == 2
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    with file_sink(str(link), "text", PLAIN) as write:
        write(ROW)
    assert not Path(os.devnull).is_file()
    assert link.is_symlink()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    with file_sink(str(pipe), "text", PLAIN) as write:
        write(ROW)
    assert reader.communicate(timeout=10)[0] == b"a.png: 7  0.98\n"
    assert pipe.is_fifo()


def test_links_are_written_through_and_modes_kept(tmp_path: Path) -> None:
    (tmp_path / "real.txt").touch(mode=0o600)
    (tmp_path / "link.txt").symlink_to("real.txt")
    with file_sink(str(tmp_path / "link.txt"), "text", PLAIN) as write:
        write(ROW)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "a.png: 7  0.98\n"
    assert (tmp_path / "real.txt").stat().st_mode & 0o777 == 0o600


def test_an_ending_of_another_format_is_refused() -> None:
    with pytest.raises(SinkError, match=r"\.xlsx is not written; name a \.csv"):
        format_of("rows.xlsx")


@pytest.mark.linux
def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "out.csv", Path("/dev/full")):
        with (
            pytest.raises(SinkError, match="cannot be written"),
            file_sink(str(path), "csv", PLAIN) as write,
        ):
            write(ROW)


def test_a_growing_file_shows_its_rows_at_once_below_those_of_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("b.png: 8  0.99\nto")  # cut off by a crash
    with file_sink(str(path), "text", PLAIN, grows=True) as write:
        write(ROW)
        assert path.read_text() == "b.png: 8  0.99\na.png: 7  0.98\n"


def test_what_the_model_saw_is_saved_in_order_without_what_could_not_be_read(
    tmp_path: Path,
) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    classifier = Classifier("dense")
    chunk = Chunk(["in/a.png", "gone.png", "in/b.png"], [image, str(tmp_path / "gone.png"), image])
    reading = classifier.reader.read(chunk, Keep(fitted=True))
    write = fit_sink(str(tmp_path / "seen"))
    write(answers_of(classifier.judged(chunk, reading), reading))
    saved = sorted((tmp_path / "seen").iterdir())
    assert [path.name for path in saved] == ["000001-a.png", "000002-b.png"]
    assert (np.asarray(Image.open(saved[0])) == image).all()


def test_pictures_are_not_saved_into_what_is_read(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(SinkError, match="name a folder outside it"):
            fit_sink(str(folder), [str(tmp_path)])


def test_a_name_that_no_file_can_have_is_saved_under_another(tmp_path: Path) -> None:
    row = answers_of([Prediction("a\0b.png", "7", 0.98, Status.OK, None)])
    reading = Reading(row.reading.scores, {}, np.zeros((1, 28, 28), np.uint8))
    fit_sink(str(tmp_path / "seen"))(answers_of(row.predictions, reading))
    assert [path.name for path in (tmp_path / "seen").iterdir()] == ["000001-a_b.png"]
