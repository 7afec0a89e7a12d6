"""An evaluation's figures are those worked out by hand, and a folder without truth is refused."""

import json
import os
import string
from pathlib import Path

import pytest

from tinydigits import Prediction, SourceError
from tinydigits.evaluation import WORST, Evaluation, Tally, wilson
from tinydigits.judging import Status
from tinydigits.sources.labelled import check_classes, truth_of

LABELS = ("a", "b", "c")


def ok(label: str, score: float = 0.9, path: str = "x.png") -> Prediction:
    return Prediction(path, label, score, Status.OK, None)


def doubt(label: str, score: float = 0.4, path: str = "x.png") -> Prediction:
    return Prediction(path, label, score, Status.UNCERTAIN, "low_score")


BLANK = Prediction("blank.png", None, None, Status.UNCERTAIN, "blank")
BROKEN = Prediction("broken.png", None, None, Status.ERROR, "a damaged PNG: truncated")


def evaluated(*pairs: tuple[Prediction, str], labels: tuple[str, ...] = LABELS) -> Evaluation:
    tally = Tally(labels)
    for prediction, truth in pairs:
        tally.add(prediction, truth)
    return tally.result()


@pytest.fixture(scope="module")
def ten() -> Evaluation:
    """Ten pictures, whose figures can be counted on one's fingers."""
    return evaluated(
        *[(ok("a"), "a")] * 3,
        (ok("b", 0.8, "sure.png"), "a"),
        (doubt("a"), "a"),
        (ok("b"), "b"),
        (doubt("a", 0.45, "unsure.png"), "b"),
        (BLANK, "b"),
        (BROKEN, "b"),
        (ok("b", 0.95, "surest.png"), "a"),
    )


# Newcombe, Stat. Med. 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)],
)
def test_the_interval_is_the_published_one(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson(trials - hits, trials)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)
    assert 0 <= mirrored[0] <= mirrored[1] <= 1


def test_everything_is_counted_once(ten: Evaluation) -> None:
    assert (ten.images, ten.ok, ten.uncertain, ten.unreadable) == (10, 6, 3, 1)
    assert sum(map(sum, ten.confusion)) == ten.images
    assert ten.confusion == ((4, 2, 0, 0, 0), (1, 1, 0, 1, 1), (0, 0, 0, 0, 0))


def test_blank_and_unreadable_ones_count_as_wrong(ten: Evaluation) -> None:
    assert ten.correct == 5
    assert ten.accuracy == 0.5
    assert ten.accuracy_interval == wilson(5, 10)
    assert ten.uncertain_share == 0.3
    assert ten.accuracy_ok == pytest.approx(4 / 6)


def test_precision_and_recall_are_none_where_nothing_was_seen(ten: Evaluation) -> None:
    a, b, c = ten.classes
    assert (a.support, a.precision, a.recall) == (6, 4 / 5, 4 / 6)
    assert (b.support, b.precision, b.recall) == (4, 1 / 3, 1 / 4)
    assert (c.support, c.precision, c.recall) == (0, None, None)


def test_the_worst_are_the_surest_and_then_the_uncertain(ten: Evaluation) -> None:
    assert [(each.path, each.truth, each.label, each.score) for each in ten.worst] == [
        ("surest.png", "a", "b", 0.95),
        ("sure.png", "a", "b", 0.8),
        ("unsure.png", "b", "a", 0.45),
        ("blank.png", "b", None, None),
    ]


def test_of_many_mistakes_the_worst_are_kept() -> None:
    pairs = [(ok("b", score / 1000, f"{score}.png"), "a") for score in range(500)]
    pairs += [(doubt("b", 0.999, "doubt.png"), "a")] * 5
    worst = evaluated(*pairs).worst
    assert [each.path for each in worst] == [f"{499 - place}.png" for place in range(WORST)]


def test_no_ok_answer_has_no_accuracy() -> None:
    assert evaluated((BLANK, "a")).accuracy_ok is None


def test_json_holds_every_figure(ten: Evaluation) -> None:
    read = json.loads(ten.to_json())
    assert set(read) == set(Evaluation.__dataclass_fields__)
    assert read["confusion"][1] == [1, 1, 0, 1, 1]
    assert read["worst"][0]["path"] == "surest.png"
    assert read["classes"][2] == {"label": "c", "support": 0, "precision": None, "recall": None}


def test_text_shows_the_figures_in_aligned_tables(ten: Evaluation) -> None:
    text = ten.as_text()
    assert "accuracy    50.00 %  (5 of 10; 95 % interval 23.66 % to 76.34 %)" in text
    assert "uncertain   30.00 %  (3 of 10)" in text
    assert "unreadable  1\n" in text
    matrix = text.split("of each truth (rows)\n")[1].split("\n\n")[0].splitlines()
    assert [line.split() for line in matrix] == [
        ["truth", "a", "b", "c", "(blank)", "(unreadable)"],
        ["a", "4", "2", "·", "·", "·"],
        ["b", "1", "1", "·", "1", "1"],
        ["c", "·", "·", "·", "·", "·"],
    ]
    assert len({len(line) for line in matrix}) == 1


def test_a_hundred_labels_stay_readable() -> None:
    labels = tuple(f"class {number}" for number in range(100))
    pairs = [(ok(label), label) for label in labels]
    pairs += [(ok(labels[(at + 1) % 100]), label) for at, label in enumerate(labels)]
    pairs += [(ok("class 3"), "class 50")] * 7
    text = evaluated(*pairs, labels=labels).as_text()
    assert max(map(len, text.splitlines())) <= 80
    confusions = text.split("The most frequent confusions, 20 of 101\n")[1].splitlines()
    assert confusions[1].split() == ["class", "50", "class", "3", "7"]


def test_names_do_not_reach_the_terminal_as_they_are() -> None:
    name = os.fsdecode(b"\x1b[2J\n\xff.png")
    text = evaluated((ok("b", path=name), "a")).as_text()
    assert text.replace("\n", "").isprintable()


def test_nothing_and_unknown_truths_are_refused() -> None:
    with pytest.raises(SourceError, match="no picture to evaluate"):
        evaluated()
    with pytest.raises(SourceError, match=r"x\.png: its truth 'z' is no label .* a, b, c"):
        evaluated((ok("a"), "z"))


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("digits", "digits/7/x.png"),
        ("digits/", "digits/7/x.png"),
        (".", "./7/x.png"),
        ("/d", "/d/7/deep/er/x.png"),
        ("d/../d", "d/../d/7/x.png"),
    ],
)
def test_the_truth_is_the_first_folder_below(folder: str, path: str) -> None:
    assert truth_of(folder, path) == "7"


@pytest.mark.parametrize("path", ["digits/x.png", "elsewhere/7/x.png", None])
def test_a_picture_without_truth_is_refused(path: str | None) -> None:
    with pytest.raises(SourceError, match=r"has no truth; move it into a sub-folder of digits"):
        truth_of("digits", path)


def folders(root: Path, *names: str) -> str:
    for name in names:
        (root / name).mkdir()
    return str(root)


def test_folders_named_for_labels_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    check_classes(folders(tmp_path, "a", "c", ".hidden", "__MACOSX"), LABELS)


def test_other_folders_are_listed_beside_the_labels(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no label of the model: 2, 10; its labels are a, b, c"):
        check_classes(folders(tmp_path, "a", "10", "2"), LABELS)


def test_a_picture_beside_the_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.PNG").touch()
    with pytest.raises(SourceError, match=r"x\.PNG: has no truth"):
        check_classes(folders(tmp_path, "a"), LABELS)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    """The message says what was expected, and what was found."""
    with pytest.raises(SourceError, match=r"holds no sub-folder .* show: a, b, c; or name a table"):
        check_classes(folders(tmp_path, ".hidden"), LABELS)
    for name in ("x.png", "y.png", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match=r"holds no sub-folder .* but 2 pictures; sort the pict"):
        check_classes(str(tmp_path), LABELS)


def test_the_folder_that_holds_the_classes_is_named(tmp_path: Path) -> None:
    folders(tmp_path, "train", "notes")
    folders(tmp_path / "train", "a", "b")
    with pytest.raises(SourceError, match=rf"notes, train; .*; did you mean {tmp_path}/train\?"):
        check_classes(str(tmp_path), LABELS)


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, tmp_path / "missing"):
        with pytest.raises(SourceError, match=f"{path.name}: .*; name a folder"):
            check_classes(str(path), LABELS)


def test_a_hostile_folder_name_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        check_classes(folders(tmp_path, "\x1b[2J"), tuple(string.digits))
    assert str(caught.value).isprintable()


def tree(root: Path, *paths: str) -> str:
    for path in paths:
        (root / path).mkdir(parents=True)
    return str(root)


@pytest.mark.parametrize(
    ("names", "tested"),
    [(("train", "val", "test"), "test"), (("Training", "Validation"), "Validation"),
     (("valid", "test_set"), "test_set")],
)  # fmt: skip
def test_the_test_pictures_are_evaluated_where_a_folder_has_splits(
    tmp_path: Path, names: tuple[str, ...], tested: str
) -> None:
    folder = tree(tmp_path, *(f"{name}/{label}" for name in names for label in "ab"))
    assert check_classes(folder, LABELS) == str(tmp_path / tested)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("train/a", "train/b", "val/a", "c"), "train, val are splits, and c beside them are not"),
        (("train/a", "test"), "test: is a split by its name, and holds no sub-folder"),
        (("ann/a", "ann/b", "ben/a", "ben/b"), "a, b repeat below ann, ben"),
    ],
)
def test_splits_beside_classes_and_classes_below_others_are_refused(
    tmp_path: Path, paths: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        check_classes(tree(tmp_path, *paths), LABELS)


def test_a_class_may_be_called_test_and_its_pictures_may_be_sorted_further(tmp_path: Path) -> None:
    labels = ("a", "b", "test")
    assert check_classes(tree(tmp_path, "a/more", "b/more", "test"), labels) == str(tmp_path)
