"""Pictures of what the model saw, in a folder."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from PIL import Image

from tinydigits.judging import Answers
from tinydigits.sinks.files import check_outside, replaced, writing
from tinydigits.sinks.rows import Write


def fit_sink(folder: str, inputs: Iterable[str] = ()) -> Write:
    """Return a function that writes what the model sees of each picture as NUMBER-NAME.png, 28×28
    grey, into `folder`.

    It takes Answers whose Reading has `fitted`. Raises SinkError where the folder cannot be made or
    written, or lies in one of the folders `inputs`, which would read its pictures as well.
    """
    check_outside(folder, inputs)
    target = Path(folder)
    numbers = count(1)

    def write(answers: Answers) -> None:
        assert answers.reading.fitted is not None
        for prediction, pixels in zip(answers.predictions, answers.reading.fitted, strict=True):
            if prediction.status == "error":
                continue
            # The number keeps pictures of one name apart; the name is cut so that it stays a name.
            name = Path(prediction.path or "image").stem[:60].replace("\0", "_")
            path = target / f"{next(numbers):06}-{name}.png"
            with writing(str(path)):
                target.mkdir(parents=True, exist_ok=True)
                with replaced(path) as file:
                    Image.fromarray(pixels).save(file, "PNG")

    return write
