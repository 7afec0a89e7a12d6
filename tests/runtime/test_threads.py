"""The threads of a Classifier answer large arrays with the scores that one thread gives, and its
workers do without them.
"""

import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tinydigits import Classifier, TinydigitsError
from tinydigits.model import BUNDLED

IMAGES = np.random.default_rng(0).integers(0, 256, (4200, 28, 28), np.uint8)


@pytest.mark.parametrize("name", BUNDLED)
def test_scores_are_the_same_to_the_last_bit_however_many_share_the_work(name: str) -> None:
    alone = Classifier(name)
    expected = alone.scores(IMAGES)
    one_by_one = [alone.scores(IMAGES[place]) for place in range(0, 4200, 70)]
    assert np.allclose(expected[::70], np.concatenate(one_by_one), atol=1e-5)
    for threads in (2, 3, 7):
        assert Classifier(name, threads=threads).scores(IMAGES).tobytes() == expected.tobytes()


def test_there_is_at_least_one() -> None:
    with pytest.raises(TinydigitsError, match="threads 0: at least 1"):
        Classifier("dense", threads=0)


WITH_WORKERS = """
import sys
import numpy as np
from tinydigits import Classifier

if __name__ == "__main__":
    classifier = Classifier("dense", threads=2)
    classifier.scores(np.zeros((4096, 28, 28), np.uint8))  # its threads have worked
    rows = list(classifier.classify(sys.argv[1:] * 8, batch_size=1, workers=2))
    assert [row.label for row in rows] == ["7"] * 8, rows
"""


def test_workers_of_a_classifier_with_threads_answer_and_end(tmp_path: object) -> None:
    script = ROOT.joinpath(str(tmp_path), "script.py")
    script.write_text(WITH_WORKERS)
    seven = str(ROOT / "examples" / "scans" / "7-red-pen.png")
    done = subprocess.run(
        [sys.executable, str(script), seven], timeout=60, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
