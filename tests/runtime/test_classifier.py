"""Exactly one Prediction for each picture, in order; no confident answer where there is none."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinydigits import Classifier, ImageError, Limits, TinydigitsError
from tinydigits.items import Chunk, Item
from tinydigits.reading import Keep
from tinydigits_train.labelled_folder import Digits

MODEL = "dense"  # of `classifier`


def test_the_bundled_dense_reads_mnist(
    classifier: Classifier, mnist_test: Digits, has_all_of_mnist: bool
) -> None:
    answers = [prediction.label for prediction in classifier.classify(mnist_test.images)]
    accuracy = np.mean([a == str(t) for a, t in zip(answers, mnist_test.labels, strict=True)])
    if has_all_of_mnist:
        assert accuracy == classifier.info.metrics["test"]["accuracy"] == 0.9274
    else:
        assert accuracy >= 0.91


def test_one_row_each_in_order_errors_in_their_places(
    classifier: Classifier, mnist_test: Digits, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no image")
    pictures: list[object] = [*mnist_test.images[:5]]
    pictures[2:2] = [str(tmp_path / "text.png"), tmp_path / "missing.png"]
    for batch_size in (1, 3, 100):
        rows = list(classifier.classify(pictures, batch_size))  # type: ignore[arg-type]
        assert [row.status for row in rows[2:4]] == ["error", "error"]
        assert [row.path for row in rows[2:4]] == [str(p) for p in pictures[2:4]]
        assert all((row.label, row.scores) == (None, None) for row in rows[2:4])
        answered = [row.label for row in rows[:2] + rows[4:]]
        assert answered == [classifier(image).label for image in mnist_test.images[:5]]


def test_only_unreadable_pictures_still_give_rows(classifier: Classifier) -> None:
    assert [row.status for row in classifier.classify([b"", b"x"])] == ["error", "error"]


def test_classify_is_lazy(classifier: Classifier) -> None:
    taken = 0

    def pictures() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield np.zeros((28, 28), np.uint8)

    rows = classifier.classify(pictures(), batch_size=4)  # type: ignore[arg-type]
    next(rows)
    assert taken == 4


def test_every_kind_of_picture_gives_the_same(
    classifier: Classifier, mnist_test: Digits, tmp_path: Path
) -> None:
    image = Image.fromarray(mnist_test.images[0])
    path = tmp_path / "digit.png"
    image.save(path)
    expected = classifier(mnist_test.images[0])
    assert expected.path is None
    for picture in (path.read_bytes(), io.BytesIO(path.read_bytes()), image):
        assert classifier(picture) == expected
    for named in (path, str(path)):
        prediction = classifier(named)
        assert (prediction.path, prediction.scores) == (str(path), expected.scores)
    assert next(classifier.classify([Item("a name", path)])).path == "a name"


def test_call_raises_where_classify_has_a_row(classifier: Classifier) -> None:
    with pytest.raises(ImageError, match="an empty file"):
        classifier(b"")
    assert next(classifier.classify([b""])).reason == "an empty file"


def test_a_blank_picture_has_no_label(classifier: Classifier) -> None:
    for picture in (np.zeros((28, 28), np.uint8), np.full((90, 70, 3), 230, np.uint8)):
        prediction = classifier(picture)
        assert (prediction.status, prediction.reason) == ("uncertain", "blank")
        assert (prediction.label, prediction.score) == (None, None)


def test_a_score_below_min_score_is_uncertain(mnist_test: Digits) -> None:
    # The scores of some digits are nearly 1, above which there is no threshold.
    best = Classifier("dense").scores(mnist_test.images[:100]).max(axis=1)
    image = mnist_test.images[int(abs(best - 0.9).argmin())]
    score = Classifier("dense")(image).score
    assert score is not None
    below, above = (Classifier("dense", min_score=score + d)(image) for d in (-1e-4, 1e-4))
    assert (below.status, below.reason) == ("ok", None)
    assert (above.status, above.reason) == ("uncertain", "low_score")
    assert above.label == below.label


def test_the_second_best_close_to_the_best_is_ambiguous(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = np.zeros((1, 10), np.float32)
    ratio = classifier.info.thresholds.max_ratio
    monkeypatch.setattr(classifier._backend, "scores", lambda _: scores)
    digit = np.zeros((28, 28), np.uint8)
    digit[8:20, 13:15] = 255
    scores[0, [3, 5]] = 0.9, 0.9 * ratio * 0.999
    assert classifier(digit).status == "ok"
    scores[0, [3, 5]] = 0.9, 0.9 * ratio * 1.001
    prediction = classifier(digit)
    assert (prediction.label, prediction.reason) == ("3", "ambiguous")
    scores[0, [3, 5]] = 0.9, 0.9
    assert classifier(digit).label == "3"  # of equals the first, as argmax has it


def test_scores_takes_one_image_or_many(classifier: Classifier, mnist_test: Digits) -> None:
    many = classifier.scores(mnist_test.images[:7])
    assert many.shape == (7, 10)
    assert many.dtype == np.float32
    one = classifier.scores(mnist_test.images[0])
    assert np.allclose(one, many[:1], atol=1e-6)
    assert classifier.scores(np.zeros((0, 28, 28), np.uint8)).shape == (0, 10)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 28, 28), np.float32),
        np.zeros((1, 28, 27), np.uint8),
        np.zeros((1, 28, 28, 1), np.uint8),
        np.zeros(784, np.uint8),
    ],
)
def test_scores_refuses_other_arrays(classifier: Classifier, array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"scores takes uint8 \[N, 28, 28\]"):
        classifier.scores(array)


def test_what_makes_no_sense_is_refused(classifier: Classifier) -> None:
    wrongs: list[dict[str, Any]] = [
        {"fit": "Resize"},
        {"invert": "maybe"},
        {"min_score": float("nan")},
    ]
    for wrong in wrongs:
        with pytest.raises(TinydigitsError, match=str(next(iter(wrong)))):
            Classifier("dense", **wrong)
    for size in (0, -1):
        with pytest.raises(TinydigitsError, match="at least 1"):
            classifier.classify([], batch_size=size)
    with pytest.raises(TinydigitsError, match="pass a list"):
        classifier.classify(b"encoded")
    with pytest.raises(ImageError, match="scores takes uint8"):
        classifier.scores([[1]])  # type: ignore[arg-type]


def test_limits_are_handed_on() -> None:
    strict = Classifier("dense", limits=Limits(max_pixels=100))
    with pytest.raises(ImageError, match="over the limit of 100"):
        strict(np.zeros((28, 28), np.uint8))


def test_the_way_to_fit_can_be_chosen(mnist_test: Digits) -> None:
    with pytest.raises(ImageError, match="fit=none"):
        Classifier("dense", fit="none")(np.zeros((20, 20), np.uint8))
    inverted = Classifier("dense", fit="none", invert=True)(255 - mnist_test.images[0])
    assert inverted.scores == Classifier("dense")(mnist_test.images[0]).scores


def test_among_many_of_28_by_28_those_that_are_no_model_inputs_are_fitted(
    classifier: Classifier, mnist_test: Digits
) -> None:
    images = list(mnist_test.images[:20])
    plain = list(classifier.classify(images))
    mixed = list(
        classifier.classify([255 - image if n % 2 else image for n, image in enumerate(images)])
    )
    assert [row.inverted for row in mixed] == [None, True] * 10
    assert [row.label for row in mixed[::2]] == [row.label for row in plain[::2]]
    fitted = classifier.reader.read(
        Chunk([None] * 20, [255 - image for image in images]), Keep(fitted=True)
    )
    assert fitted.fitted is not None
    assert (fitted.fitted[:, 0].max(axis=1) < 50).all()
