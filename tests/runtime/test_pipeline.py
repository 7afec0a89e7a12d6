"""Several processes read the same as one, in order, and lose nothing when they are killed."""

import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tinydigits import (
    Classifier,
    ModelError,
    Prediction,
    TinydigitsError,
    pipeline,
    workers,
)
from tinydigits.bounds import Limits
from tinydigits.cpus import usable_cpus
from tinydigits.images import ImageLike
from tinydigits.items import Chunk, Skipped
from tinydigits.reading import Keep, Reader
from tinydigits.sources import Opening, open_inputs
from tinydigits.workers import GIVEN_UP

pytestmark = pytest.mark.linux

SCANS = str(ROOT / "examples" / "scans")
MODEL = "dense"  # of `classifier`


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Digits, broken files, names that do not exist: 600 of them."""
    folder = tmp_path_factory.mktemp("digits")
    scans = sorted(Path(SCANS).iterdir())
    paths = []
    for place in range(600):
        path = folder / f"{place}.png"
        if place % 50 == 7:
            path.write_bytes(b"no image")
        elif place % 50 != 9:
            path.write_bytes(scans[place % len(scans)].read_bytes())
        paths.append(str(path))
    return paths


@pytest.fixture
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are copies, with what a test has changed, also where others have left a thread."""
    monkeypatch.setattr(workers, "_forks", lambda _: True)


def children() -> list[int]:
    """The processes that this one started and that still run."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def stack(count: int) -> list[ImageLike]:
    return [np.full((28, 28), place % 256, np.uint8) for place in range(count)]


@pytest.fixture(scope="module")
def alone(classifier: Classifier, files: list[str]) -> Callable[[int], list[Prediction]]:
    """A function that returns the rows of one process for a batch size."""
    return cache(lambda size: list(classifier.classify(files[: 100 if size == 1 else None], size)))


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_the_rows_are_those_of_one_process(
    classifier: Classifier,
    files: list[str],
    alone: Callable[[int], list[Prediction]],
    workers: int,
    batch_size: int,
) -> None:
    some, expected = files[: 100 if batch_size == 1 else None], alone(batch_size)
    assert list(classifier.classify(some, batch_size, workers)) == expected
    assert [row.path for row in expected] == some
    assert {row.status for row in expected} == {"ok", "uncertain", "error"}


def test_what_is_kept_comes_back_too(classifier: Classifier, files: list[str]) -> None:
    keep = Keep(fitted=True, thumbnails=True)
    chunks = [Chunk(list(files[:30]), list(files[:30]))]
    (alone,) = classifier.answers(chunks, 1, keep)
    (shared,) = classifier.answers(chunks, 2, keep)
    assert alone.reading.thumbnails == shared.reading.thumbnails
    assert alone.reading.fitted is not None
    assert shared.reading.fitted is not None
    assert (alone.reading.fitted == shared.reading.fitted).all()


def test_a_slow_source_gets_its_rows_before_it_ends(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "usable_cpus", lambda: 2)
    given = []

    def slow() -> Iterator[ImageLike]:
        for image in stack(40):
            given.append(image)
            time.sleep(0.01)
            yield image

    next(classifier.classify(slow(), batch_size=1, workers="auto"))
    assert len(given) < 40


def kill_workers(row: int, at: set[int], before: list[int]) -> None:
    if row in at:
        for pid in set(children()) - set(before):
            os.kill(pid, signal.SIGKILL)


def test_a_killed_worker_costs_no_row(
    classifier: Classifier, files: list[str], alone: Callable[[int], list[Prediction]]
) -> None:
    """The kills are so far apart that none meets the chunk of the one before."""
    expected, before = alone(256), children()
    rows: list[Prediction] = []
    for row in classifier.classify(files, batch_size=5, workers=2):
        kill_workers(len(rows), {0, 150, 300, 450, 599}, before)
        rows.append(row)
    # In five at a time the network's last bits may differ from those of 256 at a time.
    assert [(r.path, r.label, r.status) for r in rows] == [
        (r.path, r.label, r.status) for r in expected
    ]
    assert children() == before


@pytest.mark.usefixtures("_forked")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_what_kills_a_worker_twice_becomes_error_rows(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(self: Reader, chunk: Chunk, keep: Keep) -> object:
        if "deadly" in chunk.names:
            os.kill(os.getpid(), signal.SIGKILL)
        return read_before(self, chunk, keep)

    read_before = Reader.read
    monkeypatch.setattr(Reader, "read", read)
    images = stack(40)
    chunks = [Chunk([f"{n}" for n in range(4 * c, 4 * c + 4)], [*images[:4]]) for c in range(10)]
    chunks[6].names[2] = "deadly"
    rows = [row for got in classifier.answers(chunks, 2) for row in got.predictions]
    assert [row.path for row in rows] == [name for chunk in chunks for name in chunk.names]
    assert [row.reason for row in rows if row.status == "error"] == [GIVEN_UP] * 4
    assert [place for place, row in enumerate(rows) if row.status == "error"] == [24, 25, 26, 27]


@pytest.mark.usefixtures("_forked")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_what_goes_wrong_in_a_worker_is_raised_here(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise ModelError("dense.onnx: fails when it is run")

    monkeypatch.setattr(Reader, "read", fail)
    before = children()
    with pytest.raises(ModelError, match="fails when it is run"):
        list(classifier.classify(stack(10), workers=2))
    assert children() == before


def test_whoever_has_seen_enough_leaves_no_process(
    classifier: Classifier, files: list[str]
) -> None:
    before = children()
    rows = classifier.classify(files, batch_size=4, workers=2)
    assert isinstance(next(rows), Prediction)
    assert len(children()) == len(before) + 2
    rows.close()  # type: ignore[attr-defined]
    assert children() == before


def test_large_pictures_are_sent_without_a_jam(classifier: Classifier) -> None:
    """Both ends of a pipe that is full must not wait for each other."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    keep = Keep(fitted=True, thumbnails=True)
    chunks = [Chunk(["x"] * 40, [noise] * 40) for _ in range(6)]
    assert len(list(classifier.answers(chunks, 2, keep))) == 6


def test_a_classifier_is_sent_as_what_it_was_made_from() -> None:
    import pickle

    sent = pickle.loads(pickle.dumps(Classifier("dense", fit="mnist", min_score=0.3)))
    assert (sent.info.name, sent.settings.fit, sent.thresholds.min_score) == ("dense", "mnist", 0.3)


def test_no_number_of_workers_below_one(classifier: Classifier) -> None:
    with pytest.raises(TinydigitsError, match="workers 0"):
        classifier.classify([], workers=0)


def test_the_files_of_a_folder_come_in_their_order(
    classifier: Classifier, files: list[str]
) -> None:
    opening = Opening(Limits(), Skipped(), io.BytesIO)
    folder = str(Path(files[0]).parent)
    rows = classifier.classify(open_inputs([folder], opening), workers=2)
    assert [row.path for row in rows] == [path for path in files if Path(path).exists()]


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000", "cpu.max": "max 100000"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/\n", {"cpu.max": "400000 100000"}, 4),
        ("3:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "200000",
                                "cpu/x/cpu.cfs_period_us": "100000"}, 2),
        ("3:cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, 9),
        ("3:memory:/x\n", {}, 9),
    ],
)  # fmt: skip
def test_quotas_of_control_groups_are_kept_to(
    group: str,
    files: dict[str, str],
    expected: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "own").write_text(group)
    for name, text in files.items():
        path = tmp_path / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    monkeypatch.setattr("tinydigits.cpus.CGROUPS", tmp_path / "fs")
    monkeypatch.setattr("tinydigits.cpus.OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(9)))
    assert usable_cpus() == expected


def test_the_affinity_is_kept_to() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_thumbnails_are_small_and_of_every_mode(classifier: Classifier) -> None:
    pictures = [Image.new(mode, size) for mode in ("L", "RGB", "RGBA") for size in
                ((1, 1), (3000, 2), (28, 28), (400, 300))]  # fmt: skip
    reading = classifier.reader.read(Chunk([None] * 12, [*pictures]), Keep(thumbnails=True))
    assert reading.thumbnails is not None
    for data in reading.thumbnails:
        assert data is not None
        assert data.startswith(b"RIFF")
        assert len(data) < 1000
        assert max(Image.open(io.BytesIO(data)).size) <= 72


@pytest.mark.usefixtures("_forked")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_that_die_before_they_are_ready_are_an_error(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "own_process", lambda: os.kill(os.getpid(), signal.SIGKILL))
    before = children()
    with pytest.raises(TinydigitsError, match="die before they are ready"):
        list(classifier.classify(stack(10), batch_size=1, workers=2))
    assert children() == before


@pytest.mark.usefixtures("_forked")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_no_more_bytes_wait_than_are_allowed(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of large pictures fewer chunks are taken on ahead than of small ones."""

    def read(self: Reader, chunk: Chunk, keep: Keep) -> object:
        if chunk.names == ["0"]:
            time.sleep(0.5)  # while the other worker could run ahead
        return read_before(self, chunk, keep)

    read_before = Reader.read
    monkeypatch.setattr(Reader, "read", read)
    monkeypatch.setattr(workers, "MOST_BYTES", 3000)
    taken = []

    def chunks() -> Iterator[Chunk]:
        for place in range(40):
            taken.append(place)
            yield Chunk([str(place)], [bytes(1000)])

    answers = classifier.answers(chunks(), 2)
    next(answers)
    assert len(taken) <= 6
    assert len(list(answers)) == 39
